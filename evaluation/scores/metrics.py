"""How far predicted points lie from the labels: normalised errors, failure rates and the loss.

A face's error is the mean distance between prediction and label over its visible points, in source
pixels, divided by a length of that face. A result is the mean over faces. The lengths are the
distance of the outer eye corners (``ioc``), that of the pupils (``pupil``), sqrt(w h) of the
labelled points' box (``box``) and that box's diagonal (``diag``). The headline is ``nme_ioc``, or
``nme_box`` for a scheme without eye corners. Failure rates and AUC are based on the headline.

Sources: NME and failure rate as in Sagonas et al., 300 Faces In-the-Wild (IVC 2016); AUC as in Yang
et al. (CVPRW 2015); the loss is the seed's, SmoothL1 in landmark units.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.api import LandmarkScheme
from zoo.geometry import label_scale, to_landmark_units, to_source, to_unit

from .bootstrap import interval
from .clusters import cluster
from .details import error_curve, errors_by_turn, head_turn
from .metric_names import METRICS as METRICS
from .metric_names import METRICS_VERSION as METRICS_VERSION
from .metric_names import THRESHOLDS
from .occlusion import hidden_points_told

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

SHORTEST = 0.05
"""Shorter lengths are raised to this fraction of sqrt(w h): in profile the eye corners meet."""


def normalisers(target: Floats, visible: Bools, scheme: LandmarkScheme) -> dict[str, Floats]:
    """The lengths by which each face's errors are divided, before short ones are raised.

    Args:
        target: (N, K, 2) labels in source pixels.
        visible: (N, K), whether a point is shown.
        scheme: What the K points are.

    Returns:
        By name (``ioc``, ``pupil``, ``box``, ``diag``), (N,) pixels. NaN if a face does not show
        the points that a length needs. Lengths for which the scheme has no points are absent.
    """
    target = np.asarray(target, np.float64)
    shown = visible[..., None]
    extent = np.where(shown, target, -np.inf).max(1) - np.where(shown, target, np.inf).min(1)
    extent = np.where(visible.any(axis=1, keepdims=True), extent, np.nan)
    lengths: dict[str, Floats] = {}
    if scheme.eye_corners is not None:
        lengths["ioc"] = _distance(target, visible, *((i,) for i in scheme.eye_corners))
    if scheme.pupils is not None:
        lengths["pupil"] = _distance(target, visible, *scheme.pupils)
    lengths["box"] = np.sqrt(extent[:, 0] * extent[:, 1])
    lengths["diag"] = np.hypot(extent[:, 0], extent[:, 1])
    return lengths


def floored(length: Floats, scale: Floats) -> tuple[Floats, Bools]:
    """``length`` (N,), raised to SHORTEST times ``scale`` if shorter, and a mask of raised ones."""
    low = length < SHORTEST * scale
    return np.where(low, SHORTEST * scale, length), low


def face_errors(points: Floats, target: Floats, visible: Bools, length: Floats) -> Floats:
    """Mean distance over a face's visible points, divided by its ``length`` (N,): (N,) fractions.

    NaN for a face without visible points, without a length (or one of 0), or with a visible point
    that was not predicted (NaN).
    """
    distance = np.linalg.norm(np.asarray(points, np.float64) - target, axis=-1)
    return _masked_mean(distance, visible) / np.where(length > 0, length, np.nan)


def headline_lengths(target: Floats, visible: Bools, scheme: LandmarkScheme) -> Floats:
    """The length by which each face's headline error is divided, (N,) pixels, short ones raised.

    NaN for a face that does not show the points of this length.
    """
    lengths = normalisers(target, visible, scheme)
    return floored(lengths.get("ioc", lengths["box"]), label_scale(target, visible))[0]


def headline_errors(
    points: Floats, target: Floats, visible: Bools, scheme: LandmarkScheme
) -> Floats:
    """Each face's headline error, (N,) fractions; NaN as in ``face_errors``."""
    divisor = headline_lengths(target, visible, scheme)
    return face_errors(points, target, visible, divisor)


def counted_faces(target: Floats, visible: Bools, scheme: LandmarkScheme) -> Bools:
    """Whether each face counts in results, (N,).

    A face counts if it shows the points of the headline's length, and that length is not 0, as it
    is if all points lie at one place.
    """
    return np.asarray(headline_lengths(target, visible, scheme) > 0)


