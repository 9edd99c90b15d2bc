"""``none``: no detector. The whole image is the face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from zoo.api import Detector


def whole_frame(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (H, W, 3) to one box (1, 5) about all pixels, edge to edge, with score 1."""
    height, width = image.shape[:2]
    return np.array([[-0.5, -0.5, width - 0.5, height - 0.5, 1.0]], np.float32)


def build() -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    return whole_frame


none = Detector(build=build, license="MIT", whole_frame=True, summary="the whole image as one face")
