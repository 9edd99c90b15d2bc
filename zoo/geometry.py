"""Regions, crops and mirrors, in numpy and OpenCV: what training, prediction and export share.

Coordinates: x right, y down, the centre of the top left pixel at (0, 0), so an image of width w
covers [-0.5, w - 0.5]. A region is a square of the source, upright or turned; ``unit`` coordinates
are fractions of it, 0 at its left (top) edge and 1 at its right (bottom) edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from .api import LandmarkScheme

if TYPE_CHECKING:
    from torch import Tensor

Points = NDArray[np.floating]
Box = tuple[float, float, float, float]

REFINE_FILL = 0.7
"""The longer side of the first pass's points, as a fraction of the second pass's crop. The rest is
room for errors of the first pass, and for the picture around the face."""

UNIT_SCALE, UNIT_SHIFT, UNIT_SPREAD = 224.0, 100.0, 50.0
"""The seed's landmark units: t = (224 u - 100) / 50."""


@dataclass(frozen=True)
class Region:
    """The square of a source image that a model sees: centre and side in source pixels, and the
    angle in radians by which it is turned, clockwise as the picture is looked at."""

    cx: float
    cy: float
    side: float
    angle: float = 0.0

    def to_unit(self, points: Points) -> NDArray[np.float64]:
        """Source pixels (..., 2) to fractions of the region."""
        moved = np.asarray(points, np.float64) - np.array([self.cx, self.cy])
        return np.asarray(turned(moved, -self.angle) / self.side + 0.5, np.float64)

    def to_source(self, unit: Points) -> NDArray[np.float64]:
        """Fractions of the region (..., 2) to source pixels."""
        moved = turned((np.asarray(unit, np.float64) - 0.5) * self.side, self.angle)
        return np.asarray(moved + np.array([self.cx, self.cy]), np.float64)

    def inner(self, window: Region) -> Region:
        """``window``, which is in fractions of this region, as a region in source pixels."""
        cx, cy = self.to_source(np.array([window.cx, window.cy])).tolist()
        return Region(cx, cy, window.side * self.side, self.angle + window.angle)

    def turned(self, angle: float) -> Region:
        """This region in a picture that was turned as a whole about its first pixel."""
        cx, cy = turned(np.array([self.cx, self.cy]), angle).tolist()
        return Region(cx, cy, self.side, self.angle + angle)

    def mirrored(self) -> Region:
        """This window, in fractions of a square, as it lies in the square's mirror image."""
        return Region(1 - self.cx, self.cy, self.side, -self.angle)


def turned(vectors: Points, angle: float) -> Points:
    """Vectors (..., 2) turned by ``angle`` radians, clockwise as the picture is looked at."""
    if not angle:  # returns the very same bits
        return vectors
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(np.asarray(vectors, np.float64) @ np.array([[cos, sin], [-sin, cos]]))


