"""One pass over a data set's pictures: what can be read, how large it is, and what it shows.

Of each picture, a digest of its pixels and two thumbnails of 32 x 32 grey pixels are kept. Digests
find exact copies in any file format. Thumbnails find copies that were saved again: those of the
whole frame find copies with other labels, those of the face find copies that were cropped
differently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError
from zoo.geometry import Region, crop
from zoo.threads import at_once

from .subject import Labelled

SIDE = 32
MARGIN = 1.3
"""Side of the face's region, as a multiple of the longer side of the labelled points' box."""

CHUNK = 256
"""Frames that are decoded at a time: a whole release of videos does not fit into memory."""

Thumbnail = NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """The facts about N frames, in the order of the data set."""

    readable: NDArray[np.bool_]
    """(N,)"""
    sizes: NDArray[np.int64]
    """(N, 2) height and width in pixels; 0 where unreadable."""
    digests: tuple[bytes, ...]
    """sha256 of the decoded pixels; empty where unreadable."""
    faces: Thumbnail
    """(N, 32, 32); a thumbnail of the whole frame if the points span no region in the picture."""
    frames: Thumbnail
    """(N, 32, 32)"""
    problems: tuple[tuple[int, str], ...]
    """Row and reason of each unreadable picture."""


def look_at(data: Labelled, progress: Callable[[int, int], None] | None = None) -> Pictures:
    """Decode every frame once, a few at a time. ``progress`` is called with (done, total)."""
    count = len(data.ids)
    readable = np.zeros(count, np.bool_)
    sizes = np.zeros((count, 2), np.int64)
    digests = [b""] * count
    faces, frames = (np.zeros((count, SIDE, SIDE), np.uint8) for _ in range(2))
    problems: list[tuple[int, str]] = []

    def fill_in(row: int) -> str:
        """Fill in one row. Returns why the picture cannot be read, or an empty text."""
        try:
            image = data.images[row]()
        except DataError as error:
            return str(error)
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        sizes[row] = grey.shape
        digests[row] = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
        frames[row] = _shrunk(grey, SIDE, SIDE)
        region = _face_region(data.points[row][data.visible[row]], max(grey.shape))
        faces[row] = frames[row] if region is None else _cut(grey, region)
        readable[row] = True
        return ""

    with ThreadPoolExecutor(at_once()) as pool:
        for start in range(0, count, CHUNK):
            rows = range(start, min(start + CHUNK, count))
            for row, reason in zip(rows, pool.map(fill_in, rows), strict=True):
                if reason:
                    problems.append((row, reason))
                if progress is not None:
                    progress(row + 1, count)
    return Pictures(readable, sizes, tuple(digests), faces, frames, tuple(problems))


def _face_region(points: NDArray[np.float32], longest: int) -> Region | None:
    """The square about the visible points (M, 2).

    None if they have no extent, or one far beyond the picture: then they do not tell where the face
    is.
    """
    if not len(points):
        return None
    low, high = points.min(0).astype(float), points.max(0).astype(float)
    side = float((high - low).max()) * MARGIN
    if not 0 < side <= 8 * longest:
        return None
    cx, cy = ((low + high) / 2).tolist()
    return Region(cx, cy, side)


def _cut(grey: Thumbnail, region: Region) -> Thumbnail:
    """The region as a thumbnail.

    A large picture is shrunk first: the blur against aliasing grows with the factor of reduction.
    """
    shrink = int(region.side) // (4 * SIDE)
    if shrink > 1:
        height, width = grey.shape
        small = _shrunk(grey, max(1, width // shrink), max(1, height // shrink))
        across, down = small.shape[1] / width, small.shape[0] / height
        centre_x, centre_y = (region.cx + 0.5) * across - 0.5, (region.cy + 0.5) * down - 0.5
        grey, region = small, Region(centre_x, centre_y, region.side * (across + down) / 2)
    return crop(grey, region, SIDE)


def _shrunk(grey: Thumbnail, width: int, height: int) -> Thumbnail:
    """The picture at another size; each pixel is the mean of those that it replaces."""
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
