"""``yunet``: OpenCV's YuNet. Its model file comes through the zoo's catalogue.

The network is sure of upright faces of 20 to 320 pixels. So a large picture is searched in a small
copy too, for faces that fill it; and what it half believes to be a face is looked at closely: at
the picture's own resolution, for faces that are small in a copy, and turned to all sides.
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
from zoo.plugins.detectors.yunet_network import DIVISIBLE, FILE, Network
from zoo.runs.catalogue import bring_quickly

Boxes = NDArray[np.float32]
"""(N, 5): x0, y0, x1, y1, score."""

VARIABLE = "ZOO_YUNET_MODEL"
COARSE = 320
"""Pixels of the copy in which the largest faces are searched; up to half as large again, a picture
needs none."""
DOUBT, SURE = 0.05, 0.9
"""Scores between which something is looked at closely: a turned face has fewer than an upright one,
and a box that lies as if it were upright. A small one that is turned never has enough to be kept,
so what is small and kept is upright."""
CONVINCING = 0.8
"""Score of a face in a close look: in eight turns, more will do for a face than in one."""
MOST_LOOKS = 24
"""Places of a picture that are looked at closely, the likeliest ones."""
FACE, CELL, PATCH = 44, 96, 136
"""Pixels of a face that is looked at closely, of what is shown of it, and of that before a turn."""
TURNS = [
    np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
    for a in np.radians(range(0, 360, 45))
]
CELLS = np.array([(CELL * (i % 4), CELL * (i // 4)) for i in range(len(TURNS))])
"""Corners of what is shown in each turn on one sheet."""
BELOW = 0.135
"""From the centre of the network's box to that of the points, towards the mouth, in longer sides of
the box: the median of 500 training frames, the face 100 pixels."""


def build(
    *,
    model: str = "",
    min_score: float = 0.7,
    overlap: float = 0.3,
    longest_side: int = 1920,
    longest: int = 0,
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A detector that runs the ONNX file ``model``, or the one that ``ZOO_YUNET_MODEL`` names, or
    where neither is given the catalogue's, which is fetched once.

    Faces with a score of at least ``min_score`` are kept, and of two whose intersection over union
    is more than ``overlap`` the surer. Larger pictures are searched in a copy of ``longest_side``
    pixels, their longer side; 0 searches every picture as it is. ``longest`` is its former name.
    Raises :class:`UsageError` for a file that is not there or an option that makes no sense,
    :class:`NotFetchedError` where the catalogue's file cannot be had, :class:`WeightsError` for a
    file that is not YuNet's.
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
    network = Network(_file(model), min(DOUBT, min_score), overlap)

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
        sure, copies = boxes[boxes[:, 4] >= SURE], _Copies(image)
        for box in doubtful:
            if not _within(box, sure):
                seen = _look(network, copies, box)
                sure = np.concatenate([sure, seen[seen[:, 4] >= max(CONVINCING, min_score)]])
        boxes = np.concatenate([boxes[boxes[:, 4] >= min_score], sure])
        return keep_best(_best_first(boxes[_holds_its_centre(boxes, width, height)]))

    return detect


def _sides(longest: int) -> tuple[int, ...]:
    """Longer sides of the copies that are searched."""
    return (longest, COARSE) if longest > 1.5 * COARSE else (longest,)


def _search(network: Network, image: NDArray[np.uint8], side: int) -> Boxes:
    """What the network sees in a copy of that size, in pixels of the picture."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    seen = network.see(np.asarray(small, np.uint8))
    per_pixel = np.array([width / size[0], height / size[1]], np.float32)
    return _about_points(
        seen.centres * per_pixel - 0.5, seen.sides * per_pixel, seen.down, seen.scores
    )


class _Copies:
    """A picture, and copies of half its size, a quarter and so on, each made when it is wanted: a
    small crop of a large face is cut from a small copy."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self._halved = [image]

    def crop(self, x: float, y: float, side: float, size: int) -> NDArray[np.uint8]:
        """The square about (x, y), in pixels of the picture, as ``size`` x ``size`` pixels."""
        halvings = max(0, math.floor(math.log2(side / size)))
        while len(self._halved) <= halvings:
            last = self._halved[-1]
            height, width = (max(1, length // 2) for length in last.shape[:2])
            even = last[: 2 * height, : 2 * width]
            half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
            self._halved.append(np.asarray(half, np.uint8))
        scale = 2.0**-halvings
        x, y = (x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5
        return crop(self._halved[halvings], Region(x, y, side * scale), size)


def _look(network: Network, image: _Copies, box: Boxes) -> Boxes:
    """A close look about a box; and another one where the face lies elsewhere than the box said."""
    seen = _look_closely(network, image, box)
    moved = np.abs((seen[:, :2] + seen[:, 2:4]) - (box[:2] + box[2:4])) / 2
    if (moved > 0.1 * (box[2:4] - box[:2]).max()).any():
        seen = _look_closely(network, image, seen[0])
    return seen


def _look_closely(network: Network, image: _Copies, box: Boxes) -> Boxes:
    """The surest face about the middle of a box (5,), which is shown in all turns on one sheet:
    (1, 5), or (0, 5) where none is seen."""
    middle, scale = (box[:2] + box[2:4]) / 2, FACE / float((box[2:4] - box[:2]).max())
    patch = image.crop(float(middle[0]), float(middle[1]), PATCH / scale, PATCH)
    sheet = np.zeros((2 * CELL, len(TURNS) // 2 * CELL, 3), np.uint8)
    for turn, (left, top) in zip(TURNS, CELLS, strict=True):
        to_cell = np.c_[turn, (CELL - 1) / 2 - turn.sum(1) * (PATCH - 1) / 2]
        sheet[top : top + CELL, left : left + CELL] = cv2.warpAffine(patch, to_cell, (CELL, CELL))
    seen = network.see(sheet)
    if not len(seen.scores):
        return np.empty((0, 5), np.float32)
    best = slice(seen.scores.argmax(), seen.scores.argmax() + 1)
    inside = seen.centres[best] - CELLS
    cell = np.abs(inside - CELL / 2).max(1).argmin()
    back = TURNS[cell] / scale  # of row vectors: its transpose turns back
    down = seen.down[best] @ TURNS[cell]
    lies = abs(down[0, 0]) > abs(down[0, 1])
    sides = seen.sides[best, ::-1] if lies else seen.sides[best]
    centre = middle + (inside[cell] - CELL / 2) @ back
    return _about_points(centre[None], sides / scale, down, seen.scores[best])


def _about_points(
    centres: NDArray[np.floating],
    sides: NDArray[np.floating],
    down: NDArray[np.floating],
    scores: NDArray[np.floating],
) -> Boxes:
    """Boxes whose centre is that of the 68 points, whichever way up the face is: the network's
    reach from the forehead to the chin."""
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
    """OpenCV pads pictures to whole strides, and may see something out there."""
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
    # Of the same 500 frames, all of them found; half of the sides within 5% of it, and half of the
    # centres within 2% of the longer side.
    labelled=(0.82, 0.0, 0.0),
    any_angle=True,
    reference="Wu, Peng and Yu, YuNet: A Tiny Millisecond-level Face Detector, MIR 2023",
    summary="OpenCV's YuNet: small, tilted and many faces; 0.2 MB, fetched once",
)
