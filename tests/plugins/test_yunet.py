"""yunet: boxes in pixels of the picture, a second search about doubtful faces, the real file.

``ZOO_TEST_YUNET`` names face_detection_yunet_2023mar.onnx, for the tests that need the real one.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import yunet_file
from numpy.typing import NDArray

from zoo.api import UsageError, WeightsError
from zoo.api.notices import ZooDeprecationWarning
from zoo.files import zoo_home
from zoo.geometry import Region, crop
from zoo.plugins.detectors import yunet as module
from zoo.plugins.detectors.yunet import yunet
from zoo.plugins.detectors.yunet_network import Detections, YuNet
from zoo.testing import pictures

REAL = os.environ.get("ZOO_TEST_YUNET", "")
real_file = pytest.mark.skipif(not REAL, reason="ZOO_TEST_YUNET names no file of YuNet")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network that detects the cell of the photograph that begins at (544, 224)."""
    patch = pictures.photograph()[224:256, 544:576]
    return str(yunet_file.write(tmp_path_factory.mktemp("yunet") / "y.onnx", patch))


def test_yunet_gives_edges_in_pixels_of_the_picture(network: str) -> None:
    """The cell's centre is (560, 240) between pixels, half a pixel less from pixel centres."""
    detect = yunet.build(model=network, longest_side=1000)
    (box,) = detect(pictures.photograph())
    np.testing.assert_allclose(box[:4], [463.5, 143.5, 655.5, 335.5], atol=1e-3)
    # on this cell both logits are 2; a face scores sqrt(cls * obj)
    assert box[4] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
    assert (
        len(yunet.build(model=network, longest_side=1000, min_score=0.9)(pictures.photograph()))
        == 0
    )


def test_yunet_sees_rgb_and_searches_large_pictures_smaller(network: str) -> None:
    photo = pictures.photograph()
    detect = yunet.build(model=network, longest_side=812)
    assert len(detect(photo[..., ::-1].copy())) == 0  # another colour is another patch
    large = np.repeat(np.repeat(photo, 2, 0), 2, 1)
    (box,) = detect(large)
    np.testing.assert_allclose(box[:4] + 0.5, np.array([464, 144, 656, 336]) * 2, atol=1e-2)


def test_yunet_reads_its_file_from_the_environment(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_YUNET_MODEL", network)
    assert len(yunet.build(longest_side=1000)(pictures.photograph())) == 1


def test_a_file_that_is_no_yunet_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_text("not a network")
    with pytest.raises(WeightsError, match=r"bad.onnx: cannot be run as YuNet \(not an ONNX file"):
        yunet.build(model=str(bad))


def test_an_onnx_file_of_another_network_is_refused(network: str, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(network)
    model.graph.output[0].name = model.graph.node[0].output[0]  # a map in place of its cells
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(WeightsError, match=r"other.onnx: cannot be run as YuNet .*cls_8"):
        yunet.build(model=str(tmp_path / "other.onnx"))


def test_a_graph_that_was_kept_and_is_damaged_is_made_anew(network: str) -> None:
    detect = yunet.build(model=network, longest_side=1000)
    kept = max((zoo_home() / "graphs").glob("any-size-*"), key=lambda file: file.stat().st_mtime)
    kept.write_bytes(kept.read_bytes()[:-100])
    again = yunet.build(model=network, longest_side=1000)
    photo = pictures.photograph()
    np.testing.assert_array_equal(again(photo), detect(photo))


@real_file
def test_the_network_sees_what_opencv_sees() -> None:
    """OpenCV rounds boxes to whole pixels before it compares them, which does not matter for faces
    as large as here."""
    photo = pictures.photograph()
    size = photo.shape[1::-1]
    opencv = cv2.FaceDetectorYN.create(REAL, "", size, 0.6, 0.3, 5000)
    faces = np.asarray(opencv.detect(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))[1])
    detections = YuNet(Path(REAL), 0.6, 0.3).detect(photo)
    assert len(detections.scores) == len(faces) > 0
    np.testing.assert_allclose(detections.centres - detections.sides / 2, faces[:, :2], atol=0.01)
    np.testing.assert_allclose(detections.sides, faces[:, 2:4], atol=0.01)
    np.testing.assert_allclose(detections.scores, faces[:, 14], atol=1e-4)


@pytest.mark.parametrize("options", [{"min_score": 0.0}, {"overlap": 1.5}, {"longest_side": 8}])
def test_yunet_refuses_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="yunet: min_score"):
        yunet.build(**options)


def test_the_former_name_of_an_option_works_and_says_so(network: str) -> None:
    with pytest.warns(ZooDeprecationWarning, match="give longest_side"):
        assert len(yunet.build(model=network, longest=1000)(pictures.photograph())) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone.onnx: no such file; `zoo fetch yunet` fetches"):
        yunet.build(model=str(tmp_path / "gone.onnx"))


