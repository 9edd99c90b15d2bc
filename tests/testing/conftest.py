"""A distribution for each list of the kit: healthy plugins, and a broken one for each check.

A test module gives its text as ``SOURCE`` and its group as ``GROUP``; every instance of a contract
in it is a plugin under its own name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import quick_process
import torch

from zoo.api.kinds import KINDS
from zoo.testing import Outcome, checks, run

if TYPE_CHECKING:
    from conftest import Planting

_CONTRACTS = "|".join(kind.contract for kind in KINDS.values())
_PLUGIN = re.compile(rf"^(\w+) = (?:of|{_CONTRACTS})\(", re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def quick_children() -> Iterator[None]:
    """Children of the kit are forked from a process that has PyTorch loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.registry.trial.start_python", quick_process.start_python)
        yield


@pytest.fixture(scope="module")
def planted(
    request: pytest.FixtureRequest, planting: Planting, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The module's SOURCE, installed as the distribution ``menagerie``; its folder."""
    source, group = request.module.SOURCE, request.module.GROUP
    plugins = {name: name for name in _PLUGIN.findall(source)}
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        planting(tmp_path_factory.mktemp("menagerie"), monkeypatch) as plant,
    ):
        yield plant("menagerie", {group: plugins}, source)


@pytest.fixture(scope="module")
def outcomes(planted: Path, request: pytest.FixtureRequest) -> Callable[..., list[Outcome]]:
    """``outcomes(plugin_id, ...)``: the outcomes of all its checks except the one that starts
    two processes, which takes longer than all others together and has tests of its own."""
    kind = request.module.KIND

    def run_all(plugin_id: str, **options: Any) -> list[Outcome]:
        found = checks(plugin_id, kind, **options)
        return [run(check) for check in found if check.name != "trains_in_two_processes"]

    return run_all


@pytest.fixture(scope="module")
def failures(outcomes: Callable[..., list[Outcome]]) -> Callable[..., dict[str, str]]:
    """``failures(plugin_id, ...)``: the messages of the checks that fail, by their names; without
    the checks that were not run."""

    def failed(plugin_id: str, **options: Any) -> dict[str, str]:
        found = outcomes(plugin_id, **options)
        for outcome in found:
            assert "\n" not in outcome.message
            assert len(outcome.message) < 400
        bad = [o for o in found if not o.as_expected and o.status != "not run"]
        return {outcome.check.name: outcome.message for outcome in bad}

    return failed
