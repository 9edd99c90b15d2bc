"""Every check of the list for detectors finds the one thing that is wrong with a detector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from zoo.testing import Outcome, checks, pictures

pytestmark = pytest.mark.usefixtures("quick_children")

KIND, GROUP = "detector", "zoo.detectors"

SOURCE = '''
import numpy as np

from zoo.api import Detector

FACE = [465, 130, 660, 325]


def detect(image):
    """Finds the face of the kit's photograph, in every picture that is large enough for it."""
    rows = []
    if image.std() > 1 and image.shape[0] >= 600 and image.shape[1] >= 800:
        rows.append([*FACE, 0.9])
        rows.append([10, 10, 40, 40, 0.2])
    return np.array(rows, np.float32).reshape(-1, 5)


def whole(image):
    height, width = image.shape[:2]
    return np.array([[-0.5, -0.5, width - 0.5, height - 0.5, 1.0]], np.float32)


def of(function, **facts):
    return Detector(build=lambda: function, **facts)


healthy = of(detect)
whole_frame = of(whole, whole_frame=True)

bad_labelled = of(detect, labelled=(0.0, 0.0, 0.0))


def build_by_place(threshold=0.5):
    return detect


by_place = Detector(build=build_by_place)

doubles = of(lambda image: detect(image).astype(np.float64))


def with_sizes(image):
    boxes = detect(image)
    boxes[:, 2:4] -= boxes[:, :2]
    return boxes


width_and_height = of(with_sizes)


def y_first(image):
    return detect(image)[:, [1, 0, 3, 2, 4]]


exchanged = of(y_first)


def worst_first(image):
    boxes = detect(image)
    return np.concatenate([boxes[:1], boxes[1:] + np.float32([0, 0, 0, 0, 0.75])])


badly_sorted = of(worst_first)


def far(image):
    boxes = detect(image)
    boxes[1:, :4] += 2000
    return boxes


outside = of(far)


def always(image):
    return detect(image) if detect(image).size else np.float32([[0, 0, 1, 1, 0.1]])


sees_faces_everywhere = of(always)


def shy(image):
    return np.zeros((0, 5), np.float32)


not_whole_frame = of(shy, whole_frame=True)

state = {"calls": 0}


def drifting(image):
    state["calls"] += 1
    return detect(image) + np.float32([state["calls"] % 7, 0, 0, 0, 0])


remembers = of(drifting)


def drawing(image):
    if image.flags.writeable:
        image[:2, :2] = 255
    return detect(image)


draws = of(drawing)


def halved(image):
    if min(image.shape[:2]) < 4:
        raise ValueError("could not broadcast input array from shape (0, 0, 3)")
    return detect(image)


not_tiny = of(halved)


class Listed:
    def __call__(self, image):
        raise ValueError("which picture?")

    def for_picture(self, image, path):
        rows = [[*FACE, 0.9]] if path == "photograph.png" else []
        return np.array(rows, np.float32).reshape(-1, 5)


looked_up = of(Listed(), by_path=True)
no_lookup = of(detect, by_path=True)
'''

BROKEN = {
    "bad_labelled": ("declares_valid_facts", "Detector.labelled is (0.0, 0.0, 0.0)"),
    "by_place": ("options_are_keyword_only", "threshold can be given by place"),
    "doubles": ("gives_boxes", "it gives float64 (2, 5), not float32 (N, 5)"),
    "width_and_height": ("gives_boxes", "its columns are x0, y0, x1, y1, no width and height"),
    "exchanged": ("finds_a_face", "its best box is x 130 to 325, y 465 to 660"),
    "badly_sorted": ("best_comes_first", "scores come as 0.9, 0.95"),
    "outside": ("boxes_lie_in_the_picture", "a box of x 2010 to 2040"),
    "sees_faces_everywhere": ("empty_picture_has_no_face", "1 faces in a picture of one colour"),
    "not_whole_frame": ("empty_picture_has_no_face", "it declares whole_frame and gives []"),
    "remembers": ("same_picture_same_boxes", "the same photograph, seen again, gives other"),
    "no_lookup": ("gives_boxes", "it declares by_path, and build gives a function without"),
    "draws": ("leaves_the_picture_alone", "it changes the picture"),
    "not_tiny": ("takes_any_picture", "a picture of 1 x 1 pixel raises ValueError"),
}


@pytest.mark.parametrize("plugin", ["healthy", "looked_up"])
def test_a_healthy_detector_passes_all(outcomes: Callable[..., list[Outcome]], plugin: str) -> None:
    found = outcomes(plugin)
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []
    assert len(found) == 12


def test_one_that_gives_the_whole_frame_looks_for_no_face(
    outcomes: Callable[..., list[Outcome]],
) -> None:
    idle = {o.check.name: o for o in outcomes("whole_frame") if o.status != "ok"}
    assert list(idle) == ["finds_a_face"]
    assert idle["finds_a_face"].status == "not applicable"
    assert "whole_frame" in idle["finds_a_face"].message


@pytest.mark.parametrize("plugin", BROKEN)
def test_a_broken_detector_fails_the_check_that_is_about_it(
    failures: Callable[..., dict[str, str]], plugin: str
) -> None:
    check, words = BROKEN[plugin]
    found = failures(plugin)
    assert list(found) == [check]
    assert words in found[check]


def test_each_check_has_a_detector_that_fails_it() -> None:
    elsewhere = {"found_through_metadata", "import_leaves_no_trace"}  # in test_kit
    named = [check.name for check in checks("healthy", "detector")]
    assert {check for check, _ in BROKEN.values()} | elsewhere == set(named)


def test_the_photograph_is_given_anew_each_time() -> None:
    first = pictures.photograph()
    first[:] = 0
    assert pictures.photograph().shape == (600, 812, 3)
    assert np.ptp(pictures.photograph()) > 200
