"""The contract of a tracker, which receives the figures of a run while it trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from .contracts import ExpectedFailures

Ending = Literal["finished", "stopped", "failed"]
"""How a run ended: with all its epochs, by a signal that asked it to stop, or by an error."""


@dataclass(frozen=True)
class TrackedRun:
    """A run when its training begins or resumes. Later versions may add fields.

    Example:
        >>> from pathlib import Path
        >>> from zoo.api import TrackedRun
        >>> run = TrackedRun(Path("runs/tiny-s0"), {"lr": 0.001}, step=0, history=())
        >>> run.folder.name, run.step
        ('tiny-s0', 0)
    """

    folder: Path
    """The run's folder. A tracker that writes files puts them into its own folder inside it."""
    config: Mapping[str, Any]
    """The configuration as in config.toml, without the folders of this machine."""
    step: int
    """How many steps are done: 0 for a new run. Discard figures of later steps, since these steps
    will be done again."""
    history: Sequence[Mapping[str, float]]
    """The rows of history.csv so far, one per epoch. The tracker may not know the last one yet: a
    process may end after it has saved an epoch and before it calls ``epoch``."""


class RunTracker(Protocol):
    """What a :class:`Tracker` builds for each run. The training thread calls all its methods and
    waits for them. If several processes train the run, only one of them calls the methods.

    Example:
        The tracker ``tensorboard`` has all four methods:

        >>> from zoo.registry import registry
        >>> tracker = registry("tracker").get("tensorboard").build()
        >>> [callable(getattr(tracker, name)) for name in ("begin", "step", "epoch", "close")]
        [True, True, True, True]
    """

    def begin(self, run: TrackedRun) -> None:
        """Training begins or resumes; called once, before the other methods."""
        ...

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        """A step is done. ``step`` counts the steps of the whole run, from 1; ``figures`` has
        ``loss`` (the mean over this epoch so far) and ``images_per_second``."""
        ...

    def epoch(self, step: int, figures: Mapping[str, float]) -> None:
        """An epoch is validated and saved; ``figures`` is its row of history.csv."""
        ...

    def close(self, ending: Ending) -> None:
        """The run has ended; no further method is called."""
        ...


@dataclass(frozen=True)
class Tracker:
    """Target of a ``zoo.trackers`` entry point.

    ``build()`` is called for each run, before training begins, and returns a :class:`RunTracker`.
    It raises :class:`UsageError` where something that it needs is missing. A later failure does not
    stop the run: a note reports it, and the tracker is not called again.

    Example:
        A tracker that prints the error of each epoch:

        >>> from zoo.api import Tracker
        >>> class Printed:
        ...     def begin(self, run): print("begin at step", run.step)
        ...     def step(self, step, figures): pass
        ...     def epoch(self, step, figures): print(step, figures["val_nme"])
        ...     def close(self, ending): print(ending)
        >>> tracker = Tracker(build=Printed)
        >>> tracker.build().epoch(5, {"val_nme": 0.25})
        5 0.25
    """

    build: Callable[[], RunTracker]
    reference: str = ""
    summary: str = ""
    api_version: int = 2
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