def to_unit(points: Points, regions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Source pixels (N, K, 2) to fractions of each frame's region. Regions are (N, 3): cx, cy,
    side; or, where they are turned, (N, 4) with the angle as well."""
    if regions.shape[1] > 3:
        pairs = zip(points, regions.tolist(), strict=True)
        return np.array([Region(*row).to_unit(face) for face, row in pairs]).reshape(points.shape)
    centre, side = regions[:, None, :2], regions[:, None, 2:]
    return np.asarray((np.asarray(points, np.float64) - centre) / side + 0.5, np.float64)


def to_source(unit: Points, regions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fractions of the region, (N, K, 2) or (K, 2) for all frames, to each frame's source pixels.
    Regions are upright, (N, 3)."""
    centre, side = regions[:, None, :2], regions[:, None, 2:]
    return np.asarray((np.asarray(unit, np.float64) - 0.5) * side + centre, np.float64)


def frame_region(height: int, width: int, angle: float = 0.0) -> Region:
    """The whole image, padded to a square of side max(w, h) about its centre; or that square turned
    by ``angle`` radians."""
    return Region((width - 1) / 2, (height - 1) / 2, float(max(width, height)), angle)


def box_region(box: Box, margin: float = 1.0) -> Region:
    """The square about the centre of ``box`` (x0, y0, x1, y1) whose side is its longer side times
    ``margin``."""
    x0, y0, x1, y1 = box
    return Region((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) * margin)


def points_box(points: Points) -> Box:
    """The box x0, y0, x1, y1 about points (K, 2)."""
    (x0, y0), (x1, y1) = np.min(points, axis=0).tolist(), np.max(points, axis=0).tolist()
    return x0, y0, x1, y1


NO_SIZE = 1e-6
"""Size that is used for points that all lie at one place: a square of size 0 can be neither cut out
nor divided by."""


def square_box(cx: float, cy: float, side: float) -> Box:
    """The square box of this centre and side."""
    return cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2


def square_about(points: Points) -> Box:
    """The square box about the middle of points (K, 2), as large as their box is long."""
    x0, y0, x1, y1 = points_box(points)
    return square_box((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0, NO_SIZE))


def refine_region(points: Points, upright: Points | None = None) -> Region:
    """The next pass's crop of a face, from its predicted points (M, 2), in their units.

    ``upright``: the same points (M, 2) of an upright face, of any size at any place. With them the
    crop is turned with the face (:func:`roll`). None: it is not turned.
    """
    angle = 0.0 if upright is None else roll(points, upright)
    level = turned(points, -angle)
    low, high = np.min(level, axis=0), np.max(level, axis=0)
    cx, cy = ((low + high) / 2).tolist()
    side = max(float((high - low).max()) / REFINE_FILL, NO_SIZE)
    return Region(cx, cy, side).turned(angle)


def roll(points: Points, upright: Points) -> float:
    """The angle by which a face with these points (M, 2) is turned from an upright one: radians,
    clockwise as the picture is looked at, from -pi to pi.

    It is the angle of the similarity transform that fits the upright points to the others by least
    squares. It needs no particular point, such as an eye, and no single point can spoil it.
    """
    found, template = (np.asarray(each, np.float64) for each in (points, upright))
    found, template = found - found.mean(0), template - template.mean(0)
    along = float((found * template).sum())
    across = float((template[:, 0] * found[:, 1] - template[:, 1] * found[:, 0]).sum())
    return math.atan2(across, along)


QUARTER = math.pi / 2
"""Radians."""


def nearest_quarter(angle: float) -> float:
    """The multiple of a quarter turn that is nearest to an angle in radians."""
    return round(angle / QUARTER) * QUARTER


FAR = 16
"""Sides of an image: a crop of a larger region shows almost nothing of the image."""


def crop(image: NDArray[np.uint8], region: Region, size: int) -> NDArray[np.uint8]:
    """The region, turned upright and resampled to ``size`` x ``size`` pixels. It is black outside
    the image, and all black where the region shows almost nothing of the image, which happens with
    points that are far off.

    Antialiased: where the region is larger than ``size``, the source is low-passed first, with the
    Gaussian that makes up the difference between the two pixel grids.
    """
    height, width = image.shape[:2]
    cos, sin = math.cos(region.angle), math.sin(region.angle)
    extent = region.side * (abs(cos) + abs(sin))
    reach = extent / 2
    touches = all(
        -reach - 1 < centre < length + reach + 1
        for centre, length in ((region.cx, width), (region.cy, height))
    )
    if not touches or region.side > FAR * max(height, width):
        return np.zeros((size, size, *image.shape[2:]), np.uint8)
    factor = region.side / size
    # unit u of output pixel p is (p + 0.5) / size
    left, top = region.to_source(np.array([0.5 / size, 0.5 / size])).tolist()
    if factor > 1:
        sigma = 0.5 * float(np.sqrt(factor * factor - 1))
        first = 0.5 / size - 0.5  # the outermost pixels' centres, in sides from the middle
        # blur only the region and what the kernel reaches: a photograph is much larger than a face
        columns = _reached(region.cx + first * extent, extent, sigma, width)
        rows = _reached(region.cy + first * extent, extent, sigma, height)
        image = np.asarray(
            cv2.GaussianBlur(image[rows, columns], (0, 0), sigma, borderType=cv2.BORDER_REPLICATE),
            np.uint8,
        )
        left, top = left - columns.start, top - rows.start
    matrix = np.array([[factor * cos, -factor * sin, left], [factor * sin, factor * cos, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(out, np.uint8)


def _reached(start: float, side: float, sigma: float, length: int) -> slice:
    """The pixels of one axis that a blurred region depends on; one at least."""
    reach = math.ceil(4 * sigma) + 3  # OpenCV's kernel ends at 3 sigma for 8-bit pixels
    low = min(max(math.floor(start) - reach, 0), length - 1)
    high = min(math.ceil(start + side) + reach, length)
    return slice(low, max(high, low + 1))


def label_scale(points: Points, visible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """sqrt(w h) of the visible points' box, in the points' units: (N, K, 2), (N, K) to (N,).

    0 for a face with no visible point.
    """
    shown = visible[..., None]
    low = np.where(shown, points, np.inf).min(axis=-2)
    high = np.where(shown, points, -np.inf).max(axis=-2)
    extent = np.where(shown.any(axis=-2), high - low, 0.0)
    return np.asarray(np.sqrt(extent[..., 0] * extent[..., 1]), np.float64)


def unmirror(unit: NDArray[np.floating], flip: tuple[int, ...]) -> NDArray[np.floating]:
    """Points (..., K, 2) of a mirrored square, as fractions of it, mapped back to the square before
    it was mirrored: x is mirrored, and left and right points exchange their numbers."""
    back = unit[..., np.array(flip), :].copy()
    back[..., 0] = 1 - back[..., 0]
    return back


def mirror_points(
    points: Points,
    visible: NDArray[np.bool_],
    scheme: LandmarkScheme,
    width: float,
    label_offset: tuple[float, float] = (0.0, 0.0),
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Labels of the mirrored image: one face (K, 2), (K,) in an image of ``width`` pixels.

    A label sits at (true place + offset); the mirror moves the true place, and the label keeps its
    offset: x' = (width - 1 - x) + 2 dx sqrt(w h). Raises ValueError for a scheme without symmetry.
    """
    if scheme.flip is None:
        raise ValueError(f"scheme {scheme.name} has no known symmetry: it cannot be mirrored")
    order = np.array(scheme.flip)
    moved = np.asarray(points, np.float64)[order].copy()
    shown = visible[order]
    moved[:, 0] = width - 1 - moved[:, 0]
    moved[:, 0] += 2 * label_offset[0] * label_scale(points, visible)
    return moved, shown


_Coordinates = TypeVar("_Coordinates", NDArray[np.floating], "Tensor")


def to_landmark_units(unit: _Coordinates) -> _Coordinates:
    """Fractions of the input to the seed's units, in which losses are reported; arrays or tensors
    of any shape."""
    return (UNIT_SCALE * unit - UNIT_SHIFT) / UNIT_SPREAD


def from_landmark_units(units: _Coordinates) -> _Coordinates:
    """The seed's units to fractions of the input; the inverse of :func:`to_landmark_units`."""
    return (UNIT_SPREAD * units + UNIT_SHIFT) / UNIT_SCALE


@dataclass(frozen=True)
class FacePlace:
    """Where faces were in the regions that a model was trained on: medians over training frames."""

    side: float
    """The longer side of the labelled points' box, as a fraction of the region's side."""
    cx: float
    cy: float
    """Its centre, as fractions of the region."""

    def __post_init__(self) -> None:
        if not (0 < self.side < math.inf and math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise ValueError(f"faces cannot lie at {self.cx}, {self.cy} with a side of {self.side}")

    @classmethod
    def of(cls, points: NDArray[np.floating], visible: NDArray[np.bool_]) -> FacePlace:
        """The place of faces from labels as fractions of the region: (N, K, 2), (N, K). Faces whose
        points all lie at one place are left out."""
        shown = visible.any(1)
        points, mask = points[shown], visible[shown][..., None]
        low = np.where(mask, points, np.inf).min(1)
        high = np.where(mask, points, -np.inf).max(1)
        sides = (high - low).max(1)
        sized = sides > 0
        cx, cy = np.median((low + high)[sized] / 2, axis=0)
        return cls(float(np.median(sides[sized])), float(cx), float(cy))


def face_region(
    box: NDArray[np.floating],
    labelled: tuple[float, float, float],
    faces: FacePlace,
    angle: float = 0.0,
) -> Region:
    """The region that shows the face in this box at the size and place that faces had in training.

    ``box``: x0, y0, x1, y1 in source pixels; further columns are ignored. ``labelled`` says where a
    detector's box holds the landmarks (:class:`zoo.api.Detector`); for a box about the landmarks
    themselves it is (1, 0, 0). ``angle``: by how much the face is turned, in radians.
    """
    x0, y0, x1, y1 = (float(v) for v in box[:4])
    part, dx, dy = labelled
    longer = max(x1 - x0, y1 - y0, NO_SIZE)
    side = longer * part / faces.side
    to_points = turned(np.array([dx, dy]) * longer, angle)
    to_centre = turned(np.array([faces.cx - 0.5, faces.cy - 0.5]) * side, angle)
    cx, cy = (np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + to_points - to_centre).tolist()
    return Region(cx, cy, side, angle)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def keep_best(boxes: NDArray[np.float32], most: float = 0.5) -> NDArray[np.float32]:
    """Non-maximum suppression: in the order given, each box that no earlier kept box covers. Boxes
    are (N, 5): x0, y0, x1, y1, score.

    A box is covered if its intersection with the other is more than ``most`` of the smaller of the
    two. The smaller one counts, since cascades also find mouths and noses inside of faces.
    """
    kept: list[int] = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i, (x0, y0, x1, y1) in enumerate(boxes[:, :4]):
        earlier = boxes[kept]
        wide = np.minimum(earlier[:, 2], x1) - np.maximum(earlier[:, 0], x0)
        high = np.minimum(earlier[:, 3], y1) - np.maximum(earlier[:, 1], y0)
        common = np.maximum(wide, 0) * np.maximum(high, 0)
        if not (common > most * np.minimum(areas[kept], areas[i])).any():
            kept.append(i)
    return boxes[kept]
