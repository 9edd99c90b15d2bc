"""Groups of the board: rows that were scored on the same frames of the same people."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..records.benchmark import Benchmark
from .metrics import GroupMetric
from .row import Row

_SPLITS = {"val": "validation"}


@dataclass(frozen=True)
class Group:
    """Rows that can be compared, best first, and the baseline that every row should beat."""

    benchmark: Benchmark
    split: str
    fingerprint: str
    partial: bool
    """Whether the data set had fewer samples than its release."""
    baseline: dict[str, float | None]
    """Figures of the training split's mean shape, by metric."""
    rows: list[Row]
    metrics: list[GroupMetric] = field(default_factory=list)
    """Plugins' metrics that the group's records have."""
    notes: list[str] = field(default_factory=list)
    """Notes for a reader of the table, one sentence each."""
    subset: str = ""
    """The subset of the split's frames that was scored; empty for all frames."""

    @property
    def dataset(self) -> str:
        return self.benchmark.dataset

    @property
    def release(self) -> str:
        return self.benchmark.release

    @property
    def protocol(self) -> str:
        """Its label, as in records: ``person/1``."""
        return self.benchmark.protocol

    @property
    def region(self) -> str:
        return self.benchmark.region

    @property
    def title(self) -> str:
        """Such as ``YouTube Faces, unseen people, validation``."""
        subset = f", subset {self.subset}" if self.subset else ""
        return f"{self.benchmark.title}, {_SPLITS.get(self.split, self.split)}{subset}"

    @property
    def heading(self) -> str:
        """The title, and in brackets the exact benchmark and data."""
        partial = ", partial" if self.partial else ""
        return f"{self.title} ({self.benchmark.label}{partial}, data {self.fingerprint[:8]})"

    @property
    def headline(self) -> str:
        """The metric that rows are ranked by: ``nme_box`` for schemes without eye corners."""
        return self.benchmark.headline