def board_losses(points: Floats, target: Floats, visible: Bools, regions: Floats) -> Floats:
    """The board's loss: SmoothL1 (beta 1) in landmark units, whatever the training loss was.

    Args:
        points: (N, K, 2) predictions in source pixels.
        target: (N, K, 2) labels in source pixels.
        visible: (N, K), whether a point is shown.
        regions: (N, 3): cx, cy and side of the squares that the model saw, in source pixels.

    Returns:
        (N,) means over each face's visible coordinates.
    """
    offset = np.abs(_landmark_units(points, regions) - _landmark_units(target, regions))
    loss = np.where(offset < 1, 0.5 * offset * offset, offset - 0.5)
    return _masked_mean(loss.mean(-1), visible)


def failure_rate(errors: Floats, threshold: float) -> float | None:
    """Share of faces whose error is above ``threshold``. A missed face (NaN) is a failure."""
    return _mean(~(errors <= threshold))


def area_under_curve(errors: Floats, threshold: float) -> float | None:
    """Mean of max(0, 1 - e / threshold): the area below the cumulative error curve, at most 1.

    A missed face (NaN) counts as 0.
    """
    return _mean(np.nan_to_num(np.maximum(0.0, 1.0 - errors / threshold), nan=0.0))


def summarise(
    points: Floats,
    target: Floats,
    visible: Bools,
    regions: Floats,
    scheme: LandmarkScheme,
    people: Sequence[str | None],
    ids: Sequence[str] | None = None,
    occluded: Floats | None = None,
    visibility: Floats | None = None,
) -> dict[str, Any]:
    """All results of one split, as a record stores them.

    A face with a visible point that is not finite was *missed*. NME and loss are means over the
    found faces, ``coverage`` is their share, and failure rates and AUC count missed faces as
    failures. Two kinds of faces are left out, and their number is given: ``unlabelled`` faces,
    which have no visible point or all points at one place, and ``unmeasured`` faces, which lack the
    length of the headline (an eye corner is not shown, or the box is a line).

    Args:
        points: (N, K, 2) predictions in source pixels; NaN for a face that was missed.
        target: (N, K, 2) labels in source pixels.
        visible: (N, K), whether a point is shown.
        regions: (N, 3): cx, cy and side of the squares that the model saw, in source pixels.
        scheme: What the K points are.
        people: N names for the bootstrap; None for a sample that names no person.
        ids: N ids of the samples. They add ``by_person``, the sums that a comparison needs.
        occluded: (N, K), 1 for a hidden point, 0 for a seen one, NaN if unknown. It adds
            ``nme_seen`` and ``nme_hidden``: the headline error over only such points, averaged over
            the faces that have any.
        visibility: (N, K), the model's probability that a point is seen. Together with
            ``occluded``, it adds ``hidden_ap`` and ``hidden_f1`` (:mod:`.occlusion`).

    Returns:
        Fractions by name, None for a figure that does not exist. ``n`` is the number of faces that
        count, ``floored`` the number of those whose headline length was raised. ``ced`` is the
        cumulative error curve, ``pose`` the error by head turn, if the scheme has the points for
        it.
    """
    lengths = normalisers(target, visible, scheme)
    scale = label_scale(target, visible)
    headline = "ioc" if "ioc" in lengths else "box"
    labelled = lengths["diag"] > 0
    counted = counted_faces(target, visible, scheme)
    unlabelled, unmeasured = int((~labelled).sum()), int((labelled & ~counted).sum())

    points, target, regions = points[counted], target[counted], regions[counted]
    visible, scale = visible[counted], scale[counted]
    names = list(compress(people, counted))
    lengths = {name: length[counted] for name, length in lengths.items()}
    divisor, raised = floored(lengths[headline], scale)
    errors = face_errors(points, target, visible, divisor)
    found = np.isfinite(errors)

    results: dict[str, Any] = {}
    for name in ("ioc", "pupil", "box", "diag"):
        key = f"nme_{name}"
        results[key] = None
        if name in lengths:
            by_length = face_errors(points, target, visible, floored(lengths[name], scale)[0])
            results[key] = _mean(by_length[np.isfinite(by_length)])
            if name == headline:
                results |= _bounds(key, by_length, names)
    if headline != "ioc":
        results |= {"nme_ioc_low": None, "nme_ioc_high": None}
    losses = board_losses(points, target, visible, regions)
    results["loss"] = _mean(losses[np.isfinite(losses)])
    for suffix, threshold in THRESHOLDS.items():
        results[f"fr_{suffix}"] = failure_rate(errors, threshold)
        results[f"auc_{suffix}"] = area_under_curve(errors, threshold)
    results["regions"] = {
        region: _region_error(points, target, visible, divisor, found, indices)
        for region, indices in scheme.regions.items()
    }
    if occluded is not None:
        seen = None if visibility is None else visibility[counted]
        results |= _occlusion(points, target, visible, divisor, occluded[counted], seen)
    results["ced"] = error_curve(errors)
    turn = head_turn(target, visible, scheme)
    if turn is not None:
        results["pose"] = errors_by_turn(errors, turn)
    if ids is not None and names:
        stored = cluster(list(compress(ids, counted)), names, errors).to_record()
        results |= {"by_person": stored} if stored else {}
    return results | {
        "n": len(names),
        "people": len({p for p in names if p is not None}),
        "coverage": _mean(found),
        "floored": int(raised.sum()),
        "unlabelled": unlabelled,
        "unmeasured": unmeasured,
    }


