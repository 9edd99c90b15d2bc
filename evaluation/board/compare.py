"""Is one model better than another, or were these people kind to it? A paired bootstrap.

Both models are scored on the same frames of the same people. People are drawn with replacement,
2000 times, and each draw gives the difference of the two mean errors over all frames of the drawn
people; 95% of the differences lie in the interval. Where it does not hold zero, the difference is
*significant*: other people would hardly turn the order round. Pairing removes what makes people
easy or hard for both models, so it sees differences that two single intervals hide.

The same is asked of the share of failures, since a few faces that are far off for both fill the
interval of the mean. The verdict weighs both, and says which of them it rests on.

Seeds of one side are averaged before, so the interval is about people and not about seeds.

Metrics of plugins stand beside that, from the records, and have no part in the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError

from ..scores.bootstrap import DRAWS, bounds, resampled
from ..scores.clusters import Clusters, cluster, unit_of
from ..scores.metric_names import METRICS
from ..scores.predictions import beside
from .baseline import baseline_in_words, row_has_learned
from .contestants import Contestant, check_comparable
from .faces import faces_of
from .metrics import GroupMetric, group_metrics
from .pooling import pool, pool_baseline
from .row import Row
from .significance import clusters_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A figure of two models: ``a`` minus ``b``, fractions, with its 95% interval over people."""

    a: float
    b: float
    difference: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class MetricDifference:
    """A plugin's metric of two models, as their records have it."""

    metric: GroupMetric
    a: float | None
    b: float | None
    paired: Difference | None
    """None where a record has no sums by person, or where versions, people or frames differ."""
    significant: bool

    @property
    def better(self) -> str:
        """``a`` or ``b``; empty where nothing tells them apart."""
        if self.paired is None or not self.significant:
            return ""
        return "a" if (self.paired.difference < 0) == self.metric.lower_is_better else "b"

    def to_dict(self) -> dict[str, Any]:
        told = ("title", "unit", "lower_is_better", "versions")
        return {
            **{name: getattr(self.metric, name) for name in told},
            "a": self.a,
            "b": self.b,
            "paired": None if self.paired is None else asdict(self.paired),
            "better": self.better,
        }


@dataclass(frozen=True)
class Comparison:
    """Two models on one split; negative differences are in favour of ``a``."""

    a: str
    b: str
    seeds_a: int
    seeds_b: int
    same_model: bool
    """Whether both are runs of one configuration."""
    benchmark: str
    split: str
    metric: str
    people: int
    unit: str
    """``people``, or ``samples`` where the data set names nobody."""
    faces: int
    """Number of faces that both found: the error goes over these."""
    missed: int
    """Number of faces that one of them did not find; they are failures of that one."""
    error: Difference
    failures: Difference | None
    """None where records do not say which faces failed."""
    median_a: float | None
    """Half of the faces have a larger error; None where a record has no error curve."""
    median_b: float | None
    paired: bool
    """Whether the errors go over the same faces on both sides."""
    learned_a: bool | None
    """Whether it is better than the baseline, the mean shape; None where that is unknown."""
    learned_b: bool | None
    baseline: dict[str, float | None]
    """What the mean shape scores: the metric, and where known the bounds of its interval."""
    source: str
    """``predictions`` or ``records``."""
    metrics: tuple[MetricDifference, ...] = ()
    """Those of plugins that a record has, by key."""

    @property
    def evidence(self) -> dict[str, Difference]:
        """The differences that tell the two apart, by metric: of the mean error, and of failures.
        One person, or one frame, alone says nothing of others."""
        found = {self.metric: self.error}
        if self.failures is not None:
            found["fr_08"] = self.failures
        return {key: d for key, d in found.items() if self.people > 1 and d.significant}

    @property
    def verdict(self) -> str:
        """``a`` or ``b``, the better one; ``tied`` where nothing tells them apart, and ``mixed``
        where one has the smaller error and the other fewer failures."""
        better = {"a" if d.difference < 0 else "b" for d in self.evidence.values()}
        return "mixed" if len(better) == 2 else next(iter(better), "tied")

    @property
    def significant(self) -> bool:
        """Whether mean error or failures tell the two apart."""
        return bool(self.evidence)

    def to_dict(self) -> dict[str, Any]:
        failures = self.failures
        return {
            **{key: value for key, value in asdict(self).items() if key not in _NESTED},
            "error": asdict(self.error) | {"significant": self.significant},
            "failures": None
            if failures is None
            else asdict(failures) | {"significant": self.people > 1 and failures.significant},
            "metrics": {each.metric.key: each.to_dict() for each in self.metrics},
            "verdict": self.verdict,
            "evidence": list(self.evidence),
            "draws": DRAWS,
            "sentence": sentence(self),
        }


