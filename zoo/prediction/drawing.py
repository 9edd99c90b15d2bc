"""Draws faces over pictures: each part of a face in its own colour, its points, its box.

Colours stand out from skin of any tone. Lines and dots are in proportion to the face: points do not
cover a face of 40 pixels, and can be seen on a face of 2,000.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..api import LandmarkScheme
from .face import Face, Image
from .outputs import COVARIANCE

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "jaw": (90, 200, 255),
    "brow": (255, 176, 46),
    "nose": (190, 140, 255),
    "eye": (90, 235, 130),
    "mouth": (255, 88, 170),
    "pupils": (255, 255, 255),
}
"""Colours by the beginning of a region's name, so that both eyes have one colour."""
OTHERS: tuple[Colour, ...] = (
    (90, 200, 255), (255, 176, 46), (90, 235, 130), (255, 92, 118), (190, 140, 255),
)  # fmt: skip
"""Colours of regions with other names; they take turns."""
BOX: Colour = (255, 255, 255)
INK: Colour = (20, 20, 20)
LINE, DOT = 1 / 150, 1 / 90
"""Thickness of a line and radius of a dot, as fractions of the extent of a face's points."""
MANY, LARGEST = 68, 3.0
"""A face of at least ``MANY`` points has dots of that radius. With fewer points dots are larger, at
most ``LARGEST`` times, since no lines lead to them."""
FINE, FINEST = 120, 8
"""A face whose extent is below ``FINE`` pixels is drawn on a finer grid, at most ``FINEST`` times
as fine."""
SIGMAS = 2.0
"""Half axes of an ellipse, in standard deviations: 86% of a Gaussian lie within it."""
REACH = 1 << 18
"""Coordinates are clipped to this many pixels from the picture's corner."""
SHIFT = 4
"""OpenCV takes fixed-point coordinates: sixteenths of a pixel."""


def draw_faces(
    image: Image,
    faces: Sequence[Face],
    scheme: LandmarkScheme,
    labels: Sequence[str] = (),
    uncertainty: bool = False,
) -> Image:
    """A copy of the picture with contours, points and boxes, and a label at each box; with
    ``uncertainty`` an ellipse of :data:`SIGMAS` about each point of a face with a covariance."""
    out = image.copy()
    for number, face in enumerate(faces):
        shown = face if uncertainty else replace(face, outputs={})
        draw_face(out, shown, scheme, labels[number] if labels else "")
    return out


def draw_face(image: Image, face: Face, scheme: LandmarkScheme, label: str = "") -> None:
    """Draw a face into ``image``, and its covariance where it has one.

    The thickness of lines and dots follows the size of the face. A small face is drawn on a finer
    grid than the picture's, so that its lines can be thinner than a pixel.
    """
    face = _within_reach(face)
    extent = float(np.ptp(face.points, axis=0).max())
    fine = min(math.ceil(FINE / max(extent, 1.0)), FINEST)
    if fine == 1:
        _draw_lines(image, face, scheme)
    elif (part := _around(image, face)) is not None:
        rows, columns = part
        small = image[rows, columns]
        shift = np.array([columns.start, rows.start], np.float32)
        # drawn on the finer grid, then averaged to pixels: one without a line keeps its value
        large = np.ascontiguousarray(small.repeat(fine, axis=0).repeat(fine, axis=1))
        _draw_lines(large, _finer(face, shift, fine), scheme)
        size = small.shape[1], small.shape[0]
        image[rows, columns] = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    if label:
        _write_label(image, face, label)


def _within_reach(face: Face) -> Face:
    """The face with coordinates clipped to what OpenCV can take: a box may come from a file."""
    points = np.clip(face.points, -REACH, REACH)
    x0, y0, x1, y1 = np.clip(np.array(face.box, np.float64), -REACH, REACH).tolist()
    return replace(face, points=points, box=(x0, y0, x1, y1))


def _around(image: Image, face: Face) -> tuple[slice, slice] | None:
    """Rows and columns of the picture that a face's points and box are drawn on; None where all of
    them lie outside the picture."""
    box = np.array(face.box).reshape(2, 2)
    places = np.concatenate([face.points, box])
    limits = image.shape[1], image.shape[0]
    x0, y0 = np.clip(np.floor(places.min(0)) - 3, 0, limits).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(places.max(0)) + 4, 0, limits).astype(int).tolist()
    return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


