"""A row of the board: the pooled figures of one configuration's runs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ..records import Source


@dataclass(frozen=True)
class Row:
    """One configuration in one group. All fields except ``sources`` are columns of every format.

    Errors and rates are fractions. None means that there is no such figure; a single seed has no
    standard deviation.
    """

    backbone: str
    head: str | None
    loss_name: str | None
    recipe: str | None
    pretrained: bool
    nme_ioc: float | None
    nme_ioc_low: float | None
    nme_ioc_high: float | None
    nme_ioc_std: float | None
    nme_box: float | None
    loss: float | None
    fr_08: float | None
    auc_08: float | None
    parameters: int | None
    gmacs: float | None
    images_per_second: float | None
    """Speed during scoring. None also if the runs were timed on several devices, since their speeds
    cannot be averaged."""
    device: str | None
    seeds: list[int]
    runs: list[str]
    external: bool
    nme_ioc_flip: float | None = None
    """``nme_ioc`` with test-time flip: points averaged with those on the mirror image. It takes
    twice the time, so it is a separate figure and rows are not ranked by it."""
    passes: int | None = None
    """Number of forward passes for a face: 1, and one more for each refinement."""
    coverage: float | None = None
    """Share of the faces that were found. Errors are means over these."""
    latency_ms: float | None = None
    """Milliseconds for one image, by ``zoo bench``; None unless all runs were measured under the
    same conditions."""
    throughput: float | None = None
    """Images a second in full batches, by ``zoo bench``; None as for ``latency_ms``."""
    bench_device: str | None = None
    tied: bool = False
    """Whether it does not differ significantly from the best row of its group, or is that row."""
    pareto: bool = False
    """Whether no other row of its group is at least as good in both the headline error and GMACs,
    and better in one."""
    input_size: int | None = None
    """Pixels of the square that the network sees."""
    epochs: int | None = None
    """Number of trained epochs; if the runs differ, the largest."""
    train_seconds: float | None = None
    """Training time of a seed, all folds together; the mean over seeds. None if the runs were on
    several devices."""
    nme_median: float | None = None
    """Median of the headline error over faces; the mean over the runs."""
    nme_seen: float | None = None
    """The headline error over points that are not hidden, if the data set says which are."""
    nme_hidden: float | None = None
    hidden_ap: float | None = None
    """Average precision of the model's classification of points as hidden."""
    hidden_f1: float | None = None
    """F1 of the same classification at recall .8."""
    detail: str = ""
    """A text that distinguishes it from other rows of the same backbone in its group."""
    metrics: dict[str, float | None] = field(default_factory=dict)
    """Values of plugins' metrics, by ``distribution/id``."""
    learned: bool | None = None
    """Whether it is better than the baseline, as :mod:`.baseline` decides; None if unknown. A row
    that has not learned is never best, tied or on the Pareto front."""
    sources: tuple[Source, ...] = field(default=(), repr=False, compare=False)

    def columns(self) -> dict[str, Any]:
        """The fields that are columns."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(f.name for f in fields(Row) if f.name not in ("metrics", "sources"))