_NESTED = ("error", "failures", "metrics")


def compare(a: Contestant, b: Contestant, split: str) -> Comparison:
    """Compare two models by a paired bootstrap over people.

    Args:
        a: One side, as :func:`.contestants.find_contestant` finds it.
        b: The other side.
        split: ``val`` or ``test``.

    Returns:
        What the predictions of both say where they are at hand, else their records' sums.

    Raises:
        DataError: The two were not scored on the same frames under the same protocol, or neither
            predictions nor sums are there.
    """
    check_comparable(a, b)
    if all(beside(s.path, split) for s in (*a.sources, *b.sources)):
        return _from_predictions(a, b, split)
    return _from_records(a, b, split)


def sentence(c: Comparison) -> str:
    """What the figures mean, in plain words."""
    e, f, title = c.error, c.failures, METRICS[c.metric].title
    size = _size(e, c.metric)
    people = f"{c.people} {c.unit}"
    if c.learned_a is False and c.learned_b is False:
        return (
            f"Neither {c.a} nor {c.b} has learned: each one's {title} is not below the interval of "
            f"the baseline, {baseline_in_words(c.baseline, c.metric)}. Which of them is ahead says "
            "nothing."
        )
    if c.people == 1:
        return f"{c.a} and {c.b} differ by {size} on one {c.unit}, which says nothing of any other."
    if e.low == e.high == 0 and (f is None or f.low == f.high == 0):
        return f"{c.a} and {c.b} make the same errors on these {people}."
    told = c.evidence
    if not told:
        also = f" and by {_size(f, 'fr_08')} {_interval(f.low, f.high)}" if f else ""
        inside = "both intervals hold zero" if f else "zero lies inside"
        return (
            f"{c.a} and {c.b} cannot be told apart on these {people}: they differ by {size} "
            f"{_interval(e.low, e.high)}{also}, and {inside}. With other {c.unit}, the order "
            "might be the other way round."
        )
    better, worse = (c.a, c.b) if next(iter(told.values())).difference < 0 else (c.b, c.a)
    gains = [f"{_size(d, key)} {_gain(d)}" for key, d in told.items()]
    if c.verdict == "mixed":
        return (
            f"{better} has the smaller error, by {gains[0]}, and {worse} fewer failures, by "
            f"{gains[1]}: both significant at 95% on {people}. Which is better depends on which "
            "of the two counts."
        )
    return (
        f"{better} is better than {worse} by {' and by '.join(gains)}: "
        f"{'both ' if len(told) > 1 else ''}significant at 95% on {people}; other {c.unit} would "
        f"hardly turn the order round.{_other_evidence(c)}"
    )


def _other_evidence(c: Comparison) -> str:
    """What the figure says that is not significant; empty where both are, or one is unknown."""
    if c.failures is None or len(c.evidence) != 1:
        return ""
    key = "fr_08" if c.metric in c.evidence else c.metric
    d = c.failures if key == "fr_08" else c.error
    what = "failures" if key == "fr_08" else "mean errors"
    return (
        f" Their {what} alone do not tell them apart: they differ by {_size(d, key)} "
        f"{_interval(d.low, d.high)}."
    )


def _size(d: Difference, metric: str) -> str:
    what = f"points of {METRICS[metric].title}" if metric != "fr_08" else "points of failures"
    return f"{100 * abs(d.difference):.2f} {what}"


def _gain(d: Difference) -> str:
    """The interval of a difference in favour of the better one."""
    return _interval(-d.high, -d.low) if d.difference < 0 else _interval(d.low, d.high)


def _interval(low: float, high: float) -> str:
    return f"[{100 * low:.2f}, {100 * high:.2f}]"