def _finer(face: Face, shift: NDArray[np.float32], fine: int) -> Face:
    """The face in coordinates of a grid that begins at ``shift``, with ``fine`` squares a pixel."""
    box = ((np.array(face.box).reshape(2, 2) - shift + 0.5) * fine - 0.5).ravel().tolist()
    points = ((face.points - shift + 0.5) * fine - 0.5).astype(np.float32)
    outputs = {k: v * fine**2 for k, v in face.outputs.items() if k == COVARIANCE}
    return replace(face, box=(box[0], box[1], box[2], box[3]), points=points, outputs=outputs)


def _draw_lines(image: Image, face: Face, scheme: LandmarkScheme) -> None:
    extent = float(np.ptp(face.points, axis=0).max())
    thick = max(1, round(extent * LINE))
    colours = point_colours(scheme)
    fixed = np.round(face.points * (1 << SHIFT)).astype(np.int32)
    x0, y0, x1, y1 = (round(v) for v in face.box)
    cv2.rectangle(image, (x0, y0), (x1, y1), BOX, thick, cv2.LINE_AA)
    for indices, closed in scheme.contours:
        line = fixed[list(indices)].reshape(-1, 1, 2)
        colour = colours[indices[len(indices) // 2]]
        cv2.polylines(image, [line], closed, colour, thick, cv2.LINE_AA, SHIFT)
    if COVARIANCE in face.outputs:
        _draw_ellipses(image, face.points, face.outputs[COVARIANCE], colours, thick)
    dot = extent * DOT * min(max(math.sqrt(MANY / len(scheme)), 1.0), LARGEST)
    radius = max(1 << SHIFT, round(dot * (1 << SHIFT)))
    for (x, y), colour in zip(fixed.tolist(), colours, strict=True):
        if not scheme.contours:
            cv2.circle(image, (x, y), radius + radius // 3, INK, cv2.FILLED, cv2.LINE_AA, SHIFT)
        cv2.circle(image, (x, y), radius, _darker(colour), cv2.FILLED, cv2.LINE_AA, SHIFT)


def _draw_ellipses(
    image: Image,
    points: NDArray[np.float32],
    covariance: NDArray[np.float32],
    colours: Sequence[Colour],
    thick: int,
) -> None:
    """Draw an ellipse where each point may be; one that is not finite, or larger than the picture,
    is left out."""
    drawn = np.isfinite(covariance).all((1, 2)) & np.isfinite(points).all(1)
    for i in np.flatnonzero(drawn).tolist():
        values, axes = np.linalg.eigh(covariance[i].astype(np.float64))
        half = SIGMAS * np.sqrt(np.maximum(values, 0))
        if half[1] > max(image.shape):
            continue
        x, y = np.round(points[i] * (1 << SHIFT)).astype(int).tolist()
        long, short = np.round(half[::-1] * (1 << SHIFT)).astype(int).tolist()
        angle = math.degrees(math.atan2(axes[1, 1], axes[0, 1]))
        ellipse = (x, y), (long, short), angle, 0, 360, colours[i]
        cv2.ellipse(image, *ellipse, thick, cv2.LINE_AA, SHIFT)


def point_colours(scheme: LandmarkScheme) -> list[Colour]:
    """The colour of each point: its region's; without regions the colours take turns."""
    colours = [OTHERS[i % len(OTHERS)] for i in range(len(scheme))]
    for number, (name, indices) in enumerate(scheme.regions.items()):
        known = (colour for start, colour in COLOURS.items() if name.startswith(start))
        colour = next(known, OTHERS[number % len(OTHERS)])
        for index in indices:
            colours[index] = colour
    return colours


def _darker(colour: Colour) -> Colour:
    """The colour of a point, which stands out from the line that goes through it."""
    r, g, b = (round(0.72 * v) for v in colour)
    return r, g, b


def _write_label(image: Image, face: Face, label: str) -> None:
    """Write the label on the box's upper edge, or below the edge where the picture ends."""
    x0, y0, x1, _ = (round(v) for v in face.box)
    size = max((x1 - x0) / 260, 0.4)
    thick = max(1, round(2 * size))
    (width, height), base = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    top = y0 - height - base - 2 if y0 - height - base - 2 >= 0 else y0
    cv2.rectangle(image, (x0, top), (x0 + width + 6, top + height + base + 2), BOX, cv2.FILLED)
    place = (x0 + 3, top + height + 2)
    cv2.putText(image, label, place, cv2.FONT_HERSHEY_SIMPLEX, size, INK, thick, cv2.LINE_AA)
