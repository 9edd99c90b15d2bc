"""haar and none: boxes in source pixels, best first; what they say when nothing is found."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.api import PluginError, UsageError
from zoo.geometry import keep_best
from zoo.plugins.detectors.haar import haar
from zoo.plugins.detectors.whole_frame import none
from zoo.testing import pictures


class Cascade:
    """Stands in for OpenCV's cascade: keeps its inputs and returns the detections of the test."""

    def __init__(self, found: Any, hits: Any) -> None:
        self.found, self.hits = found, hits
        self.grey: NDArray[np.uint8] | None = None
        self.options: dict[str, Any] = {}

    def __call__(self, path: str) -> Cascade:
        return self

    def empty(self) -> bool:
        return False

    def detectMultiScale2(self, grey: NDArray[np.uint8], **options: Any) -> Any:  # noqa: N802
        self.grey, self.options = grey, options
        return self.found, self.hits


def face_like(size: int) -> NDArray[np.uint8]:
    """Dark eyes, brows and mouth on a light oval: enough for the cascade."""
    image = np.full((size, size, 3), 90, np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return int(x * size), int(y * size)

    cv2.ellipse(image, at(0.5, 0.5), at(0.3, 0.4), 0, 0, 360, (215, 190, 175), -1)
    for x in (0.38, 0.62):
        cv2.ellipse(image, at(x, 0.42), at(0.07, 0.035), 0, 0, 360, (40, 30, 30), -1)
        cv2.ellipse(image, at(x, 0.35), at(0.09, 0.02), 0, 0, 360, (70, 50, 40), -1)
    cv2.ellipse(image, at(0.5, 0.56), at(0.04, 0.1), 0, 0, 360, (235, 210, 195), -1)
    cv2.ellipse(image, at(0.5, 0.63), at(0.05, 0.012), 0, 0, 360, (130, 95, 90), -1)
    cv2.ellipse(image, at(0.5, 0.73), at(0.11, 0.03), 0, 0, 360, (120, 50, 50), -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), size / 80), np.uint8)


def test_haar_finds_a_face_where_it_is() -> None:
    boxes = haar.build()(face_like(200))
    assert boxes.dtype == np.float32
    x0, y0, x1, y1, score = boxes[0]
    assert x0 < 70 < 130 < x1
    assert y0 < 80 < 140 < y1
    assert score >= 3


def test_haar_finds_nothing_in_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (100, 120, 3), np.uint8)
    assert haar.build()(noise).shape == (0, 5)
    assert haar.build()(np.zeros((5, 5, 3), np.uint8)).shape == (0, 5)


def test_haar_sees_the_grey_of_an_rgb_image(monkeypatch: pytest.MonkeyPatch) -> None:
    cascade = Cascade((), ())
    monkeypatch.setattr(cv2, "CascadeClassifier", cascade)
    red = np.zeros((40, 50, 3), np.uint8)
    red[..., 0] = 255
    assert haar.build(profile=False)(red).shape == (0, 5)
    assert cascade.grey is not None
    assert cascade.grey.shape == (40, 50)
    assert set(cascade.grey.ravel()) == {76}  # 0.299 of 255; as blue it would be 29
    assert cascade.options == {"scaleFactor": 1.2, "minNeighbors": 2}


def test_haar_gives_edges_best_first(monkeypatch: pytest.MonkeyPatch) -> None:
    found = np.array([[0, 0, 10, 10], [20, 5, 30, 30], [1, 2, 20, 20]], np.int32)
    monkeypatch.setattr(cv2, "CascadeClassifier", Cascade(found, np.array([4, 4, 9], np.int32)))
    boxes = haar.build(profile=False)(np.zeros((60, 60, 3), np.uint8))
    # the smallest lies in the box with the highest score: 72 of its 100 pixels
    expected = [[0.5, 1.5, 20.5, 21.5, 9], [19.5, 4.5, 49.5, 34.5, 4]]
    np.testing.assert_array_equal(boxes, np.array(expected, np.float32))
    assert boxes.dtype == np.float32


def test_haar_searches_a_large_picture_in_a_small_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: 1280 x 900 at 640 is 640 x 450, so a box from 20 to 50 is one from 40 to 100 when
    edges are counted from the picture's corner, half a pixel before its first centre."""
    cascade = Cascade(np.array([[20, 30, 30, 30]], np.int32), np.array([4], np.int32))
    monkeypatch.setattr(cv2, "CascadeClassifier", cascade)
    large = np.zeros((900, 1280, 3), np.uint8)
    boxes = haar.build(profile=False)(large)
    assert cascade.grey is not None
    assert cascade.grey.shape == (450, 640)
    np.testing.assert_array_equal(boxes, [[39.5, 59.5, 99.5, 119.5, 4]])
    haar.build()(large)  # profiles are searched last, at half
    assert cascade.grey.shape == (225, 320)
    haar.build(profile=False, longest_side=0)(large)
    assert cascade.grey.shape == (900, 1280)
    haar.build(profile=False)(np.zeros((640, 3, 3), np.uint8))
    assert cascade.grey.shape == (640, 3)


