"""What can be wrong with the labels of a data set, as a message that is empty if nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.api import LandmarkScheme, Sample

BEYOND = 0.5
"""Fraction of the image's longer side: a point of a cut-off face may lie this far outside."""

FLIP_SLACK = 0.2
"""Fraction of a face's size: the mean of few faces, all turned to one side, is this asymmetric."""

Column = tuple[str | None, ...]


def wrong_sample(sample: Any, scheme: LandmarkScheme, labelled: bool = True) -> str:
    """A field that is not as the contract says; ``labelled``: whether the sample carries labels."""
    if not isinstance(sample, Sample):
        return f"a {type(sample).__name__}, no zoo.api.Sample"
    if not isinstance(sample.id, str) or not sample.id.strip():
        return "its id is no text"
    count = len(scheme)
    arrays: list[tuple[str, Any, Any, tuple[int, ...]]] = [
        ("points", sample.points, np.float32, (count, 2)),
        ("visible", sample.visible, np.bool_, (count,)),
    ]
    if sample.occluded is not None:
        arrays.append(("occluded", sample.occluded, np.bool_, (count,)))
    for name, value, dtype, shape in arrays:
        if not isinstance(value, np.ndarray) or value.dtype != dtype or value.shape != shape:
            what = (
                f"{value.dtype} {value.shape}"
                if isinstance(value, np.ndarray)
                else type(value).__name__
            )
            return f"{name} is {what}, not {np.dtype(dtype)} {shape} of scheme {scheme.name}"
    if not np.isfinite(sample.points).all():
        return "a point is not finite; what carries no label is marked in `visible`"
    if sample.visible.any() and not labelled:
        return "a point is visible; a frame with labels belongs among samples()"
    if labelled and not sample.visible.any():
        return "not one point is visible; such a row belongs in `problems`"
    for name, text in (("person", sample.person), ("video", sample.video)):
        if text is not None and (not isinstance(text, str) or not text.strip()):
            return f"{name} is {text!r:.40}; a name or None is wanted"
    if type(sample.bytes) is not int or sample.bytes < 0:
        return f"bytes is {sample.bytes!r:.40}; a whole number from 0 is wanted"
    attributes: Any = sample.attributes
    if not isinstance(attributes, Mapping):
        return f"attributes is {attributes!r:.40}; a mapping is wanted"
    for name, value in attributes.items():
        good = isinstance(value, bool | str | int | float) and value == value  # not NaN
        if not isinstance(name, str) or not name.strip() or not good:
            return f"attribute {name!r:.40} is {value!r:.40}; a text, a number or a bool is wanted"
    return _wrong_box(sample)


def _wrong_box(sample: Sample) -> str:
    if sample.box is None:
        return ""
    box: Any = sample.box
    if not isinstance(box, tuple) or len(box) != 4:
        return f"box is {box!r:.40}; four numbers or None is wanted"
    x0, y0, x1, y1 = box
    if not np.isfinite(box).all() or x1 <= x0 or y1 <= y0:
        return f"box reads {x0:g}, {y0:g}, {x1:g}, {y1:g}; x0 < x1 and y0 < y1 are wanted"
    return ""


def columns(samples: Sequence[Sample]) -> tuple[tuple[str, ...], Column, Column]:
    """Ids, people and release splits, as protocols take them."""
    return (
        tuple(s.id for s in samples),
        tuple(s.person for s in samples),
        tuple(s.release_split for s in samples),
    )


def people_of_videos(samples: Sequence[Sample]) -> dict[str, set[str | None]]:
    people: dict[str, set[str | None]] = {}
    for sample in samples:
        if sample.video is not None:
            people.setdefault(sample.video, set()).add(sample.person)
    return people


def plain_name(name: str | None) -> str:
    """A person's name without the differences of spelling: case, blanks, _, - and dots."""
    return "".join(c for c in (name or "").casefold() if c.isalnum())


def far_from_image(sample: Sample, height: int, width: int) -> str:
    """A visible point further outside than those of a cut-off face may be."""
    beyond = BEYOND * max(height, width)
    points = sample.points[sample.visible]
    far = (points < -beyond) | (points > np.array([width, height]) - 1 + beyond)
    if not far.any():
        return ""
    x, y = points[far.any(axis=1)][0].tolist()
    return f"a point at ({x:g}, {y:g}) in an image of {width} x {height} pixels"


