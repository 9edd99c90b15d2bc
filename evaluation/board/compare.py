"""Compares two models by a paired bootstrap over people.

Both models are scored on the same frames of the same people. People are drawn with replacement,
2000 times, and each draw gives the difference of the two mean errors over all frames of the drawn
people. 95% of the differences lie in the interval. If the interval does not hold zero, the
difference is *significant*: with other people, the order would hardly change. Pairing removes what
makes people easy or hard for both models, so it finds differences that two separate intervals hide.

The share of failures is compared in the same way, since a few faces with large errors of both
models can make the interval of the mean error very wide.

Seeds of one model are averaged first, so the interval is about people and not about seeds. The
result is a :class:`.comparison.Comparison`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError

from ..scores.bootstrap import bounds, resampled
from ..scores.clusters import Clusters, cluster, unit_of
from ..scores.predictions import beside
from .baseline import row_has_learned
from .comparison import Comparison, Difference, MetricDifference
from .comparison import sentence as sentence  # importable from here in earlier versions
from .contestants import Contestant, check_comparable
from .faces import faces_of
from .metrics import group_metrics
from .pooling import pool, pool_baseline
from .row import Row
from .significance import clusters_of

Floats = NDArray[np.float64]


def compare(a: Contestant, b: Contestant, split: str) -> Comparison:
    """Compare two models by a paired bootstrap over people.

    Args:
        a: One model, as :func:`.contestants.find_contestant` finds it.
        b: The other model.
        split: ``val`` or ``test``.

    Returns:
        The comparison, from the predictions of both if all are there, else from the sums in their
        records.

    Raises:
        DataError: The two were not scored on the same frames under the same protocol, or there are
            neither predictions nor sums.
    """
    check_comparable(a, b)
    if all(beside(s.path, split) for s in (*a.sources, *b.sources)):
        return _from_predictions(a, b, split)
    return _from_records(a, b, split)


def _from_predictions(a: Contestant, b: Contestant, split: str) -> Comparison:
    one, other = faces_of(a.sources, split), faces_of(b.sources, split)
    if one.ids != other.ids:
        mine, theirs = len(set(one.ids) - set(other.ids)), len(set(other.ids) - set(one.ids))
        raise DataError(
            f"{a.given} and {b.given} were scored on different frames: {mine} of "
            f"{len(one.ids)} and {theirs} of {len(other.ids)} are missing in the other; score both "
            "on the same data"
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
                f"{side.given}: has no predictions, and its record has no sums by person, which a "
                "comparison needs; `zoo evaluate RUN` adds both"
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
    sums = _Sums.of(
        error_a=one.total,
        found_a=one.found,
        error_b=other.total,
        found_b=other.found,
        failed_a=one.failed,
        failed_b=other.failed,
        faces=one.faces,
    )
    error = sums.difference(("error_a", "found_a"), ("error_b", "found_b"))
    if error is None:
        raise DataError(f"{a.given} and {b.given}: there is no face that both found")
    found = min(sums.total["found_a"], sums.total["found_b"])
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
        faces=round(found),
        missed=round(sums.total["faces"] - found),
        error=error,
        failures=sums.difference(("failed_a", "faces"), ("failed_b", "faces")),
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
        paired, people = None, 0
        if one and other and one.key == other.key and len(metric.versions) == 1:
            people = len(one)
            sums = _Sums.of(
                total_a=one.total, found_a=one.found, total_b=other.total, found_b=other.found
            )
            paired = sums.difference(("total_a", "found_a"), ("total_b", "found_b"))
        yield MetricDifference(
            metric=metric,
            a=row_a.metrics.get(metric.key),
            b=row_b.metrics.get(metric.key),
            paired=paired,
            significant=paired is not None and people > 1 and paired.significant,
        )


@dataclass(frozen=True)
class _Sums:
    """Sums of columns over people, by the names of the columns."""

    total: Mapping[str, float]
    """Over all people."""
    draws: Mapping[str, Floats]
    """Over each draw of people with replacement, the same draws for all columns."""

    @classmethod
    def of(cls, **columns: Floats) -> _Sums:
        """The sums of columns with one value for each person."""
        table = np.stack(list(columns.values()), axis=1)
        draws = resampled(table) if len(table) else table
        return cls(
            dict(zip(columns, table.sum(axis=0).tolist(), strict=True)),
            dict(zip(columns, draws.T, strict=True)),
        )

    def difference(self, a: tuple[str, str], b: tuple[str, str]) -> Difference | None:
        """The difference of two ratios (numerator, denominator) of columns; None if one of them
        cannot be computed."""
        (_, below_a), (_, below_b) = a, b
        finite = all(math.isfinite(self.total[key]) for key in (*a, *b))
        if not finite or self.total[below_a] <= 0 or self.total[below_b] <= 0:
            return None
        valid = (self.draws[below_a] > 0) & (self.draws[below_b] > 0)
        mine, theirs = (self.draws[top][valid] / self.draws[below][valid] for top, below in (a, b))
        low, high = bounds(mine - theirs, np.ones(len(mine)))
        if low is None or high is None:
            return None
        x, y = (self.total[top] / self.total[below] for top, below in (a, b))
        return Difference(x, y, x - y, low, high)
