"""The systematic offset of labels from the true places, measured with a model and a mirror.

Let labels lie at (true place) + o s, with s = sqrt(w h) of a face's points. A model that was
trained on them repeats the offset, so label minus prediction does not show it. A mirrored picture
does: predict it and mirror the points back, and the horizontal part of the same offset has the
opposite sign. The average of the two predictions is free of any horizontal offset that the model
adds, whether learned from the labels or not, and so

    dx = label - (prediction + mirrored prediction) / 2

is the labels' own horizontal offset, as long as the model treats pictures and mirror images alike.
This does not work for dy: mirroring does not change the vertical direction, so a vertical offset
that the model learned remains. dy is an offset only if the model was trained on labels of another
source.

A model trained with flips and a declared offset d learned labels at d in both kinds of picture,
which cancels too. Only a model that can tell a mirrored picture from a true one moves dx towards d.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.evaluation.scores.bootstrap import draw_counts
from zoo.evaluation.scores.metrics import headline_errors
from zoo.geometry import label_scale

from .findings import Finding, counted
from .subject import Labelled

Points = NDArray[np.floating]

NEGLIGIBLE = 0.002
"""A smaller offset, as a fraction of sqrt(w h), changes no figure of the board. It is .2 px on a
face of 100 px."""

BLOCK = 1_000_000
"""Draws times faces that are resampled at a time."""


@dataclass(frozen=True)
class Mirrored:
    """A trained model's predictions for M frames and for their mirror images, in source pixels."""

    model: str
    """Name of the run."""
    frames: str
    """A description of the frames: ``its val split, on which it was not trained``."""
    rows: NDArray[np.int64]
    """(M,) rows of the data set."""
    plain: Points
    """(M, K, 2)"""
    back: Points
    """(M, K, 2): predictions for the mirrored frames, mirrored back, left and right exchanged."""
    trained_here: bool
    """Whether the model was trained on labels of this data set."""


def measure_offset(data: Labelled, seen: Mirrored) -> dict[str, Any]:
    """The offset and its interval, ready for JSON.

    ``offset`` and ``before_mirroring`` are medians over faces of the mean over a face's visible
    points of label minus prediction, (dx, dy) in units of sqrt(w h); ``low`` and ``high`` bound
    their 95% percentile bootstrap over people. ``nme`` is the headline error of the averaged
    predictions. Faces without extent are left out.
    """
    target, visible = data.points[seen.rows], data.visible[seen.rows]
    people = [data.people[row] for row in seen.rows.tolist()]
    average = (np.asarray(seen.plain, np.float64) + seen.back) / 2
    errors = headline_errors(average, target, visible, data.scheme)
    used = label_scale(target, visible) > 0
    owners = [owner for owner, use in zip(people, used.tolist(), strict=True) if use]

    def estimate(prediction: Points) -> dict[str, list[float] | None]:
        offsets = _face_offsets(target[used], prediction[used], visible[used])
        if not len(offsets):
            return {"offset": None, "low": None, "high": None}
        draws = _resampled_medians(offsets, owners)
        low, high = np.quantile(draws, [0.025, 0.975], axis=0)
        return {
            "offset": np.median(offsets, axis=0).tolist(),
            "low": low.tolist(),
            "high": high.tolist(),
        }

    measured = estimate(average)
    return {
        "model": seen.model,
        "frames": int(used.sum()),
        "which": seen.frames,
        "people": len(set(owners) - {None}),
        "trained_on_these_labels": seen.trained_here,
        "nme": float(np.nanmean(errors)) if np.isfinite(errors).any() else None,
        "declared": list(data.label_offset),
        **measured,
        "before_mirroring": estimate(np.asarray(seen.plain, np.float64)),
        "verdict": _verdict(data.label_offset[0], measured),
    }


def offset_finding(measured: dict[str, Any] | None) -> tuple[Finding, ...]:
    """A warning if the declared horizontal offset differs from the measured one."""
    if measured is None or measured["verdict"] != "differs":
        return ()
    dx, low, high = (measured[key][0] for key in ("offset", "low", "high"))
    return (
        Finding(
            id="label_offset",
            kind="label",
            severity="warning",
            count=measured["frames"],
            unit="faces",
            sentence=f"labels sit {dx:+.4f} [{low:+.4f}, {high:+.4f}] sqrt(w h) to the right "
            f"of the mirror-averaged predictions of {measured['model']} "
            f"({counted(measured['frames'], 'face')}), and the data set declares "
            f"{measured['declared'][0]:+.4f}: a flip in training moves labels by twice the "
            "difference",
            figures={"dx": dx, "dx_low": low, "dx_high": high},
        ),
    )


def _verdict(declared: float, measured: dict[str, Any]) -> str:
    """``agrees``, ``differs`` or ``unclear``: the interval holds both the declared offset and 0."""
    if measured["offset"] is None:
        return "unclear"
    low, high = measured["low"][0], measured["high"][0]
    near = abs(measured["offset"][0] - declared) <= NEGLIGIBLE
    if not low <= declared <= high and not near:
        return "differs"
    return "unclear" if low <= 0 <= high and abs(declared) > NEGLIGIBLE else "agrees"


def _face_offsets(
    target: Points, prediction: Points, visible: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean over a face's visible points of label minus prediction, over sqrt(w h): (M, 2)."""
    scale = label_scale(target, visible)
    difference = np.where(visible[..., None], target - prediction, 0.0)
    mean = difference.sum(1) / visible.sum(1)[:, None]
    return np.asarray(mean / scale[:, None], np.float64)


def _resampled_medians(
    values: NDArray[np.float64], people: Sequence[str | None]
) -> NDArray[np.float64]:
    """(draws, 2): medians of ``values`` (M, 2) over people drawn with replacement.

    A person is drawn with all their faces. A face that names no person is drawn by itself.
    """
    clusters = [(p,) if p is not None else (p, i) for i, p in enumerate(people)]
    places = {cluster: k for k, cluster in enumerate(dict.fromkeys(clusters))}
    owner = np.array([places[cluster] for cluster in clusters])
    rows = max(1, BLOCK // len(values))
    medians = []
    for counts in draw_counts(len(places)):
        for start in range(0, len(counts), rows):
            times = counts[start : start + rows, owner]
            both = [_weighted_median(values[:, axis], times) for axis in (0, 1)]
            medians.append(np.stack(both, axis=1))
    return np.concatenate(medians)


def _weighted_median(
    values: NDArray[np.float64], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Medians (D,) of ``values`` (M,), each counted ``times`` (D, M), whole numbers. If two values
    are in the middle, their mean, as in a plain median."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(times[:, order], axis=1)
    total = cumulative[:, -1:]
    lower = (cumulative > (total - 1) // 2).argmax(1)
    upper = (cumulative > total // 2).argmax(1)
    ordered = values[order]
    return np.asarray((ordered[lower] + ordered[upper]) / 2, np.float64)
