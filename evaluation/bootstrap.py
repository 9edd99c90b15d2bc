"""How sure a mean is: a percentile bootstrap over people.

Frames of one person resemble each other, so they are drawn together: a draw takes as many people as
there are, with replacement, and the mean over all their frames (a cluster bootstrap, after Davison
and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). Drawing single frames
would make the interval far too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
CELLS = 4_000_000
"""Of a block of draws x people: bounds the memory, 32 MB for each of two arrays."""


def interval(
    errors: NDArray[np.floating[Any]],
    people: Sequence[str | None],
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float | None, float | None]:
    """Bounds of the mean of ``errors`` (N,) at ``level``, over the N ``people``.

    A sample whose person is None stands for itself. (None, None) for no errors at all. One person
    alone gives an interval without width: it says nothing of other people.
    """
    if len(errors) == 0:
        return None, None
    means = _resampled_means(np.asarray(errors, np.float64), people, draws, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled_means(
    errors: NDArray[np.float64], people: Sequence[str | None], draws: int, seed: int
) -> NDArray[np.float64]:
    """(draws,) means over resampled people, each weighted by the number of their frames."""
    clusters = [(p,) if p is not None else (p, i) for i, p in enumerate(people)]
    places = {cluster: k for k, cluster in enumerate(dict.fromkeys(clusters))}
    owner = np.array([places[cluster] for cluster in clusters])
    total = np.bincount(owner, weights=errors)
    count = np.bincount(owner)

    rng = np.random.default_rng(seed)
    rows = max(1, CELLS // len(places))
    blocks = []
    for start in range(0, draws, rows):
        drawn = rng.integers(len(places), size=(min(rows, draws - start), len(places)))
        blocks.append(total[drawn].sum(1) / count[drawn].sum(1))
    return np.concatenate(blocks)
