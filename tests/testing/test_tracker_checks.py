"""Every check of the list for trackers finds the one thing that is wrong with a tracker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zoo.testing import Outcome, checks

pytestmark = pytest.mark.usefixtures("quick_children")

KIND, GROUP = "tracker", "zoo.trackers"

SOURCE = """
from zoo.api import Tracker


class Quiet:
    def begin(self, run):
        self.run = run

    def step(self, step, figures):
        pass

    def epoch(self, step, figures):
        pass

    def close(self, ending):
        pass


class Deaf(Quiet):
    def epoch(self, step, figures):
        raise ConnectionError("nobody listens")


class Nameless(Quiet):
    close = None


class New(Quiet):
    def begin(self, run):
        (run.folder / "told").mkdir()


class Whole(Quiet):
    def epoch(self, step, figures):
        int(figures["train_loss"])


class Loose(Quiet):
    def begin(self, run):
        (run.folder / "told.txt").write_text("told")


class Eager(Quiet):
    def begin(self, run):
        (run.folder / "config.toml").write_text("mine")


def of(cls):
    return Tracker(build=cls)


only = Quiet()
healthy = of(Quiet)
no_summary = Tracker(build=Quiet, summary=None)
addressed = Tracker(build=lambda address: Quiet())
deaf = of(Deaf)
nameless = of(Nameless)
makes_anew = of(New)
shared = Tracker(build=lambda: only)
whole_numbers = of(Whole)
loose_file = of(Loose)
eager = of(Eager)
"""

BROKEN = {
    "no_summary": ("declares_valid_facts", "Tracker.summary is None: a text is wanted"),
    "addressed": ("needs_no_options", "address can be given by place"),
    "deaf": ("is_told_a_run", "epoch 1 raises ConnectionError: nobody listens"),
    "nameless": ("is_told_a_run", "build gives a Nameless without close"),
    "makes_anew": ("goes_on_with_a_run", "begin raises FileExistsError"),
    "shared": ("keeps_runs_apart", "build gives one tracker for two runs"),
    "whole_numbers": ("takes_what_is_no_number", "a loss of nan raises ValueError"),
    "loose_file": ("changes_nothing_else_in_the_folder", "it writes told.txt beside the run's"),
    "eager": ("changes_nothing_else_in_the_folder", "it changes config.toml of the run"),
}


def test_a_healthy_tracker_passes_all(outcomes: Callable[..., list[Outcome]]) -> None:
    found = outcomes("healthy")
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []
    assert len(found) == 9


@pytest.mark.parametrize("plugin", BROKEN)
def test_a_broken_tracker_fails_the_check_that_is_about_it(
    failures: Callable[..., dict[str, str]], plugin: str
) -> None:
    check, words = BROKEN[plugin]
    found = failures(plugin)
    assert words in found.get(check, "")
    if plugin not in ("addressed", "deaf"):  # these fail other checks too
        assert list(found) == [check]


def test_each_check_has_a_tracker_that_fails_it() -> None:
    elsewhere = {"found_through_metadata", "import_leaves_no_trace"}  # in test_kit
    named = [check.name for check in checks("healthy", KIND)]
    assert {check for check, _ in BROKEN.values()} | elsewhere == set(named)
