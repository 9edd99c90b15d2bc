"""``haar``: OpenCV's face cascades, which come with OpenCV and need no download.

The frontal cascade is that of the zoo's first version. The cascade for profiles finds faces turned
to one side; it also searches the mirrored picture, for faces turned to the other side. A profile's
box is converted to the box that the frontal cascade would give, so that one `labelled` fits both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.api import Detector, PluginError, UsageError
from zoo.geometry import keep_best

Boxes = NDArray[np.float32]
"""(N, 5): x0, y0, x1, y1, score."""

FRONTAL = "haarcascade_frontalface_default.xml"
PROFILE = "haarcascade_profileface.xml"

PROFILE_NEIGHBORS = 2
"""Hits that a profile needs beyond ``min_neighbors``: its cascade gives more false alarms."""

# Size and place of the frontal box relative to a profile's box, as fractions of the profile's side:
# medians over 500 training frames of the Udacity release, of the boxes that hold the face (209 and
# 222 frames). The points' size is .77 of a profile's box, and their centre is .08 towards where the
# face looks and .16 below the box's centre. For a frontal box, it is .87 and .156 below.
PROFILE_SIDE, PROFILE_AHEAD, PROFILE_BELOW = 0.885, 0.08, 0.023


def build(
    *,
    scale_factor: float = 1.2,
    min_neighbors: int = 2,
    profile: bool = True,
    longest_side: int = 640,
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A detector that searches for faces at sizes ``scale_factor`` apart.

    A face is kept where more than ``min_neighbors`` raw hits agree; their number is its score. With
    ``profile``, turned faces are searched as well; where both cascades find a face, the frontal box
    is kept. A picture with a side longer than ``longest_side`` pixels is searched in a copy shrunk
    to it, where a face must be at least 24 px wide, 4% of 640. Turned faces are searched in a copy
    of half that size, since their cascade is by far the slower one; they must be 20 px wide there,
    6% of 320. With 0, every picture is searched in its size. Raises :class:`UsageError` for a
    factor that is not above 1, a negative number of neighbours or a negative side, and
    :class:`PluginError` where OpenCV came without its cascades.
    """
    if not scale_factor > 1 or min_neighbors < 0:
        raise UsageError(
            f"haar: scale_factor {scale_factor} must be above 1 "
            f"and min_neighbors {min_neighbors} not below 0"
        )
    if longest_side < 0:
        raise UsageError(
            f"haar: longest_side {longest_side} must be a number of pixels, or 0 for no limit"
        )
    frontal = _load_cascade(FRONTAL)
    turned = _load_cascade(PROFILE) if profile else None

    def detect(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (H, W, 3) RGB to float32 (N, 5): x0, y0, x1, y1, score, best first."""
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        small, per_pixel = _shrunk(grey, longest_side)
        found = [_enlarged(_search(frontal, small, scale_factor, min_neighbors), per_pixel)]
        if turned is not None:
            neighbors = min_neighbors + PROFILE_NEIGHBORS
            small, per_pixel = _shrunk(grey, -(-longest_side // 2))
            found.append(_enlarged(_profiles(turned, small, scale_factor, neighbors), per_pixel))
        # frontal boxes come first, so that they are kept where both cascades find the same face
        boxes = keep_best(np.concatenate(found))
        return boxes[np.argsort(-boxes[:, 4], kind="stable")]

    return detect


def _shrunk(
    grey: NDArray[np.uint8], longest_side: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A copy of at most that size, and the width and height of one of its pixels in source
    pixels."""
    height, width = grey.shape
    factor = longest_side / max(height, width)
    if not 0 < factor < 1:
        return grey, np.ones(2, np.float32)
    across, down = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(grey, (across, down), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.array([width / across, height / down], np.float32)


def _enlarged(boxes: Boxes, per_pixel: NDArray[np.float32]) -> Boxes:
    """Convert boxes of a shrunk copy to the source. Both pictures begin half a pixel before their
    first pixel's centre."""
    edges = (boxes[:, :4] + 0.5) * np.tile(per_pixel, 2) - 0.5
    moved: Boxes = np.concatenate((edges, boxes[:, 4:]), axis=1)
    return moved


def _search(
    cascade: cv2.CascadeClassifier, grey: NDArray[np.uint8], factor: float, neighbors: int
) -> Boxes:
    """(N, 5), best first; of two with the same score, the larger one comes first."""
    found, hits = cascade.detectMultiScale2(grey, scaleFactor=factor, minNeighbors=neighbors)
    if len(found) == 0:
        return np.empty((0, 5), np.float32)
    x, y, width, height = np.asarray(found, np.float32).T
    score = np.asarray(hits, np.float32)
    # OpenCV counts whole pixels; a pixel extends half its width to either side of its centre.
    edges = (x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5)
    best_first = np.lexsort((-width * height, -score))
    boxes: Boxes = np.stack((*edges, score), axis=1)[best_first]
    return boxes


def _profiles(
    cascade: cv2.CascadeClassifier, grey: NDArray[np.uint8], factor: float, neighbors: int
) -> Boxes:
    """Faces turned to either side, as frontal boxes."""
    left = _as_frontal(_search(cascade, grey, factor, neighbors))
    mirrored = np.ascontiguousarray(grey[:, ::-1])
    right = _as_frontal(_search(cascade, mirrored, factor, neighbors))
    right[:, [0, 2]] = grey.shape[1] - 1 - right[:, [2, 0]]
    both = np.concatenate((left, right))
    return both[np.argsort(-both[:, 4], kind="stable")]


def _as_frontal(boxes: Boxes) -> Boxes:
    """Convert boxes of the profile cascade to those that the frontal one would give."""
    longer = (boxes[:, 2:4] - boxes[:, :2]).max(1, keepdims=True)
    centre = (boxes[:, :2] + boxes[:, 2:4]) / 2
    centre = centre + longer * np.array([-PROFILE_AHEAD, PROFILE_BELOW], np.float32)
    half = longer * PROFILE_SIDE / 2
    moved: Boxes = np.concatenate((centre - half, centre + half, boxes[:, 4:]), axis=1)
    return moved.astype(np.float32)


def _load_cascade(name: str) -> cv2.CascadeClassifier:
    if not hasattr(cv2, "CascadeClassifier"):
        raise PluginError(
            f"haar: needs OpenCV 4, and OpenCV {cv2.__version__} has no CascadeClassifier; use "
            "another detector, such as --detector yunet, or pip install 'opencv-python-headless<5'"
        )
    # Some builds of OpenCV (packages of operating systems) have neither the folder nor its name.
    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / name
    if not path.is_file():
        raise PluginError(
            f"haar: {path} is missing from OpenCV {cv2.__version__}; "
            "reinstall opencv-python-headless, or use another detector"
        )
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise PluginError(f"haar: {path} is damaged; reinstall opencv-python-headless")
    return cascade


haar = Detector(
    build=build,
    license="Intel License Agreement For Open Source Computer Vision Library (BSD-style)",
    # Measured on 700 training frames of the Udacity release with a face found, the largest box each
    labelled=(0.87, 0.0, 0.156),
    reference="Viola and Jones, Rapid Object Detection Using a Boosted Cascade, CVPR 2001",
    summary="OpenCV's face cascades, frontal and profile: no download",
)
