"""``yunet``: OpenCV's YuNet. Its model file is fetched through the zoo's catalogue.

The network finds upright faces of 20 to 320 pixels with certainty. So a large picture is also
searched in a small copy, for faces that fill it. Doubtful boxes are searched once more, from close
up: at the picture's full resolution, for faces that are small in a copy, and at eight angles.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.api import Detector, UsageError
from zoo.api.notices import deprecated
from zoo.geometry import Region, crop, keep_best
from zoo.plugins.detectors.yunet_network import DIVISIBLE, FILE, YuNet
from zoo.runs.catalogue import bring_quickly

Boxes = NDArray[np.float32]
"""(N, 5): x0, y0, x1, y1, score."""

VARIABLE = "ZOO_YUNET_MODEL"
COARSE = 320
"""Longer side of the copy in which the largest faces are searched, in pixels. A picture up to 1.5
times as large needs no such copy."""
DOUBT, SURE = 0.05, 0.9
"""Boxes with a score between these are searched from close up: a turned face has a lower score than
an upright one, and a box that is placed as for an upright face. A small turned face never reaches
``min_score``, so a small face that is kept is upright."""
CONVINCING = 0.8
"""Least score of a face from close up. It is higher than the usual ``min_score``, since at eight
angles false alarms are more likely than at one."""
MOST_LOOKS = 24
"""Most boxes of a picture that are searched from close up; those of the best score are taken."""
FACE, CELL, PATCH = 44, 96, 136
"""Sizes close up, in pixels: of the face, of a turned crop, and of the crop before the turn."""
TURNS = [
    np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
    for a in np.radians(range(0, 360, 45))
]
CELLS = np.array([(CELL * (i % 4), CELL * (i // 4)) for i in range(len(TURNS))])
"""Corners of the turned crops on one sheet."""
BELOW = 0.135
"""Distance from the centre of the network's box to that of the points, towards the mouth, in longer
sides of the box: the median of 500 training frames, for faces of 100 pixels."""


def build(
    *,
    model: str = "",
    min_score: float = 0.7,
    overlap: float = 0.3,
    longest_side: int = 1920,
    longest: int = 0,
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A detector that runs the ONNX file ``model``, or the one that ``ZOO_YUNET_MODEL`` names. If
    neither is given, it runs the file of the catalogue, which is fetched once.

    Faces with a score of at least ``min_score`` are kept; of two whose intersection over union is
    more than ``overlap``, only the one with the higher score. A picture whose longer side has more
    than ``longest_side`` pixels is searched in a copy of that size; with 0, every picture is
    searched in its own size. ``longest`` is the former name of this option. Raises
    :class:`UsageError` for a missing file or an option out of range, :class:`NotFetchedError` where
    the catalogue's file cannot be fetched, and :class:`WeightsError` for a file that is not
    YuNet's.
    """
    if longest:
        deprecated("yunet's option longest", since="0.1", instead="give longest_side", by="yunet")
        longest_side = longest
    sides = longest_side == 0 or longest_side >= DIVISIBLE
    if not (0 < min_score < 1 and 0 < overlap < 1 and sides):
        raise UsageError(
            f"yunet: min_score {min_score} and overlap {overlap} must lie between 0 and 1, "
            f"and longest_side {longest_side} be at least {DIVISIBLE}, or 0 for no limit"
        )
    network = YuNet(_file(model), min(DOUBT, min_score), overlap)

    def detect(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (H, W, 3) RGB to float32 (N, 5): x0, y0, x1, y1, score, best first."""
        height, width = image.shape[:2]
        longer = max(height, width)
        main = min(longer, longest_side or longer)
        boxes = _best_first(np.concatenate([_search(network, image, s) for s in _sides(main)]))
        boxes = keep_best(boxes[_holds_its_centre(boxes, width, height)])
        sides = (boxes[:, 2:4] - boxes[:, :2]).max(1, initial=0)
        small_and_upright = (boxes[:, 4] >= min_score) & (sides < FACE)
        doubtful = boxes[(boxes[:, 4] < SURE) & ~small_and_upright][:MOST_LOOKS]
        sure, pyramid = boxes[boxes[:, 4] >= SURE], _Pyramid(image)
        for box in doubtful:
            if not _within(box, sure):
                found = _search_close_up(network, pyramid, box)
                sure = np.concatenate([sure, found[found[:, 4] >= max(CONVINCING, min_score)]])
        boxes = np.concatenate([boxes[boxes[:, 4] >= min_score], sure])
        return keep_best(_best_first(boxes[_holds_its_centre(boxes, width, height)]))

    return detect


def _sides(longest: int) -> tuple[int, ...]:
    """Longer sides of the copies that are searched."""
    return (longest, COARSE) if longest > 1.5 * COARSE else (longest,)


def _search(network: YuNet, image: NDArray[np.uint8], side: int) -> Boxes:
    """The faces that the network finds in a copy of that size, in pixels of the picture."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    found = network.detect(np.asarray(small, np.uint8))
    per_pixel = np.array([width / size[0], height / size[1]], np.float32)
    return _about_points(
        found.centres * per_pixel - 0.5, found.sides * per_pixel, found.down, found.scores
    )


class _Pyramid:
    """A picture, and copies of a half, a quarter and so on of its size, each made when needed: a
    small crop of a large face is cut from a small copy."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self._levels = [image]

    def crop(self, x: float, y: float, side: float, size: int) -> NDArray[np.uint8]:
        """The square about (x, y), in pixels of the picture, as ``size`` x ``size`` pixels."""
        level = max(0, math.floor(math.log2(side / size)))
        while len(self._levels) <= level:
            last = self._levels[-1]
            height, width = (max(1, length // 2) for length in last.shape[:2])
            even = last[: 2 * height, : 2 * width]
            half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
            self._levels.append(np.asarray(half, np.uint8))
        scale = 2.0**-level
        x, y = (x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5
        return crop(self._levels[level], Region(x, y, side * scale), size)


def _search_close_up(network: YuNet, image: _Pyramid, box: Boxes) -> Boxes:
    """Search about a box at all angles, and again about the face found, where that is elsewhere."""
    found = _search_all_angles(network, image, box)
    moved = np.abs((found[:, :2] + found[:, 2:4]) - (box[:2] + box[2:4])) / 2
    if (moved > 0.1 * (box[2:4] - box[:2]).max()).any():
        found = _search_all_angles(network, image, found[0])
    return found


def _search_all_angles(network: YuNet, image: _Pyramid, box: Boxes) -> Boxes:
    """The best face about the middle of a box (5,), from crops at all angles on one sheet: (1, 5),
    or (0, 5) where none is found."""
    middle, scale = (box[:2] + box[2:4]) / 2, FACE / float((box[2:4] - box[:2]).max())
    patch = image.crop(float(middle[0]), float(middle[1]), PATCH / scale, PATCH)
    sheet = np.zeros((2 * CELL, len(TURNS) // 2 * CELL, 3), np.uint8)
    for turn, (left, top) in zip(TURNS, CELLS, strict=True):
        to_cell = np.c_[turn, (CELL - 1) / 2 - turn.sum(1) * (PATCH - 1) / 2]
        sheet[top : top + CELL, left : left + CELL] = cv2.warpAffine(patch, to_cell, (CELL, CELL))
    found = network.detect(sheet)
    if not len(found.scores):
        return np.empty((0, 5), np.float32)
    best = slice(found.scores.argmax(), found.scores.argmax() + 1)
    inside = found.centres[best] - CELLS
    cell = np.abs(inside - CELL / 2).max(1).argmin()
    back = TURNS[cell] / scale  # multiplied from the right, it turns row vectors back
    down = found.down[best] @ TURNS[cell]
    sideways = abs(down[0, 0]) > abs(down[0, 1])
    sides = found.sides[best, ::-1] if sideways else found.sides[best]
    centre = middle + (inside[cell] - CELL / 2) @ back
    return _about_points(centre[None], sides / scale, down, found.scores[best])


def _about_points(
    centres: NDArray[np.floating],
    sides: NDArray[np.floating],
    down: NDArray[np.floating],
    scores: NDArray[np.floating],
) -> Boxes:
    """Boxes whose centre is that of the 68 points, at any angle of the face. The network's boxes
    extend from the forehead to the chin, so their centre is moved down the face."""
    centres = centres + BELOW * sides.max(1, keepdims=True, initial=0) * down
    corners = (centres - sides / 2, centres + sides / 2)
    return np.concatenate((*corners, scores[:, None]), axis=1).astype(np.float32)


def _within(box: NDArray[np.float32], faces: Boxes) -> bool:
    """Whether the centre of a box (5,) lies in one of the faces."""
    centre = (box[:2] + box[2:4]) / 2
    return bool(((faces[:, :2] < centre) & (centre < faces[:, 2:4])).all(1).any())


def _best_first(boxes: Boxes) -> Boxes:
    return boxes[np.argsort(-boxes[:, 4], kind="stable")]


def _holds_its_centre(boxes: NDArray[np.float32], width: int, height: int) -> NDArray[np.bool_]:
    """Whether each box has its centre in the picture, a positive size, and at most 1.5 times the
    picture's size. Pictures are padded to whole strides, and faces may be found in the padding."""
    cx, cy = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    size = boxes[:, 2:4] - boxes[:, :2]
    inside = (cx >= -0.5) & (cy >= -0.5) & (cx < width - 0.5) & (cy < height - 0.5)
    return np.asarray(inside & (size > 0).all(1) & (size.max(1) <= 1.5 * max(width, height)))


def _file(model: str) -> Path:
    named = model or os.environ.get(VARIABLE, "")
    if not named:
        return bring_quickly("yunet") / FILE
    path = Path(os.path.expanduser(named))
    if not path.is_file():
        raise UsageError(f"yunet: {named}: no such file; `zoo fetch yunet` fetches {FILE}")
    return path


yunet = Detector(
    build=build,
    license="MIT",
    # Measured on the frames of ``BELOW``, with a face found in all 500. Half of the sides are
    # within 5% of this value, half of the centres within 2% of the longer side.
    labelled=(0.82, 0.0, 0.0),
    any_angle=True,
    reference="Wu, Peng and Yu, YuNet: A Tiny Millisecond-level Face Detector, MIR 2023",
    summary="OpenCV's YuNet: small, tilted and many faces; 0.2 MB, fetched once",
)
