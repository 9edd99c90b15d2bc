"""tiny_dataset: drawn faces of five points, in the place of your own pictures."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from zoo.api import Dataset, LandmarkScheme, Sample, UsageError

SIZE = 96
SCHEME = LandmarkScheme(
    name="five",
    names=("eye_left", "eye_right", "nose", "mouth_left", "mouth_right"),
    flip=(1, 0, 2, 4, 3),
    eye_corners=(0, 1),
)
SHAPE = np.array([(-1, -1), (1, -1), (0, 0), (-0.7, 1), (0.7, 1)], np.float32)
COLOURS = [(40, 40, 40), (40, 40, 40), (200, 140, 110), (180, 60, 70), (180, 60, 70)]


def draw(points: np.ndarray) -> np.ndarray:
    """A face about the points (5, 2), which are in pixels: uint8 (SIZE, SIZE, 3), RGB."""
    y, x = np.mgrid[:SIZE, :SIZE]
    image = np.full((SIZE, SIZE, 3), 90, np.uint8)
    (cx, cy), radius = points.mean(axis=0), np.ptp(points[:, 1])
    image[np.hypot(x - cx, 0.8 * (y - cy)) < radius] = (225, 180, 150)
    for (px, py), colour in zip(points, COLOURS, strict=True):
        image[np.hypot(x - px, y - py) < radius / 8] = colour
    return image


class Faces:
    """Drawn faces of ``people`` persons, with ``frames`` pictures of each."""

    scheme = SCHEME
    release = "drawn"
    label_offset = (0.0, 0.0)
    license = "MIT"
    notes = "Drawn faces. Labels are exact."
    problems = ()

    def __init__(self, people: int, frames: int) -> None:
        self.people, self.frames = people, frames

    def samples(self) -> Iterator[Sample]:
        """Every picture, always in the same order; pictures are drawn when they are asked for."""
        for person in range(self.people):
            identity = np.random.default_rng(person).normal(0, 0.1, SHAPE.shape)
            for frame in range(self.frames):
                random = np.random.default_rng((person, frame))
                centre, scale = random.uniform(38, 58, 2), random.uniform(10, 18)
                points = ((SHAPE + identity) * scale + centre).astype(np.float32)
                yield Sample(
                    id=f"person_{person:03d}/{frame}.png",
                    image=partial(draw, points),
                    points=points,
                    visible=np.ones(len(points), np.bool_),
                    person=f"person_{person:03d}",
                )

    def released(self) -> bool | None:
        """None: there are no released files to compare with."""
        return None


def open_faces(root: Path | None = None, *, people: int = 60, frames: int = 5) -> Faces:
    """``people`` x ``frames`` faces. A data set that reads files finds them below ``root``."""
    if root is not None:
        raise UsageError("tiny_dataset: faces are drawn, not read; leave the root out")
    if people < 1 or frames < 1:
        raise UsageError("tiny_dataset: people and frames are whole numbers of at least 1")
    return Faces(people, frames)


plugin = Dataset(
    open=open_faces,
    needs_root=False,
    license="MIT",
    summary="drawn faces of five points",
    api_version=2,
)
