"""The cost of a tracked frame without its network: crop, filter, drawing, writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from zoo.api import IBUG68
from zoo.datasets.synthetic import open_synthetic
from zoo.geometry import Region, crop, points_box
from zoo.media.smoothing import PointFilter
from zoo.media.tracking import Tracker
from zoo.media.video import VideoFrames, VideoWriter
from zoo.prediction import Face, FacePlace, face_region
from zoo.prediction.drawing import draw_faces

Image = NDArray[np.uint8]

[SAMPLE] = open_synthetic(people=1, videos=1, frames=1, seed=3, size=400).samples()
WIDTH, HEIGHT = 1280, 720


@pytest.fixture(scope="module")
def frame() -> Image:
    """A frame of 1280 x 720 with a face of about 240 pixels."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    drawn = SAMPLE.image()
    image[100 : 100 + drawn.shape[0], 300 : 300 + drawn.shape[1]] = drawn
    return image


POINTS = np.add(SAMPLE.points, (300, 100))
FACE = Face((0, 0, 1, 1), 1.0, POINTS.astype(np.float32), None, 0.9)


class Oracle:
    """A model without cost: it crops the image and returns fixed points."""

    def region_about(self, points: NDArray[np.floating[Any]]) -> Region:
        return face_region(np.array(points_box(points)), (1.0, 0.0, 0.0), FacePlace(0.6, 0.5, 0.5))

    def faces_in(
        self, image: Image, regions: Sequence[Region], *, again: bool = True
    ) -> list[Face]:
        for region in regions:
            crop(image, region, 112)
        return [FACE] * len(regions)


def test_a_tracked_frame(benchmark: BenchmarkFixture, frame: Image) -> None:
    tracker = Tracker(Oracle(), lambda image: [FACE], 25.0)
    assert len(benchmark(tracker, frame)) == 1


def test_smoothing_68_points(benchmark: BenchmarkFixture) -> None:
    smooth = PointFilter()
    benchmark(smooth, POINTS, 240.0, 0.04)


def test_drawing_a_face(benchmark: BenchmarkFixture, frame: Image) -> None:
    assert benchmark(draw_faces, frame, [FACE], IBUG68, ["0"]).shape == frame.shape


def test_writing_and_reading_a_second(
    benchmark: BenchmarkFixture, frame: Image, tmp_path: Path, say: Callable[[str], None]
) -> None:
    def write_and_read() -> int:
        writer = VideoWriter(tmp_path / "clip", 25.0, (WIDTH, HEIGHT))
        for _ in range(25):
            writer.write(frame)
        writer.close()
        return sum(each.image is not None for each in VideoFrames(writer.path))

    assert benchmark(write_and_read) == 25
    if benchmark.stats is not None:
        say(f"video of {WIDTH} x {HEIGHT}: {40 * benchmark.stats['mean']:.1f} ms a frame, written "
            "and read")  # fmt: skip
