"""A row of the board: one configuration, with the figures of all its runs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ..records import Source


@dataclass(frozen=True)
class Row:
    """One configuration in one group; the fields but ``sources`` are the columns of every format.

    Errors and rates are fractions. None stands for what cannot be had, and for the standard
    deviation of a single seed.
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
    """While it was scored. None also where the runs were timed on several devices: speeds do not
    pool."""
    device: str | None
    seeds: list[int]
    runs: list[str]
    external: bool
    nme_ioc_flip: float | None = None
    """``nme_ioc`` with test-time flip: points averaged with those on the mirror image. It costs
    twice the time, so it is a figure of its own and ranks nobody."""
    passes: int | None = None
    """How many passes the network makes over a face: 1, and one more for each refinement."""
    coverage: float | None = None
    """Share of the faces that were found; the errors go over these."""
    latency_ms: float | None = None
    """Milliseconds for one image, by ``zoo bench``; None unless all runs were benched on one
    device."""
    throughput: float | None = None
    """Images a second in full batches, by ``zoo bench``, likewise."""
    bench_device: str | None = None
    tied: bool = False
    """Whether it cannot be told apart from the best row of its group; the best is one of them."""
    pareto: bool = False
    """Whether no other row of its group is at least as good in both the headline error and GMACs,
    and better in one."""
    input_size: int | None = None
    """Pixels of the square that the network sees."""
    epochs: int | None = None
    """How many were trained; of runs that stopped at different ones, the most."""
    train_seconds: float | None = None
    """The time of a training, all folds together; the mean over seeds. None where they ran on
    several devices."""
    nme_median: float | None = None
    """Half of the faces have a larger headline error; the mean over the runs."""
    nme_seen: float | None = None
    """The headline error over the points that are seen, where the data say which are hidden."""
    nme_hidden: float | None = None
    hidden_ap: float | None = None
    """How well the model tells hidden points from seen ones: average precision."""
    hidden_f1: float | None = None
    """F1 at the recall of .8, likewise."""
    detail: str = ""
    """What tells it apart from the rows of the same backbone in its group, in words."""
    metrics: dict[str, float | None] = field(default_factory=dict)
    """Figures of plugins' metrics, by ``distribution/id``."""
    learned: bool | None = None
    """Whether it is better than the baseline, as :mod:`.baseline` decides. One that is not is never
    best, tied or on the Pareto front. None: not to be had."""
    sources: tuple[Source, ...] = field(default=(), repr=False, compare=False)

    def columns(self) -> dict[str, Any]:
        """The fields that are columns."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(f.name for f in fields(Row) if f.name not in ("metrics", "sources"))
