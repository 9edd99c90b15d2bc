"""The interval of a mean: a percentile bootstrap over people.

Frames of one person resemble each other, so they are drawn together. A draw takes as many people as
there are, with replacement, and the mean over all their frames (a cluster bootstrap, after Davison
and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). Drawing single frames
would make the interval far too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
LEVEL = 0.95
CELLS = 4_000_000
"""Most entries of a block (draws times people), so that each of two arrays takes at most 32 MB."""

Floats = NDArray[np.float64]


def interval(
    errors: NDArray[np.floating[Any]],
    people: Sequence[str | None],
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float | None, float | None]:
    """The interval of a mean, bootstrapped over people.

    Args:
        errors: (N,) errors.
        people: The person of each; a sample without one (None) is drawn by itself.
        draws: Number of draws.
        seed: Seed of the draws.
        level: The share of draws within the interval.

    Returns:
        The lower and the upper bound; (None, None) without any errors. A single person gives an
        interval of width 0, which says nothing about other people.
    """
    if len(errors) == 0:
        return None, None
    clusters = [(p,) if p is not None else (p, i) for i, p in enumerate(people)]
    places = {cluster: k for k, cluster in enumerate(dict.fromkeys(clusters))}
    owner = np.array([places[cluster] for cluster in clusters])
    total = np.asarray(np.bincount(owner, weights=np.asarray(errors, np.float64)), np.float64)
    return cluster_interval(total, np.bincount(owner).astype(np.float64), draws, seed, level)


def cluster_interval(
    total: Floats, count: Floats, draws: int = DRAWS, seed: int = 0, level: float = LEVEL
) -> tuple[float | None, float | None]:
    """The same from sums and counts by person, (P,) each. (None, None) if all counts are 0."""
    if not count.any():
        return None, None
    sums = resampled(np.stack([total, count], axis=1), draws, seed)
    return bounds(sums[:, 0], sums[:, 1], level)


def bounds(
    numerator: Floats, denominator: Floats, level: float = LEVEL
) -> tuple[float | None, float | None]:
    """Percentile bounds of a ratio of draws, (D,) each, without those with a denominator of 0."""
    valid = denominator > 0
    if not valid.any():
        return None, None
    means = numerator[valid] / denominator[valid]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resampled(values: Floats, draws: int = DRAWS, seed: int = 0) -> Floats:
    """Sums of ``values`` (P, C) over P people drawn with replacement: (draws, C).

    All columns use the same draws, so that models can be compared in pairs. A column's sums do not
    depend on its position, to the last bit, so that a model is exactly as good as itself.
    """
    columns = [np.ascontiguousarray(column) for column in values.T]
    blocks = [
        np.stack([block @ column for column in columns], axis=1)
        for block in draw_counts(len(values), draws, seed)
    ]
    return np.concatenate(blocks)


def resampled_many(values: Floats, draws: int = DRAWS, seed: int = 0) -> Floats:
    """The same for many rows (R, P) at once, as (R, draws). It is much faster, and equal to about
    15 digits."""
    blocks = [values @ block.T for block in draw_counts(values.shape[1], draws, seed)]
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)


def draw_counts(people: int, draws: int = DRAWS, seed: int = 0) -> Iterator[Floats]:
    """How often each draw takes each person: (draws, P), in blocks of draws."""
    if people * draws <= CELLS:
        yield _few_counts(people, draws, seed)
        return
    yield from _counts(people, draws, seed)


@lru_cache(maxsize=4)
def _few_counts(people: int, draws: int, seed: int) -> Floats:
    """All counts, cached: every row of a board uses the draws of the same people."""
    counts = np.concatenate(list(_counts(people, draws, seed)))
    counts.flags.writeable = False
    return counts


def _counts(people: int, draws: int, seed: int) -> Iterator[Floats]:
    rng = np.random.default_rng(seed)
    rows = max(1, CELLS // people)
    for start in range(0, draws, rows):
        size = min(rows, draws - start)
        drawn = rng.integers(people, size=(size, people))
        drawn += people * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * people)
        yield counts.reshape(size, people).astype(np.float64)
