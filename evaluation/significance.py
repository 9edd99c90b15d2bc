"""Which rows of a group cannot be told apart from its best, and which no other row beats.

A row is *tied* with the best when the 95% interval of their difference, from a bootstrap over
people, holds zero: on other people, the order might be the other way round. Both rows are drawn
together (paired) where their records have sums for the same people and frames; seeds are averaged,
folds put side by side. Without sums the rows' own intervals are taken as independent, which marks
more rows as tied than a paired comparison would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bootstrap import LEVEL, resampled
from .clusters import Clusters, average, concatenate, from_record
from .pooling import Row, Source, by_fold, by_seed

BLOCK = 500
"""Rows whose draws are in memory together: 8 MB."""


def clusters_of(sources: Sequence[Source], split: str) -> Clusters | None:
    """The sums by person of a row's runs: means over seeds (and repeats), folds side by side.

    None where a run has none, or where two seeds were scored on different people or frames.
    """
    seeds: list[Clusters] = []
    for runs in by_seed(sources):
        folds: list[Clusters] = []
        for repeats in by_fold(runs):
            own = [from_record(r.record["results"][split].get("by_person")) for r in repeats]
            known = [clusters for clusters in own if clusters is not None]
            fold = average(known) if len(known) == len(own) else None
            if fold is None:
                return None
            folds.append(fold)
        seeds.append(concatenate(folds))
    return average(seeds)


@dataclass(frozen=True)
class Ties:
    """Of each row, whether it is tied with the best; and how that was found."""

    tied: list[bool]
    people: int
    """In the paired comparisons; 0 where there was none."""
    unpaired: int
    """Rows that had to be compared by their own intervals."""
    other_frames: int
    """Rows that were scored on other frames than the best."""


def find_ties(rows: Sequence[Row], split: str, headline: str) -> Ties:
    """Compare every row with the one of the lowest ``headline``. A row without it is not tied."""
    figures = [getattr(row, headline) for row in rows]
    known = [i for i, figure in enumerate(figures) if figure is not None]
    tied = [False] * len(rows)
    if not known:
        return Ties(tied, 0, 0, 0)
    best = min(known, key=lambda i: figures[i])
    tied[best] = True
    clusters = {i: clusters_of(rows[i].sources, split) for i in known}
    own = clusters[best]
    paired, unpaired, other_frames = [], [], 0
    for i in known:
        if i == best:
            continue
        theirs = clusters[i]
        if own is not None and theirs is not None and theirs.key == own.key:
            paired.append(i)
        else:
            unpaired.append(i)
            other_frames += own is not None and theirs is not None
    if own is not None and paired:
        stacked = [clusters[i] for i in paired]
        for i, same in zip(paired, _paired(own, stacked), strict=True):  # type: ignore[arg-type]
            tied[i] = same
    for i in unpaired:
        tied[i] = _overlap(rows[best], rows[i], split, headline)
    people = len(own) if own is not None and paired else 0
    return Ties(tied, people, len(unpaired), other_frames)


def find_front(rows: Sequence[Row], headline: str) -> list[bool]:
    """Of each row, whether it is on the Pareto front of ``headline`` against GMACs."""
    points = [
        (row.gmacs, error, i)
        for i, row in enumerate(rows)
        if row.gmacs is not None and (error := getattr(row, headline)) is not None
    ]
    front = [False] * len(rows)
    lowest, cost = math.inf, math.nan
    for gmacs, error, i in sorted(points):
        # the second of two equal rows is beaten by none either
        if error < lowest or (error == lowest and gmacs == cost):
            lowest, cost = error, gmacs
            front[i] = True
    return front


def _paired(best: Clusters, others: Sequence[Clusters]) -> list[bool]:
    """Whether zero lies in the interval of each difference from the best."""
    mine = _means(best.total[:, None], best.found[:, None])
    tied: list[bool] = []
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK]
        total = np.stack([clusters.total for clusters in block], axis=1)
        found = np.stack([clusters.found for clusters in block], axis=1)
        difference = _means(total, found) - mine
        tied += [bool(holds) for holds in holds_zero(difference)]
    return tied


def _means(total: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """(draws, R) mean errors of R rows over the same draws of people, from (P, R) each."""
    if (found == found[:, :1]).all():
        found = found[:, :1]
    count = resampled(found)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(resampled(total) / count, np.float64)


def holds_zero(difference: NDArray[np.float64], level: float = LEVEL) -> NDArray[np.bool_]:
    """Of each column of draws (D, R), whether its percentile interval holds zero; (R,).

    The bounds are those of ``np.quantile``. A column with a draw that is not a number (nobody drawn
    was found) cannot be told apart.
    """
    bounds = np.quantile(difference, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.asarray(~((bounds[0] > 0) | (bounds[1] < 0)))


def _overlap(best: Row, row: Row, split: str, headline: str) -> bool:
    """Unpaired: whether the difference lies within the half widths that face each other, their
    squares added. Without an interval nothing tells two rows apart but their figures."""
    difference = getattr(row, headline) - getattr(best, headline)
    high = _bound(best, split, f"{headline}_high")
    low = _bound(row, split, f"{headline}_low")
    if high is None or low is None:
        return bool(difference == 0)
    up, down = high - getattr(best, headline), getattr(row, headline) - low
    return bool(difference <= math.hypot(up, down))


def _bound(row: Row, split: str, key: str) -> float | None:
    if hasattr(row, key):
        bound: float | None = getattr(row, key)
        return bound
    values = [source.record["results"][split].get(key) for source in row.sources]
    if any(value is None for value in values):
        return None
    return math.fsum(values) / len(values)
