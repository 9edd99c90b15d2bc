"""Details of a split's errors for a record: their distribution, and their relation to head pose.

They are plain JSON values without names; :mod:`.metrics` puts them into its results.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.api import LandmarkScheme

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

STEP_PER_10000 = 25
STEPS = 61
"""The steps of the cumulative error curve are 0, .0025, ... .15. They are kept as integers, so that
the thresholds of the failure rates, 8% and 10%, are exact."""

TURNS: tuple[tuple[str, float | None, float | None], ...] = (
    ("turned far left", None, -0.15),
    ("turned left", -0.15, -0.06),
    ("facing the camera", -0.06, 0.06),
    ("turned right", 0.06, 0.15),
    ("turned far right", 0.15, None),
)
"""Bins of the head's turn: name, from (inclusive), to. Left and right are those of the image."""


def error_curve(errors: Floats) -> dict[str, Any]:
    """The cumulative error curve of N faces: the share whose error is at most k * step.

    A missed face (NaN) never counts. Shares are rounded to six decimals.
    """
    thresholds = np.arange(STEPS) * STEP_PER_10000 / 10000
    below = np.searchsorted(np.sort(errors[np.isfinite(errors)]), thresholds, side="right")
    shares = below / len(errors) if len(errors) else np.zeros(STEPS)
    return {"step": STEP_PER_10000 / 10000, "values": [round(float(s), 6) for s in shares]}


def head_turn(target: Floats, visible: Bools, scheme: LandmarkScheme) -> Floats | None:
    """How far each head is turned sideways, (N,), from its labels (N, K, 2) and (N, K).

    The turn is the position of the nose's centre on the line through the outer eye corners, from
    the middle between them, in units of their distance: ((nose - (left + right) / 2) . (right -
    left)) / |right - left|^2. 0 faces the camera, negative is towards the image's left. A roll of
    the head does not change it. NaN for a face that does not show these points; None for a scheme
    without eye corners or without a nose.
    """
    nose = list(scheme.regions.get("nose", ()))
    if scheme.eye_corners is None or not nose:
        return None
    target = np.asarray(target, np.float64)
    left, right = (target[:, i] for i in scheme.eye_corners)
    axis = right - left
    square = (axis * axis).sum(-1)
    offset = target[:, nose].mean(1) - (left + right) / 2
    shown = visible[:, [*scheme.eye_corners, *nose]].all(1) & (square > 0)
    turn = (offset * axis).sum(-1) / np.where(square > 0, square, 1.0)
    return np.asarray(np.where(shown, turn, np.nan), np.float64)


def errors_by_turn(errors: Floats, turn: Floats) -> list[dict[str, Any]]:
    """Faces and their mean error in each bin of TURNS: ``errors`` and ``turn`` are (N,).

    ``n`` counts all faces of a bin. The mean is over the faces that were found (None without any).
    """
    bins = []
    for name, low, high in TURNS:
        inside = (turn >= (-np.inf if low is None else low)) & (
            turn < (np.inf if high is None else high)
        )
        found = errors[inside & np.isfinite(errors)]
        bins.append(
            {
                "name": name,
                "low": low,
                "high": high,
                "n": int(inside.sum()),
                "nme": float(found.mean()) if found.size else None,
            }
        )
    return bins


def compact_history(rows: Any) -> list[dict[str, Any]]:
    """The learning curves of a run, from the rows of its history.csv (numbers, or their text).

    Keeps epoch, train_loss, val_loss, val_nme and lr, to six digits. Missing and non-finite values
    are None. Rows without an epoch are dropped.
    """
    kept = []
    for row in rows:
        epoch = _number(row.get("epoch"))
        if epoch is not None:
            columns = ("train_loss", "val_loss", "val_nme", "lr")
            kept.append({"epoch": int(epoch), **{c: _number(row.get(c)) for c in columns}})
    return kept


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return float(f"{number:.6g}") if np.isfinite(number) else None