def _occlusion(
    points: Floats,
    target: Floats,
    visible: Bools,
    divisor: Floats,
    occluded: Floats,
    visibility: Floats | None,
) -> dict[str, float | None]:
    """Separate errors of seen and hidden points, and how well the model tells these apart."""
    results: dict[str, float | None] = {}
    for name, value in (("nme_seen", 0), ("nme_hidden", 1)):
        errors = face_errors(points, target, visible & (occluded == value), divisor)
        results[name] = _mean(errors[np.isfinite(errors)])
    if visibility is not None:
        known = visible & np.isfinite(occluded) & np.isfinite(visibility)
        results |= hidden_points_told(visibility[known], occluded[known] == 1)
    return results


def mean_shape(unit_targets: Floats, visible: Bools) -> NDArray[np.float64]:
    """The mean of the labels, as fractions of the region: (N, K, 2), (N, K) to (K, 2).

    A point that no face shows gets the mean of the other points. Raises ValueError when no face
    shows any point.
    """
    if not visible.any():
        raise ValueError("a mean shape needs at least one visible point")
    shown = visible[..., None]
    total = np.where(shown, np.asarray(unit_targets, np.float64), 0.0).sum(0)
    count = visible.sum(0)[:, None]
    mean = total / np.maximum(count, 1)
    seen = count[:, 0] > 0
    mean[~seen] = mean[seen].mean(0)
    return np.asarray(mean, np.float64)


def baseline_points(mean_unit: Floats, regions: Floats) -> NDArray[np.float64]:
    """The mean shape (K, 2) in each region (N, 3), in source pixels: (N, K, 2).

    This is the baseline of every table: the prediction of a model that ignores the image.
    """
    return to_source(mean_unit, regions)


def _landmark_units(points: Floats, regions: Floats) -> Floats:
    return to_landmark_units(to_unit(points, regions))


def _distance(target: Floats, visible: Bools, *groups: Sequence[int]) -> Floats:
    """Distance between the means of two groups of points, (N,); NaN if one of the points is not
    shown."""
    left, right = (target[:, list(group)].mean(1) for group in groups)
    shown = visible[:, [i for group in groups for i in group]].all(1)
    return np.where(shown, np.linalg.norm(right - left, axis=-1), np.nan)


def _masked_mean(values: Floats, visible: Bools) -> Floats:
    """Mean over each row's visible values, NaN if it has none: (N, K) to (N,)."""
    count = visible.sum(1)
    total = np.where(visible, values, 0.0).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _region_error(
    points: Floats,
    target: Floats,
    visible: Bools,
    divisor: Floats,
    found: Bools,
    indices: Sequence[int],
) -> float | None:
    part = list(indices)
    errors = face_errors(points[:, part], target[:, part], visible[:, part], divisor)[found]
    return _mean(errors[np.isfinite(errors)])


def _bounds(key: str, errors: Floats, people: Sequence[str | None]) -> dict[str, float | None]:
    found = np.isfinite(errors)
    low, high = interval(errors[found], list(compress(people, found)))
    return {f"{key}_low": low, f"{key}_high": high}


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if values.size else None
