"""Brushes on an RGB image: antialiased fills, lines, soft glazes and smooth curves (OpenCV).

Coordinates are source pixels, the centre of the top left pixel at (0, 0), drawn to 1/256 pixel.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Colour = tuple[float, float, float]
"""RGB, 0 to 255."""

SHIFT = 8
GRID = 1 << SHIFT
"""Sub-pixel steps: what OpenCV draws with ``shift=SHIFT``."""


def fixed(points: Array) -> NDArray[np.int32]:
    """Source pixels to OpenCV's fixed point."""
    return np.rint(points * GRID).astype(np.int32)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """``a`` with ``share`` of ``b``."""
    r, g, v = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return r, g, v


def shade(colour: Colour, factor: float) -> Colour:
    r, g, b = (min(255.0, x * factor) for x in colour)
    return r, g, b


def fill(image: Image, outline: Array, colour: Colour) -> None:
    """Fill a closed outline (N, 2)."""
    cv2.fillPoly(image, [fixed(outline)], colour, cv2.LINE_AA, SHIFT)


def line(image: Image, points: Array, colour: Colour, width: float, closed: bool = False) -> None:
    """A line through points (N, 2), at least one pixel wide; thinner ones fade instead."""
    thickness = max(1, round(width))
    if width < 1:
        glaze(image, points, colour, max(width, 0.0), thickness=1, closed=closed)
    else:
        cv2.polylines(image, [fixed(points)], closed, colour, thickness, cv2.LINE_AA, SHIFT)


def glaze(
    image: Image,
    outline: Array,
    colour: Colour,
    alpha: float,
    blur: float = 0.0,
    thickness: int = 0,
    closed: bool = True,
) -> None:
    """Lay a translucent colour over an outline (or along it, where ``thickness`` is set).

    ``blur`` is the sigma, in pixels, of its soft edge.
    """
    height, width = image.shape[:2]
    margin = int(2.5 * blur) + thickness + 2
    place = fixed(outline)
    left, top, across, down = (side / GRID for side in cv2.boundingRect(place))
    x0, y0 = max(int(left) - margin, 0), max(int(top) - margin, 0)
    x1 = min(int(left + across) + margin + 2, width)
    y1 = min(int(top + down) + margin + 2, height)
    if x1 <= x0 or y1 <= y0 or alpha <= 0:
        return
    mask: Image = np.zeros((y1 - y0, x1 - x0), np.uint8)
    place -= np.array([x0 * GRID, y0 * GRID], np.int32)
    if thickness:
        cv2.polylines(mask, [place], closed, 255.0, thickness, cv2.LINE_AA, SHIFT)
    else:
        cv2.fillPoly(mask, [place], 255.0, cv2.LINE_AA, SHIFT)
    if blur > 0:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), blur), np.uint8)
    blend(image[y0:y1, x0:x1], colour, mask, alpha)


def blend(part: Image, paint: Image | Colour, mask: Image, alpha: float = 1.0) -> None:
    """Move ``part`` in place towards ``paint`` (a colour or an image) by ``alpha * mask / 255``."""
    over = paint if isinstance(paint, np.ndarray) else np.full_like(part, paint)
    share = mask * np.float32(alpha / 255)
    part[:] = cv2.blendLinear(part, over, 1 - share, share)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], angle: float = 0.0) -> Array:
    """An ellipse's outline (32, 2); ``angle`` in radians."""
    circle = unit_circle() * np.array(radii)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(circle @ np.array([[cos, sin], [-sin, cos]]) + np.array(centre), np.float64)


@lru_cache
def unit_circle(count: int = 32) -> Array:
    t = np.arange(count) * (2 * np.pi / count)
    return np.column_stack([np.cos(t), np.sin(t)])


def curve(points: Array, steps: int = 4) -> Array:
    """A smooth open curve (Catmull-Rom) through points (N, D): (steps (N - 1) + 1, D)."""
    return np.asarray(_spline(len(points), steps) @ points, np.float64)


@lru_cache
def _spline(count: int, steps: int) -> Array:
    """The weights of the points in the curve, which is extended straight beyond its ends."""
    weights = np.zeros((steps * (count - 1) + 1, count))
    extended = np.vstack([np.zeros((1, count)), np.eye(count), np.zeros((1, count))])
    extended[0, :2] = 2, -1
    extended[-1, -2:] = -1, 2
    for row in range(len(weights)):
        k = min(row // steps, count - 2)
        t = row / steps - k
        a, b, c, d = extended[k : k + 4]
        weights[row] = 0.5 * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - 3 * c + d - a) * t**3
        )
    return weights
