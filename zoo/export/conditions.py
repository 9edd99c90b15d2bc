"""How well a model works on faces that are turned, small, dark or blurred.

Frames of a split are changed in one way at a time, and shown as `zoo predict` shows them: by a box
about the face, with quarter turns where the model is in doubt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..api import DataError
from ..data.table import SampleTable
from ..evaluation.scores.metrics import headline_errors
from ..geometry import square_about, turned
from ..prediction.finder import Finder
from ..prediction.predictor import LIMIT, Predictor
from .tolerance import Progress, require_scheme

MOST_FRAMES = 100
"""How many frames are measured at most, evenly spaced."""

PLAIN = "as it is"
ANGLES = (15, 30, 45, 90, 180)
"""Degrees; the picture is turned clockwise."""
SIDES = (64, 32, 20)
"""Pixels: the longer side of the points' box, in a smaller copy of the picture."""
BLUR = 0.04
"""Sigma of a Gaussian, as a fraction of the longer side of the points' box."""
LIGHT = 0.2
"""Brightness of a dark picture, as a fraction of the original."""
JPEG = 10
"""Quality of a JPEG file that is compressed too much."""

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]


class Shown(NamedTuple):
    """A picture (H, W, 3), its points (K, 2), and the square about them: x0, y0, x1, y1."""

    image: Pixels
    points: Points
    box: tuple[float, ...]


def by_condition(
    predictor: Predictor,
    table: SampleTable,
    rows: NDArray[np.int64],
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """The mean headline NME, a fraction, and the share of faces that `zoo predict` keeps, for each
    condition, by its name: ``{"frames": N, "conditions": {NAME: {"nme": E, "kept": S}}}``. A model
    without calibrated scores keeps every face, and ``kept`` is None.

    Raises :class:`DataError` where no frame can be read.
    """
    require_scheme(predictor, table)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, MOST_FRAMES).round().astype(np.int64))]
    changes = conditions()
    errors: dict[str, list[float]] = {name: [] for name in changes}
    kept: dict[str, list[bool]] = {name: [] for name in changes}
    frames = 0
    for done, row in enumerate(chosen.tolist(), start=1):
        visible, labelled = table.visible[row], table.points[row].astype(np.float64)
        progress(done, len(chosen))
        try:
            image = table.images[row]()
        except DataError:
            continue
        frames += 1
        plain = Shown(image, labelled, square_about(labelled[visible]))
        for name, change in changes.items():
            shown = change(plain)
            [face] = predictor.predict(shown.image, Finder.of_boxes(shown.box), min_confidence=0.0)
            error = headline_errors(
                face.points[None], shown.points[None], visible[None], table.scheme
            )
            errors[name].append(float(error[0]))
            if predictor.calibration is not None:
                kept[name].append((face.confidence or 0.0) >= LIMIT)
    if not frames:
        raise DataError(f"none of {len(chosen)} frames can be read")
    return {
        "frames": frames,
        "conditions": {
            name: {
                "nme": float(np.nanmean(errors[name])),
                "kept": float(np.mean(kept[name])) if kept[name] else None,
            }
            for name in changes
        },
    }


def conditions() -> dict[str, Callable[[Shown], Shown]]:
    """The changes of a picture, by name."""
    return {
        PLAIN: lambda shown: shown,
        **{f"turned by {angle}°": _turning(angle) for angle in ANGLES},
        **{f"face of {side} pixels": _shrinking(side) for side in SIDES},
        "blurred": _blurred,
        "a fifth of the light": lambda shown: shown._replace(image=_darker(shown.image)),
        f"JPEG of quality {JPEG}": lambda shown: shown._replace(image=_compressed(shown.image)),
    }


def turn(shown: Shown, degrees: float) -> Shown:
    """The picture turned on a canvas that holds all of it, and the square about its face. The
    square keeps its size, since a detector's box does not grow with an angle."""
    angle = math.radians(degrees)
    height, width = shown.image.shape[:2]
    corners = turned(np.array([(0, 0), (width, 0), (0, height), (width, height)]), angle)
    low, high = corners.min(0), corners.max(0)
    matrix = np.column_stack((turned(np.eye(2), angle).T, -low))
    size = tuple(np.ceil(high - low).astype(int).tolist())
    canvas = cv2.warpAffine(shown.image, matrix, size, flags=cv2.INTER_LINEAR)
    corner, opposite = np.array(shown.box).reshape(2, 2)
    half = (opposite - corner) / 2
    centre = turned((corner + opposite) / 2, angle) - low
    box = (*(centre - half).tolist(), *(centre + half).tolist())
    return Shown(np.asarray(canvas, np.uint8), turned(shown.points, angle) - low, box)


def shrink(shown: Shown, side: float) -> Shown:
    """A copy in which the face has ``side`` pixels, or the picture as it is if it has fewer."""
    factor = side / (shown.box[2] - shown.box[0])
    if factor >= 1:
        return shown
    height, width = shown.image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(shown.image, size, interpolation=cv2.INTER_AREA)
    scale = np.array([size[0] / width, size[1] / height])
    points = (shown.points + 0.5) * scale - 0.5  # 0 is the centre of a pixel, -0.5 the edge
    box = (np.array(shown.box).reshape(2, 2) + 0.5) * scale - 0.5
    return Shown(np.asarray(small, np.uint8), points, tuple(box.reshape(-1).tolist()))


def _turning(degrees: float) -> Callable[[Shown], Shown]:
    return lambda shown: turn(shown, degrees)


def _shrinking(side: float) -> Callable[[Shown], Shown]:
    return lambda shown: shrink(shown, side)


def _blurred(shown: Shown) -> Shown:
    sigma = BLUR * (shown.box[2] - shown.box[0])
    return shown._replace(image=np.asarray(cv2.GaussianBlur(shown.image, (0, 0), sigma), np.uint8))


def _darker(image: Pixels) -> Pixels:
    return np.asarray(image * LIGHT, np.uint8)


def _compressed(image: Pixels) -> Pixels:
    _, packed = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, JPEG))
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
