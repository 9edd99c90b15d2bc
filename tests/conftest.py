"""Fixtures for every test: distributions with plugins, put on the path as pip would do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

import zoo.registry.lookup

os.environ["ZOO_OFFLINE"] = "1"  # no test, and no process that it starts, goes online

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Plant(Protocol):
    """``plant(name, plugins, source)``: install a distribution that has one module.

    ``plugins`` maps entry-point groups to ids to objects of the module, as in
    ``{"zoo.losses": {"huber": "huber"}}``; ``source`` is the module's text. An object with a colon
    is a complete target. Returns the folder of the distribution, which is now on the path of this
    process and of its children.
    """

    def __call__(
        self,
        name: str,
        plugins: Mapping[str, Mapping[str, str]],
        source: str = "",
        *,
        version: str = "1.0",
        requires: Sequence[str] = (),
        metadata_folder: str = "dist-info",
    ) -> Path: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance",
        choices=("quick", "full"),
        default="quick",
        help="how much of the conformance kit the built-in plugins go through (make conformance)",
    )


Planting = Callable[[Path, pytest.MonkeyPatch], AbstractContextManager[Plant]]


@pytest.fixture
def plant(planting: Planting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """See :class:`Plant`. Modules are named after their distribution, in small letters with _."""
    with planting(tmp_path, monkeypatch) as planted:
        yield planted


@pytest.fixture(scope="session")
def planting() -> Planting:
    """``planting(folder, monkeypatch)``: a context in which distributions are planted there, for
    fixtures that serve a whole module."""
    return _planting


@contextmanager
def _planting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    modules_before = set(sys.modules)

    def plant_distribution(
        name: str,
        plugins: Mapping[str, Mapping[str, str]],
        source: str = "",
        *,
        version: str = "1.0",
        requires: Sequence[str] = (),
        metadata_folder: str = "dist-info",
    ) -> Path:
        stem = name.lower().replace("-", "_")
        folder = tmp_path / f"site-{len(list(tmp_path.iterdir()))}-{stem}"
        info = folder / f"{stem}-{version}.{metadata_folder}"
        info.mkdir(parents=True)
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        about += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        for file in ("METADATA", "PKG-INFO"):
            (info / file).write_text(about)
        lines = []
        for group, points in plugins.items():
            lines.append(f"[{group}]")
            for plugin_id, target in points.items():
                full_target = target if ":" in target else f"{stem}:{target}"
                lines.append(f"{plugin_id} = {full_target}")
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        (folder / f"{stem}.py").write_text(source)
        monkeypatch.syspath_prepend(str(folder))
        inherited = os.environ.get("PYTHONPATH")
        paths = [str(folder), *([inherited] if inherited else [])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
        return folder

    yield plant_distribution
    for module in set(sys.modules) - modules_before:
        if str(tmp_path) in str(getattr(sys.modules[module], "__file__", "")):
            del sys.modules[module]
    # otherwise the next test that plants this name would find the plugin of this test
    zoo.registry.lookup._registry.cache_clear()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests that need one: a process can drive only one at a time."""
    from browsing import chromium

    with chromium() as started:
        yield started
