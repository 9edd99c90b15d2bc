"""Which rows of a group are tied with its best row, and which are on the Pareto front.

A row is *tied* with the best if neither the mean error nor the share of failures differs
significantly: the 95% intervals of both differences, from a bootstrap over people, hold zero. Both
figures are needed: a few faces with large errors of all models make the interval of the mean error
wide, but change the share of failures very little.

The comparison is paired (both rows use the same draws of people) if their records have sums for the
same people and frames. Seeds are averaged, folds are concatenated. Without sums, the rows'
intervals of the mean error are taken as independent, which marks more rows as tied than a paired
comparison would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..records import Source
from ..scores.bootstrap import LEVEL, resampled_many
from ..scores.clusters import Clusters, average, concatenate, unit_of
from .pooling import bound_of
from .row import Row
from .runs import by_fold, by_seed, clusters_in

NOTHING = 1e-12
"""Mean errors of equal models can differ by this much, from rounding."""

BLOCK = 100
"""Rows whose draws are handled together: 1.6 MB, which fit into a processor's cache."""


def clusters_of(sources: Sequence[Source], split: str, metric: str = "") -> Clusters | None:
    """The sums by person of a row's runs: means over seeds (and repeats), folds concatenated.

    They are sums of the headline errors, or of a plugin's ``metric``. None if a run has no sums, or
    if two seeds were scored on different people or frames.
    """
    if len(sources) == 1:
        return clusters_in(sources[0], split, metric)
    seeds: list[Clusters] = []
    for runs in by_seed(sources):
        folds: list[Clusters] = []
        for repeats in by_fold(runs):
            sums = [clusters_in(source, split, metric) for source in repeats]
            known = [clusters for clusters in sums if clusters is not None]
            fold = average(known) if len(known) == len(sums) else None
            if fold is None:
                return None
            folds.append(fold)
        seeds.append(concatenate(folds))
    return average(seeds)


@dataclass(frozen=True)
class Ties:
    """Whether each row is tied with the best, and how this was decided."""

    tied: list[bool]
    clusters: str
    """The people of the paired comparisons: ``37 people``; empty if there was none."""
    unpaired: int
    """Number of rows that were compared by their own intervals."""
    other_frames: int
    """Number of rows that were scored on other frames than the best."""
    fewer_failures: tuple[int, ...] = ()
    """Indices of rows that fail significantly less often than the best, while their errors do not
    differ significantly."""


def find_ties(rows: Sequence[Row], split: str, headline: str) -> Ties:
    """Compare every row with the row of the lowest ``headline``. A row without it is not tied."""
    figures = [getattr(row, headline) for row in rows]
    known = [i for i, figure in enumerate(figures) if figure is not None]
    tied = [False] * len(rows)
    if not known:
        return Ties(tied, "", 0, 0)
    best = min(known, key=lambda i: figures[i])
    tied[best] = True
    clusters = {i: clusters_of(rows[i].sources, split) for i in known}
    reference = clusters.pop(best)
    paired: list[tuple[int, Clusters]] = []
    unpaired, other_frames = [], 0
    for i, candidate in clusters.items():
        if reference is not None and candidate is not None and candidate.key == reference.key:
            paired.append((i, candidate))
        else:
            unpaired.append(i)
            other_frames += reference is not None and candidate is not None
    fewer: list[int] = []
    if reference is not None and paired:
        others = [c for _, c in paired]
        # a single person says nothing about others
        alone = len(reference) == 1
        errors = [0] * len(paired) if alone else _signs(reference, others, "total", "found")
        close = [each for each, error in zip(paired, errors, strict=True) if error == 0]
        others = [c for _, c in close]
        failures = [0] * len(close) if alone else _signs(reference, others, "failed", "faces")
        for (i, _), failed in zip(close, failures, strict=True):
            tied[i] = failed == 0
            if failed < 0:
                fewer.append(i)
    for i in unpaired:
        tied[i] = _overlap(rows[best], rows[i], split, headline)
    counted = ""
    if reference is not None and paired:
        people = rows[best].sources[0].record.results[split].people
        counted = f"{len(reference)} {unit_of(people, len(reference))}"
    return Ties(tied, counted, len(unpaired), other_frames, tuple(fewer))


def find_front(rows: Sequence[Row], headline: str) -> list[bool]:
    """Whether each row is on the Pareto front of ``headline`` against GMACs."""
    points = [
        (row.gmacs, error, i)
        for i, row in enumerate(rows)
        if row.gmacs is not None and (error := getattr(row, headline)) is not None
    ]
    front = [False] * len(rows)
    lowest, cost = math.inf, math.nan
    for gmacs, error, i in sorted(points):
        # of two equal rows, both are on the front
        if error < lowest or (error == lowest and gmacs == cost):
            lowest, cost = error, gmacs
            front[i] = True
    return front


def _signs(best: Clusters, others: Sequence[Clusters], over: str, under: str) -> list[int]:
    """Whether each row's figure is above the best row's (1), below it (-1), or neither (0).

    The figure is the ratio of two sums, named ``over`` and ``under``; see :func:`sides`.
    """

    def sums(name: str, of: Sequence[Clusters]) -> NDArray[np.float64]:
        return np.stack([getattr(clusters, name) for clusters in of])

    best_means = _means(sums(over, [best]), sums(under, [best]))
    signs: list[int] = []
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK]
        signs += sides(_means(sums(over, block), sums(under, block)) - best_means).tolist()
    return signs


def _means(total: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, draws): mean errors of R rows over the same draws of people, from sums (R, P) each."""
    if (found == found[:1]).all():
        found = found[:1]
    count = resampled_many(found)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(resampled_many(total) / count, np.float64)


def sides(difference: NDArray[np.float64], level: float = LEVEL) -> NDArray[np.int64]:
    """On which side of zero the percentile interval of each row of draws (R, D) lies: (R,) of 1 for
    above, -1 for below, 0 if it holds zero.

    The result is that of ``np.quantile``, which interpolates between two neighbouring draws.
    Counting the draws on each side of zero gives the same and is many times faster. Only where zero
    lies between those two draws, ``np.quantile`` is needed. A row with a draw that is not a number
    (no drawn person was found) counts as holding zero.
    """
    draws = difference.shape[1]
    above = np.count_nonzero(difference > NOTHING, axis=1)
    below = np.count_nonzero(difference < -NOTHING, axis=1)
    tail = (1 - level) / 2
    place = int(tail * (draws - 1))
    others = draws - np.maximum(above, below)
    found = np.where(others >= place + 2, 0, np.sign(above - below))
    for i in np.flatnonzero((others == place + 1) | ~np.isfinite(difference.sum(1))):
        row = np.where(np.abs(difference[i]) < NOTHING, 0.0, difference[i])
        low, high = np.quantile(row, [tail, 1 - tail])
        found[i] = int(low > 0) - int(high < 0)
    return np.asarray(found, np.int64)


def _overlap(best: Row, row: Row, split: str, headline: str) -> bool:
    """Whether two rows are tied, from their own intervals (unpaired).

    They are if their difference is at most sqrt(u^2 + d^2): the upper half width u of the best row
    and the lower half width d of the other. Without intervals, only equal figures are tied.
    """
    difference = getattr(row, headline) - getattr(best, headline)
    high = bound_of(best, split, f"{headline}_high")
    low = bound_of(row, split, f"{headline}_low")
    if high is None or low is None:
        return bool(difference == 0)
    up, down = high - getattr(best, headline), getattr(row, headline) - low
    return bool(difference <= math.hypot(up, down))
