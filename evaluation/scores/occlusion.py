"""How well a model's ``visibility`` tells hidden points from seen ones.

A point is *hidden* if something covers it but it has a label. Points without a label, and frames
that do not say which points are hidden, are left out. A model's visibility is the probability that
a point is seen; points of low visibility are classified as hidden. All points of a split are ranked
together by 1 - visibility; points of equal visibility share a rank:

- ``hidden_ap``, the average precision: the sum over the ranks of precision times the recall gained;
- ``hidden_f1``, F1 at recall .8: 2 P R / (P + R), with precision P and recall R at the first rank
  where R is at least .8 (R may be larger if many points share that rank).

Source: Burgos-Artizzu et al. (ICCV 2013) compare precision at 80% recall on COFW; average precision
as in scikit-learn's ``average_precision_score``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

RECALL = 0.8


def hidden_points_told(visibility: Floats, hidden: Bools) -> dict[str, float | None]:
    """``hidden_ap`` and ``hidden_f1`` of M points: (M,) probabilities that each is seen, and
    whether it is hidden. None if no point is hidden."""
    total = int(hidden.sum())
    if not total:
        return {"hidden_ap": None, "hidden_f1": None}
    order = np.argsort(visibility, kind="stable")
    ranked = np.asarray(visibility)[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    right = np.cumsum(hidden[order])[ends]
    precision, recall = right / (ends + 1), right / total
    gained = np.diff(recall, prepend=0.0)
    at = int(np.argmax(recall >= RECALL))
    p, r = precision[at], recall[at]
    return {
        "hidden_ap": float((precision * gained).sum()),
        "hidden_f1": float(2 * p * r / (p + r)),
    }
