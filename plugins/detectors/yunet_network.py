"""YuNet's network in onnxruntime: a picture of any size to the faces that it sees.

The published file is fixed to 640 x 640 pixels, and all of it works at any size, so its sides are
made free. Its outputs are read as OpenCV's FaceDetectorYN reads them, which takes 1.7 to 3 times as
long: docs/results/speed.md.
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
"""Pixels from cell to cell of the network's three maps."""
DIVISIBLE = STRIDES[-1]
CHANNELS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Numbers a cell, by what they say: whether there is a face, whether a thing, its box, its five
marks."""
OUTPUTS = tuple(f"{name}_{stride}" for stride in STRIDES for name in CHANNELS)
LARGEST = 1 << 26
"""Bytes of a file; YuNet's has a quarter of a million."""
MOST = 5000
"""Faces of one picture."""

Maps = dict[str, NDArray[np.float32]]


class Seen(NamedTuple):
    """Faces of a picture, in pixels from its corner."""

    centres: NDArray[np.floating]
    sides: NDArray[np.floating]
    """(N, 2) each: x, y; width, height."""
    down: NDArray[np.floating]
    """(N, 2), from the eyes to the mouth, of length 1, or 0 where that is not told."""
    scores: NDArray[np.floating]


class Network:
    """The network of a file, for faces of a score of ``min_score``; of two whose intersection over
    union is more than ``overlap`` the surer one."""

    def __init__(self, path: Path, min_score: float, overlap: float) -> None:
        """Raises :class:`WeightsError` for a file that is not YuNet's."""
        self.min_score, self.overlap = min_score, overlap
        content = read_bytes(path, LARGEST, WeightsError)
        place = zoo_home() / "graphs" / f"any-size-{hashlib.sha256(content).hexdigest()}.onnx"
        with contextlib.suppress(OSError, ZooError):  # a file that was damaged since is made anew
            if place.is_file():
                self._open(read_bytes(place, LARGEST, WeightsError))
                return
        try:
            open_session(content, "")
            graph = _of_any_size(content)
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
        self.see(np.zeros((DIVISIBLE, DIVISIBLE, 3), np.uint8))

    def see(self, picture: NDArray[np.uint8]) -> Seen:
        """The faces of a picture, uint8 (H, W, 3) RGB, in no order."""
        height, width = (-side % DIVISIBLE for side in picture.shape[:2])
        whole = cv2.copyMakeBorder(picture, 0, height, 0, width, cv2.BORDER_CONSTANT)
        maps = self._maps(np.asarray(cv2.dnn.blobFromImage(whole, swapRB=True), np.float32))
        across = whole.shape[1]
        likely = [
            _likely(of_stride, stride, across // stride, self.min_score)
            for stride, of_stride in maps.items()
        ]
        centres, sides, marks, scores = (np.concatenate(each) for each in zip(*likely, strict=True))
        boxes = np.concatenate((centres - sides / 2, sides), axis=1)
        kept = cv2.dnn.NMSBoxes(
            boxes.tolist(), scores.tolist(), self.min_score, self.overlap, top_k=MOST
        )
        best = np.asarray(kept, np.intp).reshape(-1)
        return Seen(centres[best], sides[best], _down(marks[best]), scores[best])

    def _maps(self, blob: NDArray[np.float32]) -> dict[int, Maps]:
        """By stride, float32 (cells, channels) by the names of :data:`CHANNELS`, of (1, 3, H, W)
        BGR."""
        try:
            found = self._session.run(list(OUTPUTS), {self._input: blob})
        except Exception as error:  # onnxruntime has many
            size = f"{blob.shape[3]} x {blob.shape[2]}"
            raise WeightsError(f"onnxruntime fails on {size} pixels: {reason_of(error)}") from error
        cells = (blob.shape[2] * blob.shape[3] // stride**2 for stride in STRIDES)
        wanted = [(1, each, channels) for each in cells for channels in CHANNELS.values()]
        if [each.shape for each in found] != wanted:
            raise WeightsError(f"it gives {[each.shape for each in found]}, not {wanted}")
        rest = (each[0] for each in found)
        return {stride: {name: next(rest) for name in CHANNELS} for stride in STRIDES}


def _likely(
    maps: Maps, stride: int, across: int, min_score: float
) -> tuple[NDArray[np.float32], ...]:
    """Centres (N, 2), sides (N, 2), marks (N, 5, 2) and scores (N,) of one stride's likely faces;
    ``across``: its cells in a row."""
    cls, obj, bbox, kps = (maps[name] for name in CHANNELS)
    scores = np.sqrt(np.clip(cls, 0, 1) * np.clip(obj, 0, 1))[:, 0]
    there = np.flatnonzero(scores >= min_score)
    cells = np.stack((there % across, there // across), axis=1).astype(np.float32)
    centres = (cells + bbox[there, :2]) * stride
    sides = np.exp(np.clip(bbox[there, 2:], -20, 20)) * stride
    marks = (cells[:, None] + kps[there].reshape(-1, 5, 2)) * stride
    return centres, sides, marks, scores[there]


def _down(marks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 2) of marks (N, 5, 2): eyes, the tip of the nose, corners of the mouth."""
    right_eye, left_eye, _, right, left = marks.swapaxes(0, 1)
    down = right + left - right_eye - left_eye
    length = np.linalg.norm(down, axis=1, keepdims=True)
    return np.asarray(down / np.maximum(length, 1e-6), np.float32)


def _of_any_size(content: bytes) -> bytes:
    """A graph that takes pictures of any size, of one that is fixed to one."""
    import onnx  # loading it takes a seventh of a second: what this makes is kept

    model = onnx.load_model_from_string(content)
    for each in model.graph.input:
        sides = each.type.tensor_type.shape.dim[2:]
        for name, side in zip(("height", "width"), sides, strict=False):
            side.dim_param = name
    for each in model.graph.output:
        del each.type.tensor_type.shape.dim[:]
    del model.graph.value_info[:]
    made: bytes = model.SerializeToString()
    return made