def wrong_units(samples: Sequence[tuple[Sample, tuple[int, int]]]) -> str:
    """Labels that as a whole cannot be source pixels: fractions, another resolution, y before x."""
    inside, swapped, extents = [], [], []
    for sample, (height, width) in samples:
        points = sample.points[sample.visible]
        limits = np.array([width, height]) - 0.5
        inside.append(((points > -0.5) & (points < limits)).all(axis=1).mean())
        swapped.append(((points[:, ::-1] > -0.5) & (points[:, ::-1] < limits)).all(axis=1).mean())
        if len(points) > 1:
            extents.append(np.ptp(points, axis=0).max() / max(height, width))
    if extents and np.median(extents) < 0.03:
        return (
            f"a face's points span {100 * float(np.median(extents)):.2g}% of the image at the "
            "median: are they fractions rather than pixels?"
        )
    if np.mean(inside) < 0.5:
        hint = "; with x and y exchanged they would" if np.mean(swapped) > 0.9 else ""
        return f"only {np.mean(inside):.0%} of the points lie in their images{hint}"
    return ""


def wrong_flip(scheme: LandmarkScheme, samples: Sequence[Sample]) -> str:
    """A flip that does not exchange left and right."""
    flip = scheme.flip
    if flip is None:
        return ""
    count = len(scheme)
    if sorted(flip) != list(range(count)) or any(flip[flip[i]] != i for i in range(count)):
        return "flip is no permutation that undoes itself"
    if scheme.eye_corners is not None:
        left, right = scheme.eye_corners
        if flip[left] != right:
            return f"flip puts {flip[left]} in place of the left eye corner {left}, not {right}"
    if scheme.pupils is not None:
        left_eye, right_eye = scheme.pupils
        if {flip[i] for i in left_eye} != set(right_eye):
            return "flip does not exchange the points of the two pupils"
    return _unlike_the_mean_face(scheme, np.array(flip), samples)


def _unlike_the_mean_face(
    scheme: LandmarkScheme, flip: NDArray[np.int64], samples: Sequence[Sample]
) -> str:
    """Where the mean face contradicts the scheme: its left eye must be on the left, and mirrored,
    with its points exchanged by ``flip``, it must look like itself."""
    face = _mean_face(samples)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(face).all(axis=1))
    if scheme.eye_corners is not None and known[list(scheme.eye_corners)].all():
        left, right = scheme.eye_corners
        if not face[left, 0] < face[right, 0]:
            return f"eye corner {left} should be the left one, and lies to the right of {right}"
    both = np.flatnonzero(known & known[flip])
    axis = np.median((face[both, 0] + face[flip[both], 0]) / 2) if len(both) else 0.0
    mirrored = face * [-1, 1] + [2 * axis, 0]
    for i in both.tolist():
        gaps = np.linalg.norm(mirrored[i] - face[known], axis=1)
        gap = float(np.linalg.norm(mirrored[i] - face[flip[i]]))
        if gap > gaps.min() + FLIP_SLACK:
            nearest = int(np.flatnonzero(known)[gaps.argmin()])
            return (
                f"flip exchanges point {i} for {flip[i]}, and the mean face's, mirrored, lies "
                f"near {nearest}"
            )
    return ""


def _mean_face(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Mean of all faces, each moved to its centre and scaled to sqrt(w h) = 1: (K, 2), NaN for a
    point that is never visible."""
    total = np.zeros(samples[0].points.shape)
    counts = np.zeros(len(total))
    for sample in samples:
        points = sample.points[sample.visible].astype(np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        size = np.sqrt((high - low).prod())
        if size > 0:
            total[sample.visible] += (points - (low + high) / 2) / size
            counts[sample.visible] += 1
    return np.where(counts[:, None] > 0, total / np.maximum(counts, 1)[:, None], np.nan)


def first_difference(ids: Sequence[str], samples: Sequence[Sample]) -> str:
    """Where the ids of another reading differ from those of the first."""
    other_ids = [sample.id for sample in samples]
    for place, (one, other) in enumerate(zip(ids, other_ids, strict=False)):
        if one != other:
            return f"sample {place} is {other!r} instead of {one!r}"
    if len(ids) != len(other_ids):
        return f"there are {len(other_ids)} samples instead of {len(ids)}"
    return ""


def same_labels(a: Sample, b: Sample) -> bool:
    return (
        np.array_equal(a.points, b.points)
        and np.array_equal(a.visible, b.visible)
        and _same_marks(a.occluded, b.occluded)
        and dict(a.attributes) == dict(b.attributes)
        and (a.person, a.video, a.release_split, a.box, a.bytes)
        == (b.person, b.video, b.release_split, b.box, b.bytes)
    )


def _same_marks(a: NDArray[np.bool_] | None, b: NDArray[np.bool_] | None) -> bool:
    return a is b if a is None or b is None else np.array_equal(a, b)
