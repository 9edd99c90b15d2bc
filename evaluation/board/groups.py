"""Groups of the board: rows that were scored on the same frames of the same people."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..records.benchmark import Benchmark
from .metrics import GroupMetric
from .row import Row

_SPLITS = {"val": "validation"}


@dataclass(frozen=True)
class Group:
    """Rows that can be compared, best first, above the baseline that they all should beat."""

    benchmark: Benchmark
    split: str
    fingerprint: str
    partial: bool
    """The data set held less than its release."""
    baseline: dict[str, float | None]
    """What the training set's mean shape scores, by metric."""
    rows: list[Row]
    metrics: list[GroupMetric] = field(default_factory=list)
    """The metrics of plugins that its records have."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the table must know, one sentence each."""
    subset: str = ""
    """The subset of the split's frames that was scored; empty: all."""

    @property
    def dataset(self) -> str:
        return self.benchmark.dataset

    @property
    def release(self) -> str:
        return self.benchmark.release

    @property
    def protocol(self) -> str:
        """As records have it: ``person/1``."""
        return self.benchmark.protocol

    @property
    def region(self) -> str:
        return self.benchmark.region

    @property
    def title(self) -> str:
        """In words: ``YouTube Faces, unseen people, validation``."""
        subset = f", subset {self.subset}" if self.subset else ""
        return f"{self.benchmark.title}, {_SPLITS.get(self.split, self.split)}{subset}"

    @property
    def heading(self) -> str:
        """The title, and in brackets what names the frames exactly."""
        partial = ", partial" if self.partial else ""
        return f"{self.title} ({self.benchmark.label}{partial}, data {self.fingerprint[:8]})"

    @property
    def headline(self) -> str:
        """The metric that failure rates stand on: ``nme_box`` for schemes without eye corners."""
        return self.benchmark.headline
