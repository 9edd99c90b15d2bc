"""What a tracker promises and what it is told: the figures of a run, while it trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from .contracts import ExpectedFailures

Ending = Literal["finished", "stopped", "failed"]
"""How a run ended: with all its epochs, by a signal that asked it to stop, by an error."""


@dataclass(frozen=True)
class TrackedRun:
    """A run as its training begins, or goes on. Later versions may add fields.

    Example:
        >>> from pathlib import Path
        >>> from zoo.api import TrackedRun
        >>> run = TrackedRun(Path("runs/tiny-s0"), {"lr": 0.001}, step=0, history=())
        >>> run.folder.name, run.step
        ('tiny-s0', 0)
    """

    folder: Path
    """The run's folder. A tracker that writes files puts them into a folder of its own in it."""
    config: Mapping[str, Any]
    """The configuration, as config.toml has it, without the folders of this machine."""
    step: int
    """Steps that are done: 0 for a new run. What was told of later ones is to be taken back, since
    they are done again."""
    history: Sequence[Mapping[str, float]]
    """The rows of history.csv so far, an epoch each. The last one may never have been told: a
    process may end between saving an epoch and telling it."""


class RunTracker(Protocol):
    """What a :class:`Tracker` builds for each run. All its methods are called from the thread that
    trains, which waits for them, and in one process of several.

    Example:
        What ``tensorboard`` builds has them all:

        >>> from zoo.registry import registry
        >>> tracker = registry("tracker").get("tensorboard").build()
        >>> [callable(getattr(tracker, name)) for name in ("begin", "step", "epoch", "close")]
        [True, True, True, True]
    """

    def begin(self, run: TrackedRun) -> None:
        """Training begins, or goes on; called once, before all else."""
        ...

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        """A step is done. ``step`` counts those of the whole run, from 1; ``figures`` has ``loss``
        (the mean over this epoch so far) and ``images_per_second``."""
        ...

    def epoch(self, step: int, figures: Mapping[str, float]) -> None:
        """An epoch is validated and saved; ``figures`` is its row of history.csv."""
        ...

    def close(self, ending: Ending) -> None:
        """The run has ended; nothing follows."""
        ...


@dataclass(frozen=True)
class Tracker:
    """Target of a ``zoo.trackers`` entry point.

    ``build()`` is called for each run and gives a :class:`RunTracker`; it raises
    :class:`UsageError` where something is missing that it cannot do without. That is said before
    training begins. What fails later costs the run nothing: a note says so, and the tracker is told
    no more.

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
