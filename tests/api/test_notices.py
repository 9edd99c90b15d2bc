"""Warnings and deprecations: what they say, whom they name, how the command line prints them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import zoo.api.contracts
from zoo.api import ZooDeprecationWarning, ZooWarning
from zoo.api.notices import deprecated
from zoo.registry import registry

if TYPE_CHECKING:
    from conftest import Plant

ZOO = [sys.executable, "-P", "-c", "from zoo.cli import main; main()"]

# A module of the zoo that announces a deprecation when it is used.
CORE = """
from dataclasses import dataclass
from zoo.api.notices import deprecated

@dataclass(frozen=True)
class Backbone:
    size: int = 0

    def __post_init__(self):
        if self.size:
            deprecated("Backbone.size", since="0.3", instead="give Backbone.input_size")
"""
AUTHOR = """
from zoo.api import Loss
from zoo import old_contracts

ours = Loss(build=lambda: None)
first = old_contracts.Backbone(
    size=3)
second = old_contracts.Backbone(size=4); third = old_contracts.Backbone(size=5)
"""


@pytest.fixture
def old_contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> Path:
    """A zoo with ``zoo.old_contracts``, in this process and its children; the author's module."""
    folder = tmp_path / "core"
    folder.mkdir()
    (folder / "old_contracts.py").write_text(CORE)
    place = plant("author", {"zoo.losses": {"ours": "ours"}}, AUTHOR)
    # site runs it before anything else, in children as well
    (place / "sitecustomize.py").write_text(f"import zoo\nzoo.__path__.append({str(folder)!r})\n")
    monkeypatch.setattr(zoo, "__path__", [*zoo.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "zoo.old_contracts", raising=False)
    return place / "author.py"


def test_a_deprecation_names_the_line_of_the_author_and_what_to_do(old_contracts: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        registry("loss").get("ours")
    messages = [str(w.message) for w in caught if issubclass(w.category, ZooDeprecationWarning)]
    ending = "kept for at least two minor releases after it: give Backbone.input_size"
    assert messages == [
        f"{old_contracts}, line {line}: Backbone.size is deprecated since landmark-zoo 0.3 and "
        f"{ending}"
        for line in (6, 8, 8)
    ]
    assert {(w.filename, w.lineno) for w in caught} == {
        (str(old_contracts), 6),
        (str(old_contracts), 8),
    }


@pytest.mark.parametrize(
    "arguments",
    [["info", "ours", "--json"], ["check", "ours", "--only", "found_through_metadata"]],
    ids=["info", "check"],
)
def test_the_command_line_prints_it_once_for_each_line(
    old_contracts: Path, arguments: list[str]
) -> None:
    done = subprocess.run([*ZOO, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line.split(": Backbone.size is dep")[0] for line in lines] == [
        f"warning: {old_contracts}, line 6",
        f"warning: {old_contracts}, line 8",
    ]


def test_the_check_of_a_list_shows_it_beside_a_plugin_that_works(
    old_contracts: Path,
) -> None:
    done = subprocess.run([*ZOO, "list", "ours", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    row = done.stdout.splitlines()[-1]
    assert row.startswith("ours  loss  author 1.0  ok")
    assert "line 6: Backbone.size is deprecated since landmark-zoo 0.3" in row
    assert row.count("line 8") == 1


def test_other_warnings_are_left_to_python(plant: Plant) -> None:
    source = (
        "import warnings\nfrom zoo.api import Loss\nours = Loss(build=lambda: None)\n"
        "warnings.warn('an ordinary one')\n"
    )
    plant("author", {"zoo.losses": {"ours": "ours"}}, source)
    done = subprocess.run([*ZOO, "info", "ours"], capture_output=True, text=True)
    assert "author.py:4: UserWarning: an ordinary one" in done.stderr


def test_an_old_version_of_the_contracts_that_will_go_is_announced_by_name(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant("author", {"zoo.losses": {"ours": "ours"}}, AUTHOR.split("first")[0].replace(
        "from zoo import old_contracts", ""))  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry("loss").get("ours")
    monkeypatch.setitem(zoo.api.contracts.DEPRECATED_API_VERSIONS, 1, "0.7")  # type: ignore[misc]
    registry("loss").loaded.clear()
    with pytest.warns(ZooDeprecationWarning) as caught:
        registry("loss").get("ours")
    assert [str(w.message) for w in caught] == [
        "loss ours of author 1.0: version 1 of the plugin API is deprecated since landmark-zoo "
        "0.7 and kept for at least two minor releases after it: upgrade author, or ask its author "
        "for version 2"
    ]


def test_a_deprecation_is_quiet_in_a_program_and_seen_by_its_tests() -> None:
    # like Python's own: hidden from users, who can do nothing about it
    assert issubclass(ZooDeprecationWarning, DeprecationWarning)
    assert issubclass(ZooDeprecationWarning, ZooWarning)
    with pytest.warns(ZooDeprecationWarning, match=r"test_notices\.py, line \d+: x is deprecated"):
        deprecated("x", since="0.3", instead="use y")
