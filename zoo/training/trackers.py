"""`--log-with ID`: trackers, which receive the progress of a run as its reporter does.

The folder of a run lists its trackers, so that a resumed run has the same ones, and so does its
record. A tracker that fails does not stop the run: a note says so, and it is not called again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..api import RunTracker, TrackedRun, Tracker, UsageError, ZooError
from ..api.trackers import Ending
from ..files import write_whole
from ..registry import Entry, Resolved, bare_id, blaming, registry
from ..reporter import Beside, Reporter, RunStarted, Step
from ..runs.folder import RunFolder
from .fit import Interrupted

FACTS = ("id", "distribution", "version")
FOLDER_OF_TENSORBOARD = "tensorboard"
"""Runs of earlier versions have this folder, and no list of trackers."""


@contextmanager
def tracked(reporter: Reporter, log_with: str | Sequence[str] | None) -> Iterator[Reporter]:
    """The reporter, and beside it the trackers of these ids, which are closed at the end.

    Raises :class:`zoo.api.ZooError` for one that is unknown, is named twice, does not load, or
    lacks what it cannot do without.
    """
    ids = [log_with] if isinstance(log_with, str) else list(log_with or ())
    if duplicates := [each for i, each in enumerate(ids) if bare_id(each) in map(bare_id, ids[:i])]:
        raise UsageError(f"--log-with {duplicates[0]}: a tracker of this id is named twice")
    relays = [_relay(each) for each in ids]
    reporters = []
    for relay in relays:
        reporter = Beside(reporter, relay, relay.name)
        reporters.append(reporter)
    ending: Ending = "failed"
    try:
        yield reporter
        ending = "finished"
    except (Interrupted, KeyboardInterrupt):
        ending = "stopped"
        raise
    finally:
        for each in reporters:
            each.track("close", ending)


def was_tracked(run: Path, reporter: Reporter) -> list[str]:
    """The trackers of a run that is resumed. A note names those that can no longer be built."""
    found = []
    for each in _listed(RunFolder(run)):
        plugin_id = f"{each['distribution']}/{each['id']}"
        try:
            _relay(plugin_id)
        except ZooError as error:
            reporter.note(f"{run}: goes on without one of its trackers: {error}")
        else:
            found.append(plugin_id)
    return found


def trackers_of(folder: RunFolder) -> dict[str, dict[str, str]]:
    """The trackers of a run as its record names them, ``tracker:ID``."""
    return {f"tracker:{each['id']}": each for each in _listed(folder)}


def _listed(folder: RunFolder) -> list[dict[str, str]]:
    try:
        listed = json.loads(folder.trackers.read_text("utf-8"))
        return [{key: str(each[key]) for key in FACTS} for each in listed]
    except FileNotFoundError:
        if not (folder.path / FOLDER_OF_TENSORBOARD).is_dir():
            return []
        return [_facts(registry("tracker").locate("landmark-zoo/tensorboard"))]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # damaged: a run goes on all the same


def _keep(folder: RunFolder, entry: Entry) -> None:
    """Add this tracker to the list in the run's folder."""
    others = [each for each in _listed(folder) if each["id"] != entry.id]
    write_whole(folder.trackers, f"{json.dumps([*others, _facts(entry)], indent=2)}\n".encode())


def _facts(entry: Entry) -> dict[str, str]:
    return {fact: getattr(entry, fact) for fact in FACTS}


def _relay(plugin_id: str) -> _Relay:
    try:
        return _Relay(registry("tracker").resolve(plugin_id))
    except UsageError as error:
        raise UsageError(f"--log-with {plugin_id}: {error}") from error


class _Relay(Reporter):
    """A reporter that passes its calls to a tracker, in the form of the tracker contract."""

    def __init__(self, resolved: Resolved[Tracker]) -> None:
        self._resolved = resolved
        self._next: RunTracker | None = self._build()  # reports before training what it lacks
        self._active: RunTracker | None = None

    @property
    def name(self) -> str:
        return self._resolved.entry.label

    def begin(self, started: RunStarted) -> None:
        self.close("finished")  # of the fold before this one
        tracker, self._next = self._next or self._build(), None
        with self._blaming():
            tracker.begin(
                TrackedRun(started.folder, started.config.to_share(), started.step, started.history)
            )
        self._active = tracker
        _keep(RunFolder(started.folder), self._resolved.entry)

    def step(self, step: Step) -> None:
        if self._active is not None:
            done = (step.epoch - 1) * step.steps + step.step
            figures = {"loss": step.loss, "images_per_second": step.images_per_second}
            with self._blaming():
                self._active.step(done, figures)

    def epoch(self, row: Mapping[str, Any]) -> None:
        if self._active is not None:
            with self._blaming():
                self._active.epoch(row["step"], row)

    def close(self, ending: Ending) -> None:
        tracker, self._active = self._active, None
        if tracker is not None:
            with self._blaming():
                tracker.close(ending)

    def _build(self) -> RunTracker:
        with blaming(self._resolved.entry, "cannot be built"):
            return self._resolved.plugin.build()

    def _blaming(self) -> Any:
        return blaming(self._resolved.entry, "fails")
