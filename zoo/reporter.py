"""How work that takes long reports its progress: the command line draws it, a test records it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .registry.trial import reason_of

if TYPE_CHECKING:
    from .config import Config


@dataclass(frozen=True)
class Step:
    """Where training stands after a step."""

    epoch: int
    epochs: int
    step: int
    """Step of the epoch, from 1."""
    steps: int
    loss: float
    images_per_second: float
    seconds_left: float
    val_nme: float | None
    """NME of the last epoch that was validated, a fraction."""


@dataclass(frozen=True)
class RunStarted:
    """A run whose training begins or is resumed."""

    folder: Path
    config: Config
    step: int
    """Steps that are done: 0 for a new run."""
    history: Sequence[Mapping[str, Any]]
    """The rows of history.csv so far."""


class Reporter:
    """Shows nothing; subclasses override the methods whose calls they show."""

    def progress(self, doing: str, done: int, total: int) -> None:
        """``done`` of ``total`` pieces of work are done.

        Args:
            doing: What is being done, such as ``decoding train``.
            done: How many pieces are done so far.
            total: How many there are; 0 where the number is not known.
        """

    def decoded(self, split: str, frames: int) -> None:
        """All frames of a split are decoded into its store."""

    def decoding(self, split: str) -> Callable[[int, int], None]:
        """A function to call as (done, total) while a split is decoded."""

        def progress(done: int, total: int) -> None:
            self.progress(f"decoding {split}", done, total)
            if done == total:
                self.decoded(split, total)

        return progress

    def begin(self, started: RunStarted) -> None:
        """Training begins in a run folder, or goes on there."""

    def step(self, step: Step) -> None:
        """A step is done; called at the log interval."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch is validated and saved; ``row`` is what history.csv holds."""

    def note(self, message: str) -> None:
        """Something a user should know: a skip, an early stop, weights that were not used."""


class Beside(Reporter):
    """Passes every call to a reporter and to a tracker; a tracker that fails is dropped."""

    def __init__(self, reporter: Reporter, tracker: Reporter, name: str) -> None:
        self._reporter = reporter
        self._tracker: Reporter | None = tracker
        self._name = name

    def progress(self, doing: str, done: int, total: int) -> None:
        self._reporter.progress(doing, done, total)
        self.track("progress", doing, done, total)

    def decoded(self, split: str, frames: int) -> None:
        self._reporter.decoded(split, frames)
        self.track("decoded", split, frames)

    def begin(self, started: RunStarted) -> None:
        self._reporter.begin(started)
        self.track("begin", started)

    def step(self, step: Step) -> None:
        self._reporter.step(step)
        self.track("step", step)

    def epoch(self, row: Mapping[str, Any]) -> None:
        self._reporter.epoch(row)
        self.track("epoch", row)

    def note(self, message: str) -> None:
        self._reporter.note(message)
        self.track("note", message)

    def track(self, method: str, *arguments: Any) -> None:
        """Call a method of the tracker; after a failure the tracker is not called again."""
        try:
            if self._tracker is not None:
                getattr(self._tracker, method)(*arguments)
        except Exception as error:
            self._tracker = None
            self._reporter.note(f"{self._name} no longer follows this run: {reason_of(error)}")
