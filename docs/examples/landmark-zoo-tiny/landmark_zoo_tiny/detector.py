"""tiny_detector: a frontal face cascade that comes with OpenCV."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from zoo.api import Detector, UsageError


def build(
    *, scale_factor: float = 1.1, min_neighbors: int = 2
) -> Callable[[np.ndarray], np.ndarray]:
    """A detector that searches for faces at sizes that grow by ``scale_factor``."""
    if not scale_factor > 1:
        raise UsageError(f"tiny_detector: scale_factor is {scale_factor}, it must be above 1")
    file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"
    cascade = cv2.CascadeClassifier(str(file))

    def detect(image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) RGB to float32 (N, 5): x0, y0, x1, y1, score, best first."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        faces, _, scores = cascade.detectMultiScale3(
            grey, scaleFactor=scale_factor, minNeighbors=min_neighbors, outputRejectLevels=True
        )
        # OpenCV counts whole pixels; here the centre of the first pixel is at (0, 0).
        boxes = [
            (x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5, score)
            for (x, y, width, height), score in zip(faces, scores, strict=True)
        ]
        boxes.sort(key=lambda box: box[4], reverse=True)
        return np.array(boxes, np.float32).reshape(-1, 5)

    return detect


plugin = Detector(
    build=build,
    license="Intel License Agreement For Open Source Computer Vision Library (BSD-style)",
    reference="Lienhart and Maydt, An Extended Set of Haar-like Features, ICIP 2002",
    summary="OpenCV's frontal face cascade alt2",
    api_version=2,
)