def _from_predictions(a: Contestant, b: Contestant, split: str) -> Comparison:
    one, other = faces_of(a.sources, split), faces_of(b.sources, split)
    if one.ids != other.ids:
        mine, theirs = len(set(one.ids) - set(other.ids)), len(set(other.ids) - set(one.ids))
        raise DataError(
            f"{a.given} and {b.given} were scored on different frames: {mine} of "
            f"{len(one.ids)} and {theirs} of {len(other.ids)} are the one's alone; score both on "
            "the same data"
        )
    if one.people != other.people or not np.array_equal(one.target, other.target, equal_nan=True):
        raise DataError(f"{a.given} and {b.given}: the labels of their frames differ")
    both = np.isfinite(one.errors) & np.isfinite(other.errors)
    first, second = (
        replace(
            cluster(one.ids, one.people, np.where(both, faces.errors, np.nan)),
            failed=cluster(one.ids, one.people, faces.failed).total,  # failures add up like errors
        )
        for faces in (one, other)
    )
    return _comparison(a, b, split, first, second, "predictions")


def _from_records(a: Contestant, b: Contestant, split: str) -> Comparison:
    sides = []
    for side in (a, b):
        clusters = clusters_of(side.sources, split)
        if clusters is None:
            raise DataError(
                f"{side.given}: without its predictions, and its record has no sums by person to "
                "compare by; `zoo evaluate RUN` adds both"
            )
        sides.append(clusters)
    first, second = sides
    if first.key != second.key:
        raise DataError(
            f"{a.given} and {b.given} were scored on different frames, or on different people "
            "(their by_person keys differ); score both on the same data"
        )
    return _comparison(a, b, split, first, second, "records")


def _comparison(
    a: Contestant, b: Contestant, split: str, one: Clusters, other: Clusters, source: str
) -> Comparison:
    columns = (one.total, one.found, other.total, other.found, one.failed, other.failed, one.faces)
    stacked = np.stack(columns, axis=1)
    draws = resampled(stacked) if len(stacked) else stacked
    whole = stacked.sum(axis=0)
    error = _difference(whole, draws, (0, 1), (2, 3))
    if error is None:
        raise DataError(f"{a.given} and {b.given}: there is no face that both found")
    metric = a.benchmark.headline
    baseline = pool_baseline((*a.sources, *b.sources), split)
    row_a, row_b = pool(a.sources, split), pool(b.sources, split)
    learned_a, learned_b = (row_has_learned(row, split, baseline, metric) for row in (row_a, row_b))
    return Comparison(
        a=a.name,
        b=b.name,
        seeds_a=len(a.seeds),
        seeds_b=len(b.seeds),
        same_model=a.model == b.model,
        benchmark=a.benchmark.label,
        split=split,
        metric=metric,
        people=len(one),
        unit=unit_of(a.sources[0].record.results[split].people, len(one)),
        faces=round(min(whole[1], whole[3])),
        missed=round(whole[6] - min(whole[1], whole[3])),
        error=error,
        failures=_difference(whole, draws, (4, 6), (5, 6)),
        median_a=row_a.nme_median,
        median_b=row_b.nme_median,
        paired=bool((one.found == other.found).all()),
        learned_a=learned_a,
        learned_b=learned_b,
        baseline={key: baseline.get(key) for key in (metric, f"{metric}_low", f"{metric}_high")},
        source=source,
        metrics=tuple(_metrics(a, b, split, row_a, row_b)),
    )


def _metrics(
    a: Contestant, b: Contestant, split: str, row_a: Row, row_b: Row
) -> Iterator[MetricDifference]:
    for metric in group_metrics((*a.sources, *b.sources), split):
        one, other = (clusters_of(side.sources, split, metric.key) for side in (a, b))
        paired = None
        if one and other and one.key == other.key and len(metric.versions) == 1:
            columns = np.stack((one.total, one.found, other.total, other.found), axis=1)
            paired = _difference(columns.sum(axis=0), resampled(columns), (0, 1), (2, 3))
        yield MetricDifference(
            metric=metric,
            a=row_a.metrics.get(metric.key),
            b=row_b.metrics.get(metric.key),
            paired=paired,
            significant=paired is not None and len(columns) > 1 and paired.significant,
        )


def _difference(
    whole: Floats, draws: Floats, a: tuple[int, int], b: tuple[int, int]
) -> Difference | None:
    """The difference of two ratios of columns; None where one of them cannot be had."""
    if not np.isfinite(whole[[*a, *b]]).all() or whole[a[1]] <= 0 or whole[b[1]] <= 0:
        return None
    there = (draws[:, a[1]] > 0) & (draws[:, b[1]] > 0)
    mine, theirs = (draws[there, top] / draws[there, below] for top, below in (a, b))
    low, high = bounds(mine - theirs, np.ones(len(mine)))
    if low is None or high is None:
        return None
    x, y = (float(whole[top] / whole[below]) for top, below in (a, b))
    return Difference(x, y, x - y, low, high)