def test_haar_finds_a_face_of_a_large_picture_where_it_is() -> None:
    small, large = haar.build()(face_like(200)), haar.build()(face_like(2000))
    np.testing.assert_allclose(large[0, :4] / 10, small[0, :4], atol=15)
    assert haar.build()(np.zeros((3000, 1, 3), np.uint8)).shape == (0, 5)


def test_haar_moves_a_profile_to_where_a_frontal_box_would_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By hand: a box of 100 px about (60, 60) becomes 88.5 px about (52, 62.3); the mirrored one,
    seen from the other side of 200 px, looks the other way."""

    class Turned(Cascade):
        def detectMultiScale2(self, grey: NDArray[np.uint8], **options: Any) -> Any:  # noqa: N802
            assert options["minNeighbors"] == (2 if "frontal" in self.path else 4)
            if "frontal" in self.path:
                return (), ()
            return self.found, self.hits

        def __call__(self, path: str) -> Cascade:
            made = Turned(self.found, self.hits)
            made.path = path
            return made

        path = ""

    cascade = Turned(np.array([[10, 10, 100, 100]], np.int32), np.array([7], np.int32))
    monkeypatch.setattr(cv2, "CascadeClassifier", cascade)
    boxes = haar.build()(np.zeros((200, 300, 3), np.uint8))
    left = [51.5 - 44.25, 61.8 - 44.25, 51.5 + 44.25, 61.8 + 44.25, 7]
    right = [299 - left[2], left[1], 299 - left[0], left[3], 7]
    np.testing.assert_allclose(boxes, [left, right], atol=1e-3)


def test_a_face_that_both_cascades_see_is_one_face(monkeypatch: pytest.MonkeyPatch) -> None:
    found = np.array([[100, 40, 60, 60]], np.int32)
    monkeypatch.setattr(cv2, "CascadeClassifier", Cascade(found, np.array([5], np.int32)))
    boxes = haar.build()(np.zeros((200, 261, 3), np.uint8))
    np.testing.assert_array_equal(boxes, [[99.5, 39.5, 159.5, 99.5, 5]])


def test_a_frontal_face_is_given_once_by_the_real_cascades() -> None:
    picture = pictures.photograph()
    alone, both = haar.build(profile=False)(picture), haar.build()(picture)
    x0, y0, x1, y1 = pictures.FACE

    def on_face(boxes: NDArray[np.float32]) -> int:
        cx, cy = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
        return int(((cx > x0) & (cx < x1) & (cy > y0) & (cy < y1)).sum())

    assert on_face(alone) == on_face(both) == 1


@pytest.mark.parametrize(
    ("boxes", "kept"),
    [
        ([[0, 0, 10, 10, 2], [5, 0, 15, 10, 1]], [0, 1]),  # half of each: not more
        ([[0, 0, 10, 10, 2], [4, 0, 14, 10, 1]], [0]),
        ([[0, 0, 10, 10, 2], [3, 3, 6, 6, 9]], [0]),  # inside: the first stays, whatever it scores
        ([[0, 0, 10, 10, 3], [4, 0, 14, 10, 2], [8, 0, 18, 10, 1]], [0, 2]),
        ([], []),
    ],
)
def test_overlapping_boxes_are_one(boxes: Any, kept: list[int]) -> None:
    candidates = np.array(boxes, np.float32).reshape(-1, 5)
    np.testing.assert_array_equal(keep_best(candidates), candidates[kept])


def test_haar_says_that_its_cascade_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("cv2.data.haarcascades", str(tmp_path))
    with pytest.raises(PluginError, match=r"haarcascade_frontalface_default.xml is missing"):
        haar.build()


@pytest.mark.parametrize(
    "options", [{"scale_factor": 1.0}, {"min_neighbors": -1}, {"longest_side": -1}]
)
def test_haar_refuses_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="haar:"):
        haar.build(**options)


def test_none_gives_the_whole_frame_edge_to_edge() -> None:
    boxes = none.build()(np.zeros((30, 50, 3), np.uint8))
    np.testing.assert_array_equal(boxes, np.array([[-0.5, -0.5, 49.5, 29.5, 1.0]], np.float32))
    assert boxes.dtype == np.float32


def test_haar_says_which_opencv_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier")  # as in OpenCV 5
    with pytest.raises(PluginError, match=r"haar: needs OpenCV 4, and OpenCV .*--detector yunet"):
        haar.build()
