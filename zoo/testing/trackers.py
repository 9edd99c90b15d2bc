"""The list of checks for a tracker: it is told short made-up runs, in folders of their own.

The kit cannot see what a tracker does with them. It checks that nothing raises.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from zoo.api import RunTracker, TrackedRun
from zoo.config.recipes import resolve
from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
    require_keyword_only,
)
from zoo.testing.failures import CheckFailed, must, needs
from zoo.testing.subject import Subject

STEPS = 3
"""Steps of an epoch."""
METHODS = ("begin", "step", "epoch", "close")


class TrackerSubject(Subject):
    """A tracker, built for each run."""

    def build(self) -> RunTracker:
        plugin = self.plugin
        with must("building it"):
            tracker: Any = plugin.build()
        if lacking := [name for name in METHODS if not callable(getattr(tracker, name, None))]:
            raise CheckFailed(f"build gives a {type(tracker).__name__} without {lacking[0]}")
        typed: RunTracker = tracker
        return typed

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """A configuration with values of every type."""
        return resolve("timm:test_resnet", "strong").to_share()


def row(epoch: int, **other: float) -> dict[str, float]:
    """A row of history.csv."""
    figures = {"epoch": epoch, "step": epoch * STEPS, "lr": 1e-3, "train_loss": 0.5 / epoch}
    figures |= {"val_loss": 0.25 / epoch, "val_nme": 0.125 / epoch, "seconds": 1.5}
    return figures | {"val_seconds": 0.5, "images_per_second": 64.0} | other


def log_epoch(tracker: RunTracker, epoch: int, **figures: float) -> None:
    for step in range((epoch - 1) * STEPS + 1, epoch * STEPS + 1):
        with must(f"step {step}"):
            tracker.step(step, {"loss": 0.5 / step, "images_per_second": 64.0} | figures)
    with must(f"epoch {epoch}"):
        tracker.epoch(epoch * STEPS, row(epoch, **figures))


@contextmanager
def folder() -> Iterator[Path]:
    # on Windows a tracker may still hold a file open if nothing told it that its run ended
    with tempfile.TemporaryDirectory(prefix="zoo-check-", ignore_cleanup_errors=True) as parent:
        run = Path(parent).resolve() / "timm-test_resnet-synthetic-0a1b2c-s0"
        run.mkdir()
        yield run


def begin(tracker: RunTracker, run: Path, config: Mapping[str, Any], epochs: int = 0) -> None:
    history = [row(epoch) for epoch in range(1, epochs + 1)]
    with must("begin"):
        tracker.begin(TrackedRun(folder=run, config=config, step=epochs * STEPS, history=history))


def close(tracker: RunTracker, ending: Any = "finished") -> None:
    with must(f"close with {ending!r}"):
        tracker.close(ending)


def needs_no_options(subject: TrackerSubject) -> None:
    """``build()``: it is called without arguments."""
    require_keyword_only(subject.plugin.build)


def is_told_a_run(subject: TrackerSubject) -> None:
    """It takes the beginning of a run, two epochs with their steps, and the end."""
    with folder() as run:
        tracker = subject.build()
        begin(tracker, run, subject.config)
        for epoch in (1, 2):
            log_epoch(tracker, epoch)
        close(tracker)


def goes_on_with_a_run(subject: TrackerSubject) -> None:
    """A second tracker goes on with a run whose first tracker was closed, or whose process died."""
    for died in (False, True):
        with folder() as run:
            with needs("is_told_a_run"):
                first = subject.build()
                begin(first, run, subject.config)
                log_epoch(first, 1)
                if not died:
                    close(first, "stopped")
                tracker = subject.build()
            begin(tracker, run, subject.config, epochs=1)
            log_epoch(tracker, 2)
            close(tracker)


def keeps_runs_apart(subject: TrackerSubject) -> None:
    """Two trackers are told two runs, one after another, as for folds."""
    with folder() as one, folder() as other:
        with needs("is_told_a_run"):
            trackers = [subject.build(), subject.build()]
        if trackers[0] is trackers[1]:
            raise CheckFailed("build gives one tracker for two runs")
        for tracker, run in zip(trackers, (one, other), strict=True):
            begin(tracker, run, subject.config)
            log_epoch(tracker, 1)
            close(tracker)


def takes_what_is_no_number(subject: TrackerSubject) -> None:
    """It takes a loss of NaN or infinity, with which a run may end, and the end of a failed run."""
    for strange in (float("nan"), float("inf")):
        with folder() as run:
            with needs("is_told_a_run"):
                tracker = subject.build()
                begin(tracker, run, subject.config)
            with must(f"a loss of {strange}"):
                tracker.step(1, {"loss": strange, "images_per_second": 64.0})
                tracker.epoch(STEPS, row(1, train_loss=strange))
            close(tracker, "failed")


def changes_nothing_else_in_the_folder(subject: TrackerSubject) -> None:
    """The files of a run, such as config.toml, are left as they are."""
    with folder() as run:
        before = {"config.toml": "epochs = 2\n", "history.csv": "epoch\n1\n"}
        for name, text in before.items():
            (run / name).write_text(text, encoding="utf-8")
        with needs("is_told_a_run"):
            tracker = subject.build()
            begin(tracker, run, subject.config)
            log_epoch(tracker, 1)
            close(tracker)
        for name, text in before.items():
            if not (run / name).is_file() or (run / name).read_text("utf-8") != text:
                raise CheckFailed(f"it changes {name} of the run")
        if loose := sorted(p.name for p in run.iterdir() if p.is_file() and p.name not in before):
            raise CheckFailed(
                f"it writes {loose[0]} beside the run's own files; a folder of its own is for that"
            )


SUBJECT = TrackerSubject
CHECKS: tuple[Callable[[Any], str | None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    needs_no_options,
    is_told_a_run,
    goes_on_with_a_run,
    keeps_runs_apart,
    takes_what_is_no_number,
    changes_nothing_else_in_the_folder,
)
