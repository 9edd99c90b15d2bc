"""A model and a detector of coloured spots, whose outputs can be checked by hand.

A face is three spots, one in each channel, which a network of three points finds exactly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.api import Detector, generic_scheme
from zoo.prediction import FacePlace, Finder, Predictor

Image = NDArray[np.uint8]

SHAPE = np.array([[-20.0, -12.0], [20.0, -12.0], [0.0, 20.0]])
"""The three points of a face, about its place."""


class Spots(Predictor):
    """Points at each channel's centre of brightness; a score is 1 where it is bright enough."""

    name = "spots"
    scheme = generic_scheme(3)
    input_size = 64
    region = "box"
    faces = FacePlace(side=0.5, cx=0.5, cy=0.45)

    def __init__(self) -> None:
        self.batches: list[int] = []
        """The size of each batch so far."""

    def run(self, crops: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.batches.append(len(crops))
        weights = crops.astype(np.float64)
        place = (np.arange(64) + 0.5) / 64
        mass = weights.sum((1, 2))
        x = (weights.sum(1) * place[:, None]).sum(1) / (mass + 1e-9)
        y = (weights.sum(2) * place[:, None]).sum(1) / (mass + 1e-9)
        sure = np.minimum(mass / 255 / 10, 1).astype(np.float32)
        return np.stack((x, y), -1).astype(np.float32), sure


@dataclass
class FakeDetector:
    """A detector that finds faces at the places that the test gives for each frame."""

    places: Callable[[int], Sequence[tuple[float, float]]]
    calls: int = 0
    frame: int = 0
    paths: list[str] = field(default_factory=list)

    def __call__(self, image: Image) -> NDArray[np.float32]:
        self.calls += 1
        rows = [(x - 20, y - 16, x + 20, y + 16, 0.9) for x, y in self.places(self.frame)]
        return np.array(rows, np.float32).reshape(-1, 5)

    def finder(self) -> Finder:
        return Finder(Detector(build=lambda: self, labelled=(1.0, 0.0, 0.0), any_angle=True), self)


class Kit:
    """Helpers of all tests in this folder."""

    SHAPE = SHAPE

    @staticmethod
    def spots() -> Spots:
        return Spots()

    @staticmethod
    def finds(*places: tuple[float, float]) -> FakeDetector:
        """A detector that finds these faces in every picture."""
        return FakeDetector(lambda frame: places)

    @staticmethod
    def picture(
        *places: tuple[float, float], width: int = 320, height: int = 200, radius: float = 3.0
    ) -> Image:
        """A dark picture with a face at each place."""
        image = np.zeros((height, width, 3), np.uint8)
        for x, y in places:
            for channel, point in enumerate(np.add(SHAPE, (x, y))):
                layer = np.ascontiguousarray(image[..., channel])
                at = tuple(np.round(point * 16).astype(int).tolist())
                cv2.circle(layer, at, round(radius * 16), 255, cv2.FILLED, cv2.LINE_AA, 4)
                image[..., channel] = layer
        return image

    @staticmethod
    def video(path: Path, frames: Sequence[Image], codec: str = "FFV1") -> Path:
        """Write a video, without loss by default."""
        height, width = frames[0].shape[:2]
        code = cv2.VideoWriter.fourcc(*codec)
        writer = cv2.VideoWriter(str(path), code, 25.0, (width, height))
        assert writer.isOpened()
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[..., ::-1]))
        writer.release()
        return path

    @classmethod
    def uneven(cls, path: Path, frames: Sequence[Image], seconds: Sequence[float]) -> Path:
        """Write a video whose frames last so many seconds, as videos of telephones do. OpenCV
        cannot write one, so the table of durations (stts) of an even video is replaced. The sum
        must be at most that of 25 frames a second: an edit list ends the video there."""
        data = cls.video(path, frames, "mp4v").read_bytes()
        per_second = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)[0]
        durations = [struct.pack(">II", 1, round(each * per_second)) for each in seconds]
        at = data.index(b"stts") - 4
        [size] = struct.unpack_from(">I", data, at)
        body = b"stts" + bytes(4) + struct.pack(">I", len(durations)) + b"".join(durations)
        grown = 4 + len(body) - size
        for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):  # they lie after the pixels
            offset = data.index(name) - 4
            larger = struct.pack(">I", struct.unpack_from(">I", data, offset)[0] + grown)
            data = data[:offset] + larger + data[offset + 4 :]
        path.write_bytes(data[:at] + struct.pack(">I", 4 + len(body)) + body + data[at + size :])
        return path

    @staticmethod
    def save(path: Path, pixels: NDArray[Any]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if pixels.ndim == 3 and pixels.shape[2] == 3:
            pixels = pixels[..., ::-1]
        assert cv2.imwrite(str(path), pixels)
        return path


@pytest.fixture
def kit() -> Kit:
    return Kit()
