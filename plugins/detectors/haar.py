"""``haar``: OpenCV's frontal face cascade, which comes with OpenCV and needs no download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.api import Detector, PluginError, UsageError

CASCADE = "haarcascade_frontalface_default.xml"


def build(
    *, scale_factor: float = 1.2, min_neighbors: int = 2
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A detector that searches at sizes ``scale_factor`` apart.

    A face is kept where more than ``min_neighbors`` raw hits agree; their number is its score.
    Raises :class:`UsageError` for a factor that is not above 1 or a negative number of neighbours,
    :class:`PluginError` where OpenCV came without its cascades.
    """
    if not scale_factor > 1 or min_neighbors < 0:
        raise UsageError(
            f"haar: scale_factor {scale_factor} must be above 1 "
            f"and min_neighbors {min_neighbors} not below 0"
        )
    cascade = _load_cascade()

    def detect(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (H, W, 3) RGB to float32 (N, 5): x0, y0, x1, y1, score, best first."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found, hits = cascade.detectMultiScale2(
            grey, scaleFactor=scale_factor, minNeighbors=min_neighbors
        )
        if len(found) == 0:
            return np.empty((0, 5), np.float32)
        x, y, width, height = np.asarray(found, np.float32).T
        score = np.asarray(hits, np.float32)
        # OpenCV counts whole pixels; a pixel reaches half its width to either side of its centre.
        edges = (x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5)
        best_first = np.lexsort((-width * height, -score))
        boxes: NDArray[np.float32] = np.stack((*edges, score), axis=1)[best_first]
        return boxes

    return detect


def _load_cascade() -> cv2.CascadeClassifier:
    # Some builds of OpenCV (the systems' own packages) have neither the folder nor its name.
    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / CASCADE
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
    # On 700 training frames of the Udacity release that it finds a face in, the largest box each.
    labelled=(0.87, 0.0, 0.156),
    reference="Viola and Jones, Rapid Object Detection Using a Boosted Cascade, CVPR 2001",
    summary="OpenCV's frontal face cascade: quick, frontal faces only",
)
