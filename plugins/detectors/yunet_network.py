"""YuNet's network in onnxruntime: finds the faces of a picture of any size.

The published file is fixed to 640 x 640 pixels, but its operations work at any size, so its input
size is made free. The outputs are decoded as in OpenCV's FaceDetectorYN, which takes 1.7 to 3 times
as long: docs/results/speed.md.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.api import WeightsError, ZooError
from zoo.files import zoo_home
from zoo.files.kept import keep
from zoo.files.reading import read_bytes
from zoo.onnx_session import open_session, reason_of

FILE = "face_detection_yunet_2023mar.onnx"
STRIDES = (8, 16, 32)
"""Strides of the network's three maps, in pixels."""
DIVISIBLE = STRIDES[-1]
CHANNELS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Numbers per cell of each output: the score of a face, the score of an object, the box, and five
points."""
OUTPUTS = tuple(f"{name}_{stride}" for stride in STRIDES for name in CHANNELS)
LARGEST = 1 << 26
"""Most bytes of a file; YuNet's has a quarter of a million."""
MOST = 5000
"""Most faces of one picture."""

Maps = dict[str, NDArray[np.float32]]


class Detections(NamedTuple):
    """Faces of a picture, in pixels from its corner."""

    centres: NDArray[np.floating]
    sides: NDArray[np.floating]
    """(N, 2) each: x, y; width, height."""
    down: NDArray[np.floating]
    """(N, 2): the direction from the eyes to the mouth, of length 1, or 0 where it is unknown."""
    scores: NDArray[np.floating]


class YuNet:
    """The network of a file. It gives faces with a score of at least ``min_score``; of two whose
    intersection over union is more than ``overlap``, only the one with the higher score."""

    def __init__(self, path: Path, min_score: float, overlap: float) -> None:
        """Raises :class:`WeightsError` for a file that is not YuNet's."""
        self.min_score, self.overlap = min_score, overlap
        content = read_bytes(path, LARGEST, WeightsError)
        place = zoo_home() / "graphs" / f"any-size-{hashlib.sha256(content).hexdigest()}.onnx"
        with contextlib.suppress(OSError, ZooError):  # a damaged file is made again
            if place.is_file():
                self._open(read_bytes(place, LARGEST, WeightsError))
                return
        try:
            open_session(content, "")
            graph = _with_free_size(content)
            self._open(graph)
        except (ValueError, ZooError) as error:
            raise WeightsError(
                f"{path}: cannot be run as YuNet ({error}); "
                f"the file that is meant is {FILE}, which `zoo fetch yunet` fetches"
            ) from error
        keep(place, graph)

    def _open(self, graph: bytes) -> None:
        self._session = open_session(graph, "")
        (self._input,) = (each.name for each in self._session.get_inputs())
        self.detect(np.zeros((DIVISIBLE, DIVISIBLE, 3), np.uint8))

    def detect(self, picture: NDArray[np.uint8]) -> Detections:
        """The faces of a picture, uint8 (H, W, 3) RGB, in no order."""
        below, right = (-side % DIVISIBLE for side in picture.shape[:2])
        padded = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT)
        maps = self._maps(np.asarray(cv2.dnn.blobFromImage(padded, swapRB=True), np.float32))
        width = padded.shape[1]
        faces = [
            _decoded(outputs, stride, width // stride, self.min_score)
            for stride, outputs in maps.items()
        ]
        centres, sides, points, scores = (np.concatenate(each) for each in zip(*faces, strict=True))
        boxes = np.concatenate((centres - sides / 2, sides), axis=1)
        kept = cv2.dnn.NMSBoxes(
            boxes.tolist(), scores.tolist(), self.min_score, self.overlap, top_k=MOST
        )
        best = np.asarray(kept, np.intp).reshape(-1)
        return Detections(centres[best], sides[best], _down(points[best]), scores[best])

    def _maps(self, blob: NDArray[np.float32]) -> dict[int, Maps]:
        """The outputs for (1, 3, H, W) BGR, by stride and by the names of :data:`CHANNELS`: float32
        (cells, channels)."""
        try:
            outputs = self._session.run(list(OUTPUTS), {self._input: blob})
        except Exception as error:  # onnxruntime raises errors of many types
            size = f"{blob.shape[3]} x {blob.shape[2]}"
            raise WeightsError(f"onnxruntime fails on {size} pixels: {reason_of(error)}") from error
        cells = (blob.shape[2] * blob.shape[3] // stride**2 for stride in STRIDES)
        expected = [(1, each, channels) for each in cells for channels in CHANNELS.values()]
        if [each.shape for each in outputs] != expected:
            raise WeightsError(f"it gives {[each.shape for each in outputs]}, not {expected}")
        arrays = (each[0] for each in outputs)
        return {stride: {name: next(arrays) for name in CHANNELS} for stride in STRIDES}


def _decoded(
    maps: Maps, stride: int, columns: int, min_score: float
) -> tuple[NDArray[np.float32], ...]:
    """Centres (N, 2), sides (N, 2), points (N, 5, 2) and scores (N,) of the faces of one stride;
    ``columns``: number of its cells in a row."""
    cls, obj, bbox, kps = (maps[name] for name in CHANNELS)
    scores = np.sqrt(np.clip(cls, 0, 1) * np.clip(obj, 0, 1))[:, 0]
    kept = np.flatnonzero(scores >= min_score)
    cells = np.stack((kept % columns, kept // columns), axis=1).astype(np.float32)
    centres = (cells + bbox[kept, :2]) * stride
    sides = np.exp(np.clip(bbox[kept, 2:], -20, 20)) * stride
    points = (cells[:, None] + kps[kept].reshape(-1, 5, 2)) * stride
    return centres, sides, points, scores[kept]


def _down(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """:attr:`Detections.down` (N, 2) from points (N, 5, 2): eyes, tip of the nose, corners of the
    mouth."""
    right_eye, left_eye, _, right, left = points.swapaxes(0, 1)
    down = right + left - right_eye - left_eye
    length = np.linalg.norm(down, axis=1, keepdims=True)
    return np.asarray(down / np.maximum(length, 1e-6), np.float32)


def _with_free_size(content: bytes) -> bytes:
    """The graph, changed to take pictures of any size."""
    import onnx  # this takes a seventh of a second, so the caller keeps the result in a file

    model = onnx.load_model_from_string(content)
    for each in model.graph.input:
        sides = each.type.tensor_type.shape.dim[2:]
        for name, side in zip(("height", "width"), sides, strict=False):
            side.dim_param = name
    for each in model.graph.output:
        del each.type.tensor_type.shape.dim[:]
    del model.graph.value_info[:]
    changed: bytes = model.SerializeToString()
    return changed
