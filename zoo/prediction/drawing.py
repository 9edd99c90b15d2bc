"""Faces drawn over pictures: each part of a face in its own colour, its points, its box.

Colours stand out from skin of any tone; lines and dots are in proportion to the face, so that both
can be seen: the face of 40 pixels under its points, and the points on the face of 2,000.
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
"""A colour by the beginning of a region's name: both eyes are of one colour."""
OTHERS: tuple[Colour, ...] = (
    (90, 200, 255), (255, 176, 46), (90, 235, 130), (255, 92, 118), (190, 140, 255),
)  # fmt: skip
"""Regions of other names, in turn."""
BOX: Colour = (255, 255, 255)
INK: Colour = (20, 20, 20)
LINE, DOT = 1 / 150, 1 / 90
"""Thickness of a line and radius of a dot, in extents of a face's points."""
MANY, LARGEST = 68, 3.0
"""Points of a face whose dots have that radius; those of fewer are larger, at most so many times,
since no line leads to them."""
FINE, FINEST = 120, 8
"""Pixels: the extent of a face below which the grid is finer; and how much finer at most."""
SIGMAS = 2.0
"""Standard deviations, half an axis of an ellipse: 86% of a Gaussian lie within it."""
REACH = 1 << 18
"""Pixels from the picture's corner; lines that go further are drawn as far."""
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
    """Draw into ``image``; the covariance too, where the face has one. Lines and dots are as thick
    as the face is large; a small face is drawn on a finer grid than the picture's, so that its
    lines may be thinner than a pixel."""
    face = _within_reach(face)
    extent = float(np.ptp(face.points, axis=0).max())
    fine = min(math.ceil(FINE / max(extent, 1.0)), FINEST)
    if fine == 1:
        _draw_lines(image, face, scheme)
    elif (part := _around(image, face)) is not None:
        rows, columns = part
        small = image[rows, columns]
        shift = np.array([columns.start, rows.start], np.float32)
        # the grid is drawn on, and each of its squares averaged: a pixel without a line stays
        large = np.ascontiguousarray(small.repeat(fine, axis=0).repeat(fine, axis=1))
        _draw_lines(large, _finer(face, shift, fine), scheme)
        size = small.shape[1], small.shape[0]
        image[rows, columns] = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    if label:
        _write(image, face, label)


def _within_reach(face: Face) -> Face:
    """The same face with no coordinate beyond what OpenCV can count: a box may come from a file."""
    points = np.clip(face.points, -REACH, REACH)
    x0, y0, x1, y1 = np.clip(np.array(face.box, np.float64), -REACH, REACH).tolist()
    return replace(face, points=points, box=(x0, y0, x1, y1))


def _around(image: Image, face: Face) -> tuple[slice, slice] | None:
    """Rows and columns of the picture that a face's points and box can be drawn on; None where it
    shows nothing of them."""
    box = np.array(face.box).reshape(2, 2)
    shown = np.concatenate([face.points, box])
    limits = image.shape[1], image.shape[0]
    x0, y0 = np.clip(np.floor(shown.min(0)) - 3, 0, limits).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(shown.max(0)) + 4, 0, limits).astype(int).tolist()
    return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


def _finer(face: Face, shift: NDArray[np.float32], fine: int) -> Face:
    """The face on a grid of ``fine`` squares a pixel that begins at ``shift``."""
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
        cv2.circle(image, (x, y), radius, _deeper(colour), cv2.FILLED, cv2.LINE_AA, SHIFT)


def _draw_ellipses(
    image: Image,
    points: NDArray[np.float32],
    covariance: NDArray[np.float32],
    colours: Sequence[Colour],
    thick: int,
) -> None:
    """Where each point may be; what is not finite, or larger than the picture, is left out."""
    drawn = np.isfinite(covariance).all((1, 2)) & np.isfinite(points).all(1)
    for i in np.flatnonzero(drawn).tolist():
        values, axes = np.linalg.eigh(covariance[i].astype(np.float64))
        half = SIGMAS * np.sqrt(np.maximum(values, 0))
        if half[1] > max(image.shape):
            continue
        x, y = np.round(points[i] * (1 << SHIFT)).astype(int).tolist()
        long, short = np.round(half[::-1] * (1 << SHIFT)).astype(int).tolist()
        angle = math.degrees(math.atan2(axes[1, 1], axes[0, 1]))
        around = (x, y), (long, short), angle, 0, 360, colours[i]
        cv2.ellipse(image, *around, thick, cv2.LINE_AA, SHIFT)


def point_colours(scheme: LandmarkScheme) -> list[Colour]:
    """The colour of each point: its region's; without regions the colours take turns."""
    colours = [OTHERS[i % len(OTHERS)] for i in range(len(scheme))]
    for number, (name, indices) in enumerate(scheme.regions.items()):
        known = (colour for start, colour in COLOURS.items() if name.startswith(start))
        colour = next(known, OTHERS[number % len(OTHERS)])
        for index in indices:
            colours[index] = colour
    return colours


def _deeper(colour: Colour) -> Colour:
    """Points stand out from the line that goes through them."""
    r, g, b = (round(0.72 * v) for v in colour)
    return r, g, b


def _write(image: Image, face: Face, label: str) -> None:
    """The label on the box's upper edge, or below it where the picture ends."""
    x0, y0, x1, _ = (round(v) for v in face.box)
    size = max((x1 - x0) / 260, 0.4)
    thick = max(1, round(2 * size))
    (width, height), base = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    top = y0 - height - base - 2 if y0 - height - base - 2 >= 0 else y0
    cv2.rectangle(image, (x0, top), (x0 + width + 6, top + height + base + 2), BOX, cv2.FILLED)
    place = (x0 + 3, top + height + 2)
    cv2.putText(image, label, place, cv2.FONT_HERSHEY_SIMPLEX, size, INK, thick, cv2.LINE_AA)
