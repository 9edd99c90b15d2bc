"""Faces drawn over pictures: each part of a face in its own colour, its points, its box.

Colours stand out from skin of any tone; lines are as thin as the face is small, so that both can be
seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..api import LandmarkScheme
from .face import Face, Image

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
SHIFT = 4
"""OpenCV takes fixed-point coordinates: sixteenths of a pixel."""


def draw_faces(
    image: Image, faces: Sequence[Face], scheme: LandmarkScheme, labels: Sequence[str] = ()
) -> Image:
    """A copy of the picture with contours, points and boxes, and a label at each box."""
    out = image.copy()
    for number, face in enumerate(faces):
        draw_face(out, face, scheme, labels[number] if labels else "")
    return out


def draw_face(image: Image, face: Face, scheme: LandmarkScheme, label: str = "") -> None:
    """Draw into ``image``."""
    extent = float(np.ptp(face.points, axis=0).max())
    thick = max(1, round(extent / 150))
    colours = point_colours(scheme)
    fixed = np.round(face.points * (1 << SHIFT)).astype(np.int32)
    _box(image, face, thick, label)
    for indices, closed in scheme.contours:
        line = fixed[list(indices)].reshape(-1, 1, 2)
        colour = colours[indices[len(indices) // 2]]
        cv2.polylines(image, [line], closed, colour, thick, cv2.LINE_AA, SHIFT)
    radius = max(16, round(extent / 90 * (1 << SHIFT)))
    for (x, y), colour in zip(fixed.tolist(), colours, strict=True):
        cv2.circle(image, (x, y), radius, _deeper(colour), cv2.FILLED, cv2.LINE_AA, SHIFT)


def point_colours(scheme: LandmarkScheme) -> list[Colour]:
    """The colour of each point: its region's; without regions all are alike."""
    colours = [OTHERS[0]] * len(scheme)
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


def _box(image: Image, face: Face, thick: int, label: str) -> None:
    x0, y0, x1, y1 = (round(v) for v in face.box)
    cv2.rectangle(image, (x0, y0), (x1, y1), BOX, thick, cv2.LINE_AA)
    if not label:
        return
    size = float(np.clip((x1 - x0) / 260, 0.4, 1.5))
    (width, height), base = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    # on the box's upper edge, or below it where the picture ends
    top = y0 - height - base - 2 if y0 - height - base - 2 >= 0 else y0
    cv2.rectangle(image, (x0, top), (x0 + width + 6, top + height + base + 2), BOX, cv2.FILLED)
    place = (x0 + 3, top + height + 2)
    cv2.putText(
        image, label, place, cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), thick, cv2.LINE_AA
    )
