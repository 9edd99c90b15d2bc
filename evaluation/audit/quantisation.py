"""The grid that labels were rounded to, and the error that this alone gives a perfect model.

Labels that were rounded to a grid differ from the true place by up to half its pitch in each
direction. A model that predicted every true place exactly would still have an error: the mean
length of the rounding error. If that is uniform over a square of side p, its mean length is

    E = p (sqrt 2 + ln(1 + sqrt 2)) / 6 = 0.3826 p

(the mean distance of a square's points from its centre). Divided by each face's normaliser and
averaged over faces, this is the least error: a model with a smaller one has learned the rounding
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.evaluation.scores.metrics import floored, normalisers
from zoo.geometry import label_scale

from .findings import Finding
from .subject import Labelled

ROUNDING = (np.sqrt(2) + np.log(1 + np.sqrt(2))) / 6
"""Mean length of an error that is uniform over a square of side 1: 0.3826."""

PITCHES: Mapping[float, str] = {
    16.0: "multiples of 16",
    10.0: "multiples of 10",
    8.0: "multiples of 8",
    5.0: "multiples of 5",
    4.0: "multiples of 4",
    3.0: "multiples of 3",
    2.0: "multiples of 2",
    1.0: "whole numbers",
    0.5: "halves",
    0.25: "quarters",
    0.2: "fifths",
    0.125: "eighths",
    0.1: "tenths",
    0.0625: "sixteenths",
    0.05: "twentieths",
    0.01: "hundredths",
}
"""Pitches in pixels, the coarsest first. The error of a finer grid is too small to matter."""

ON_GRID = 0.99
"""Share of coordinates that must lie on a grid: a few may have been set by hand."""

FEWEST = 8
"""With fewer different coordinates on an axis, a grid might be chance."""

NOTED, WARNED = 0.001, 0.005
"""From the first least error on, a grid is a note; from the second on, a warning. Fractions."""


@dataclass(frozen=True)
class Grid:
    """The grid on which the labels lie."""

    pitch: float
    """Pixels."""
    phase: tuple[float, float]
    """Position of the first grid line in x and in y, in [0, pitch)."""
    count: int
    """Number of coordinates that lie on the grid."""
    share: float
    """The same as a fraction of all visible points' coordinates."""


def find_grid(points: NDArray[np.floating], visible: NDArray[np.bool_]) -> Grid | None:
    """The coarsest grid that the visible points (N, K, 2), (N, K) lie on; None where there is none.

    The grid may be shifted: an adapter that subtracts half a pixel shifts whole numbers.
    """
    shown = np.asarray(points, np.float64)[visible]
    if min(len(np.unique(shown[:, axis])) for axis in (0, 1)) < FEWEST:
        return None
    # labels went through float32, in the file or in the adapter
    tolerance = 1e-5 + 4 * float(np.finfo(np.float32).eps) * np.abs(shown)
    for pitch in PITCHES:
        if tolerance.max() > pitch / 10:
            continue
        x, y = (_on_grid(shown[:, axis], tolerance[:, axis], pitch) for axis in (0, 1))
        if min(x[1], y[1]) >= ON_GRID * len(shown):
            return Grid(pitch, (x[0], y[0]), x[1] + y[1], (x[1] + y[1]) / shown.size)
    return None


def rounding_error(data: Labelled, pitch: float) -> float | None:
    """Headline NME of a perfect model on labels that were rounded to ``pitch`` pixels.

    A mean over the faces that the headline can measure; None where there are none.
    """
    lengths = normalisers(data.points, data.visible, data.scheme)
    scale = label_scale(data.points, data.visible)
    length, _ = floored(lengths.get("ioc", lengths["box"]), scale)
    length = length[(scale > 0) & np.isfinite(length)]
    return float(np.mean(ROUNDING * pitch / length)) if length.size else None


def quantised(grid: Grid | None, least: float | None) -> tuple[Finding, ...]:
    """A finding if the grid is coarse enough to affect results."""
    if grid is None or least is None or least < NOTED:
        return ()
    return (
        Finding(
            id="quantised_labels",
            kind="label",
            severity="warning" if least >= WARNED else "note",
            count=grid.count,
            unit="coordinates",
            sentence=f"labels are {PITCHES[grid.pitch]} of pixels: that rounding alone scores "
            f"a perfect model {100 * least:.2f}%",
            figures={"pitch_px": grid.pitch, "phase_px": list(grid.phase), "floor": least},
        ),
    )


def _on_grid(
    values: NDArray[np.float64], tolerance: NDArray[np.float64], pitch: float
) -> tuple[float, int]:
    """The phase of a grid through ``values`` (M,), and how many of them lie on it."""
    remainder = np.mod(values, pitch)
    # the mode, by bins: values that are not on the grid would shift a mean
    bins = np.bincount(np.round(remainder * 64 / pitch).astype(np.int64) % 64, minlength=64)
    offset = np.mod(remainder - bins.argmax() * pitch / 64 + pitch / 2, pitch) - pitch / 2
    phase = bins.argmax() * pitch / 64 + np.median(offset[np.abs(offset) <= pitch / 64])
    distance = np.abs(np.mod(remainder - phase + pitch / 2, pitch) - pitch / 2)
    return float(np.mod(phase, pitch)), int((distance <= tolerance).sum())
