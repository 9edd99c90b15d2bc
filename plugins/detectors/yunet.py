"""``yunet``: OpenCV's FaceDetectorYN. Its model file comes through the zoo's catalogue."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.api import Detector, UsageError, WeightsError
from zoo.runs.catalogue import bring_quickly

VARIABLE = "ZOO_YUNET_MODEL"
FILE = "face_detection_yunet_2023mar.onnx"
DIVISIBLE = 32
"""Pixels: the network's coarsest stride."""


def build(
    *, model: str = "", min_score: float = 0.7, overlap: float = 0.3, longest: int = 640
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A detector that runs the ONNX file ``model``, or the one that ``ZOO_YUNET_MODEL`` names, or
    where neither is given the catalogue's, which is fetched once.

    Faces with a score of at least ``min_score`` are kept, and of two whose intersection over union
    is more than ``overlap`` the surer. Larger pictures are searched at ``longest`` pixels, their
    longer side: the network looks for faces of about 10 to 300 pixels. Raises :class:`UsageError`
    for a file that is not there or an option that makes no sense, :class:`NotFetchedError` where
    the catalogue's cannot be had, :class:`WeightsError` for a file that OpenCV cannot run.
    """
    if not (0 < min_score < 1 and 0 < overlap < 1 and longest >= DIVISIBLE):
        raise UsageError(
            f"yunet: min_score {min_score} and overlap {overlap} must lie between 0 and 1, "
            f"and longest {longest} be at least {DIVISIBLE}"
        )
    network = _network(_file(model), min_score, overlap)

    def detect(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (H, W, 3) RGB to float32 (N, 5): x0, y0, x1, y1, score, best first."""
        height, width = image.shape[:2]
        scale = min(1.0, longest / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        network.setInputSize(size)
        found: Any = network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        if found is None:
            return np.empty((0, 5), np.float32)
        x, y, wide, high = np.asarray(found, np.float32).T[:4]
        across, down = width / size[0], height / size[1]
        # OpenCV's edges lie between pixels, whose centres are half a pixel further
        edges = (x * across, y * down, (x + wide) * across, (y + high) * down)
        boxes = np.stack([*(edge - 0.5 for edge in edges), found[:, 14]], 1).astype(np.float32)
        boxes = boxes[_holds_its_centre(boxes, width, height)]
        kept: NDArray[np.float32] = boxes[np.argsort(-boxes[:, 4], kind="stable")]
        return kept

    return detect


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


def _network(path: Path, min_score: float, overlap: float) -> cv2.FaceDetectorYN:
    try:
        network = cv2.FaceDetectorYN.create(
            str(path), "", (DIVISIBLE, DIVISIBLE), min_score, overlap, 5000
        )
        network.detect(np.zeros((DIVISIBLE, DIVISIBLE, 3), np.uint8))
    except cv2.error as error:
        reason = str(error.err or error).strip().splitlines()[0]
        raise WeightsError(
            f"{path}: OpenCV {cv2.__version__} cannot run it as YuNet ({reason}); "
            f"the file that is meant is {FILE}, which `zoo fetch yunet` fetches"
        ) from error
    return network


yunet = Detector(
    build=build,
    license="MIT",
    # An estimate, not measured: boxes of WIDER FACE, which it was trained on, reach from the
    # forehead to the chin, and the points from the brows.
    labelled=(0.8, 0.0, 0.1),
    reference="Wu, Peng and Yu, YuNet: A Tiny Millisecond-level Face Detector, MIR 2023",
    summary="OpenCV's YuNet: small, tilted and many faces; 0.2 MB, fetched once",
)