@pytest.mark.parametrize("cell", range(8))
def test_a_close_look_says_where_a_turned_face_is(cell: int) -> None:
    """The network is replaced by a function that finds a red spot in one of the turns."""
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, (212, 141), 3, (255, 0, 0), cv2.FILLED)

    def detect(sheet: NDArray[np.uint8]) -> Detections:
        left, top = module.CELLS[cell]
        part = sheet[top : top + module.CELL, left : left + module.CELL, 0].astype(float)
        weight = part / part.sum()
        y, x = np.indices(part.shape)
        spot = np.float32([[(x * weight).sum() + left + 0.5, (y * weight).sum() + top + 0.5]])
        sides = np.float32([[40, 50]])
        return Detections(spot, sides, np.float32([[0, 1]]), np.float32([0.9]))

    box = np.float32([150, 80, 250, 180, 0.2])
    network: Any = SimpleNamespace(detect=detect)
    [found] = module._search_all_angles(network, module._Pyramid(image), box)
    scale = module.FACE / 100
    longer = 50 / scale
    turn = math.radians(45 * cell)
    # from the middle of the network's box to that of the points, towards the chin
    expected = np.array([212, 141]) + module.BELOW * longer * np.array(
        [-math.sin(turn), math.cos(turn)]
    )
    np.testing.assert_allclose((found[:2] + found[2:4]) / 2, expected, atol=0.6)
    assert max(found[2:4] - found[:2]) == pytest.approx(longer)
    assert found[4] == pytest.approx(0.9)


def test_only_what_is_doubtful_is_looked_at_and_kept_where_it_convinces(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores: list[float] = []

    def search_again(network: Any, image: Any, box: NDArray[np.float32]) -> NDArray[np.float32]:
        scores.append(float(box[4]))
        return np.float32([[*box[:4], 0.95 if box[0] < 50 else 0.75]])

    def search(network: Any, image: Any, side: int) -> NDArray[np.float32]:
        rows = [[12, 50, 42, 80, 0.92], [10, 10, 40, 40, 0.3], [60, 60, 90, 90, 0.2]]
        return np.float32(rows)

    monkeypatch.setattr(module, "_search", search)
    monkeypatch.setattr(module, "_search_all_angles", search_again)
    boxes = yunet.build(model=network)(np.zeros((100, 100, 3), np.uint8))
    np.testing.assert_allclose(boxes[:, 4], [0.95, 0.92])
    assert scores == pytest.approx([0.3, 0.2])


def test_a_face_that_lies_elsewhere_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = [[20, 10, 60, 50, 0.8], [22, 10, 62, 50, 0.9]]
    answers = iter([*faces, *faces])
    monkeypatch.setattr(module, "_search_all_angles", lambda *_: np.float32([next(answers)]))
    picture = module._Pyramid(np.zeros((90, 90, 3), np.uint8))
    network: Any = None
    for x0, score in ((0, 0.9), (20, 0.8)):
        box = np.float32([x0, 10, x0 + 40, 50, 0.3])
        assert module._search_close_up(network, picture, box)[0, 4] == pytest.approx(score)


@pytest.mark.parametrize("halvings", range(3))
def test_a_crop_of_a_small_copy_shows_what_one_of_the_picture_shows(halvings: int) -> None:
    image = np.asarray(cv2.GaussianBlur(pictures.photograph(), (0, 0), 12), np.uint8)
    side = 70.0 * 2**halvings
    found = module._Pyramid(image).crop(430.25, 300.5, side, 64).astype(int)
    expected = crop(image, Region(430.25, 300.5, side), 64).astype(int)
    assert np.abs(found - expected).max() <= 2


@pytest.mark.parametrize(
    ("longest", "sides"), [(300, (300,)), (480, (480,)), (481, (481, 320)), (1920, (1920, 320))]
)
def test_large_pictures_are_searched_in_a_small_copy_too(
    longest: int, sides: tuple[int, ...]
) -> None:
    assert module._sides(longest) == sides


@real_file
@pytest.mark.parametrize("angle", [0, 45, 90, 180, -90])
@pytest.mark.parametrize("size", [40, 600])
def test_the_real_network_finds_a_face_of_any_size_and_angle(size: int, angle: int) -> None:
    """The photograph's face, ``size`` pixels wide, in the middle of a picture of 1000 pixels."""
    x0, y0, x1, y1 = pictures.FACE
    scale = size / (x1 - x0)
    photo = cv2.resize(
        pictures.photograph(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) * scale
    turn = cv2.getRotationMatrix2D(middle.tolist(), angle, 1)
    turn[:, 2] += 500 - middle
    image = cv2.warpAffine(photo, turn, (1000, 1000))
    [box] = yunet.build(model=REAL)(np.asarray(image, np.uint8))
    # the box is about the points, which lie lower than the middle of the face with its hair
    assert np.abs((box[:2] + box[2:4]) / 2 - 500).max() < 0.25 * size
    assert size / 2 < max(box[2:4] - box[:2]) < 2 * size


@real_file
def test_the_real_network_finds_small_faces_in_a_large_picture() -> None:
    photo, (x0, _, x1, _) = pictures.photograph(), pictures.FACE
    small = cv2.resize(
        photo, None, fx=28 / (x1 - x0), fy=28 / (x1 - x0), interpolation=cv2.INTER_AREA
    )
    image = np.full((2100, 2800, 3), 120, np.uint8)
    image[1500 : 1500 + small.shape[0], 2000 : 2000 + small.shape[1]] = small
    assert len(yunet.build(model=REAL)(image)) == 1
