"""Faces in a video: followed without the detector, lost and found, each under its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from zoo.geometry import Region, iou
from zoo.media.settings import Tracking
from zoo.media.tracking import Tracked, Tracker, drawn_after, match
from zoo.prediction import Face

if TYPE_CHECKING:
    from conftest import FakeDetector, Image, Kit

Place = tuple[float, float]
STEADY = Tracking(every=0)
"""Detects only when a face is lost."""


def walk(frame: int) -> Place:
    """A place that moves to the right by 3 px a frame: .08 of the face's 40 px."""
    return 60 + 3.0 * frame, 90 + 10 * np.sin(frame / 5)


class Film:
    """Gives frames to a tracker; its detector may report other faces than the frames show."""

    def __init__(
        self,
        kit: Kit,
        detector: FakeDetector,
        settings: Tracking = STEADY,
        see: Callable[[Image], list[Face]] | None = None,
    ) -> None:
        self.kit, self.detector = kit, detector
        self.model = kit.spots()
        finder = detector.finder()
        detect = see or (lambda image: self.model.predict(image, finder))
        self.tracker = Tracker(self.model, detect, 25.0, settings, smoothing=None)

    def show(self, *places: Place) -> list[Tracked]:
        found = self.tracker(self.kit.picture(*places))
        self.detector.frame += 1
        return found

    def check(self, found: Sequence[Tracked], places: dict[int, Place]) -> None:
        """Compare track numbers, and points to half a pixel."""
        assert [each.track for each in found] == sorted(places)
        for each in found:
            expected = np.add(self.kit.SHAPE, places[each.track])
            np.testing.assert_allclose(each.face.points, expected, atol=0.5)


def test_a_face_is_found_once_and_followed_by_its_points(kit: Kit) -> None:
    detector = kit.finds(walk(0))
    film = Film(kit, detector)
    for frame in range(60):
        film.check(film.show(walk(frame)), {0: walk(frame)})
    assert detector.calls == 1


def test_a_model_that_looks_twice_looks_once_at_a_face_that_it_follows(kit: Kit) -> None:
    """The second pass's region comes from the frame before; a first pass would add nothing."""
    film = Film(kit, kit.finds(walk(0)))
    film.model.refine = 1
    for frame in range(20):
        film.check(film.show(walk(frame)), {0: walk(frame)})
    assert film.model.batches == [1] * (2 + 19)
    region = film.model.region_about(np.add(kit.SHAPE, walk(20)))
    assert region.side == pytest.approx(40 / 0.7)  # of the points' 40 px, as in second passes


def test_two_faces_keep_their_numbers_while_they_pass(kit: Kit) -> None:
    """They come near each other and part again; the detector names them in any order."""
    left = [(60 + 2.0 * k, 50.0) for k in range(80)]
    right = [(240 - 2.0 * k, 150.0) for k in range(80)]
    detector = kit.finds()
    detector.places = lambda frame: [right[frame], left[frame]][:: 1 if frame % 20 else -1]
    film = Film(kit, detector, Tracking(every=10))
    first = film.show(left[0], right[0])
    numbers = {each.track: each.face.points[:, 0].mean() for each in first}
    at_left = min(numbers, key=lambda number: numbers[number])
    for frame in range(1, 80):
        found = film.show(left[frame], right[frame])
        film.check(found, {at_left: left[frame], 1 - at_left: right[frame]})
    assert detector.calls == 8  # frames 0, 10, ... 70


def test_a_face_that_jumps_is_found_again_at_once_under_a_new_number(kit: Kit) -> None:
    detector = kit.finds()
    place: dict[int, Place] = {k: (60, 80) if k < 5 else (230, 120) for k in range(10)}
    detector.places = lambda frame: [place[frame]]
    film = Film(kit, detector)
    for frame in range(5):
        film.check(film.show(place[frame]), {0: place[frame]})
    assert detector.calls == 1
    film.check(film.show(place[5]), {1: place[5]})
    film.check(film.show(place[6]), {1: place[6]})


def test_a_face_that_is_covered_for_a_while_keeps_its_number(kit: Kit) -> None:
    detector = kit.finds()
    hidden = range(6, 14)
    detector.places = lambda frame: [] if frame in hidden else [(100, 90)]
    film = Film(kit, detector)
    for frame in range(20):
        if frame in hidden:
            film.check(film.show(), {})
        else:
            film.check(film.show((100, 90)), {0: (100, 90)})
    assert detector.calls == 6  # at frame 0, on the loss at 6, and at 8, 10, 12, 14


def test_a_face_that_is_away_for_longer_comes_back_as_another(kit: Kit) -> None:
    detector = kit.finds()
    detector.places = lambda frame: [] if 5 <= frame < 20 else [(100, 90)]
    film = Film(kit, detector, replace(STEADY, patience=10))
    numbers = [[each.track for each in film.show(*detector.places(k))] for k in range(25)]
    assert numbers[4] == [0]
    assert numbers[10] == []
    assert numbers[24] == [1]


def test_a_new_face_is_seen_when_the_detector_runs_again(kit: Kit) -> None:
    detector = kit.finds()
    detector.places = lambda frame: [(60, 90)] if frame < 3 else [(60, 90), (220, 90)]
    film = Film(kit, detector, Tracking(every=10))
    numbers = [[each.track for each in film.show(*detector.places(k))] for k in range(15)]
    assert numbers[9] == [0]
    assert numbers[10] == [0, 1]


def test_a_detector_that_misses_a_face_does_not_end_a_track_that_it_confirmed(kit: Kit) -> None:
    detector = kit.finds()
    detector.places = lambda frame: [(100, 90)] if frame <= 5 else []
    film = Film(kit, detector, Tracking(every=5))
    for _ in range(30):
        film.check(film.show((100, 90)), {0: (100, 90)})
    assert detector.calls == 6


@pytest.mark.parametrize("confidence", [True, False])
def test_a_track_that_no_second_detection_confirms_ends(kit: Kit, confidence: bool) -> None:
    """A false alarm of which the model is sure; any track, if the model gives no confidence."""
    detector = kit.finds()
    detector.places = lambda frame: [(100, 90)] if frame <= (0 if confidence else 5) else []
    film = Film(kit, detector, Tracking(every=5, unseen=2))
    if not confidence:
        film.model.confidences = lambda crops, units, scores: np.full(len(crops), np.nan)  # type: ignore[method-assign]
    counts = [len(film.show((100, 90))) for _ in range(20)]
    # detections at 5 and 10 do not see it, or those at 10 and 15
    last = 10 if confidence else 15
    assert counts == [1] * last + [0] * (20 - last)


def test_a_model_that_is_much_less_sure_than_it_was_has_lost_the_face(kit: Kit) -> None:
    """A model may be .5 sure of a wall: where it was .9 sure of the face, .5 is a loss."""
    detector = kit.finds((100, 90))
    film = Film(kit, detector)
    sure = [0.9] * 5 + [0.7] * 5 + [0.5] + [0.9] * 5
    film.model.confidences = lambda crops, units, scores: np.full(len(crops), sure[detector.frame])  # type: ignore[method-assign]
    calls = []
    for _ in sure:
        film.show((100, 90))
        calls.append(detector.calls)
    assert calls == [1] * 10 + [2] * 6


def test_what_the_model_is_not_sure_of_begins_no_track(kit: Kit) -> None:
    film = Film(kit, kit.finds((100, 90), (250, 100)))
    assert [each.track for each in film.show((100, 90))] == [0]


def test_two_tracks_on_one_face_become_the_older_one(kit: Kit) -> None:
    """The detector's second box is too far off to match the track, but its points are the same."""
    detector = kit.finds((100, 90), (106, 92))
    film = Film(kit, detector)
    film.check(film.show((100, 90)), {0: (100, 90)})
    film.check(film.show((101, 90)), {0: (101, 90)})


def test_a_video_whose_first_frames_show_nobody_is_looked_through_in_steps(kit: Kit) -> None:
    detector = kit.finds()
    detector.places = lambda frame: [(100, 90)] if frame >= 8 else []
    film = Film(kit, detector, Tracking(retry=3))
    counts = [len(film.show(*detector.places(frame))) for frame in range(12)]
    assert counts == [0] * 9 + [1] * 3  # detections at 0, 3, 6 and 9
    assert detector.calls == 4


def test_frames_that_cannot_be_read_are_waited_through(kit: Kit) -> None:
    detector = kit.finds(walk(0))
    film = Film(kit, detector)
    film.show(walk(0))
    for _ in range(3):
        film.tracker.skip()
    film.check(film.show(walk(2)), {0: walk(2)})
    assert detector.calls == 1


BEFORE = Face((0, 0, 0, 0), 1.0, np.array([[10, 10], [50, 10], [30, 50]], np.float32), None, 0.9)
AROUND = Region(30, 30, 80)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"score": 0.64}, ""),
        ({"score": 0.62}, "score 0.62"),  # below .7 of .9
        ({"score": float("nan")}, ""),
        # hypot(13, 13) is .46 of 40 px; the limit is .35
        ({"points": np.add(BEFORE.points, 13)}, "moved by 0.46 of its size"),
        ({"points": np.add(BEFORE.points, (13, 0))}, ""),
        ({"points": np.add(BEFORE.points, (15, 0))}, "moved by 0.38 of its size"),
        ({"points": (BEFORE.points - 30) * 1.45 + 30}, "1.45 times its size"),
        ({"points": (BEFORE.points - 30) * 0.65 + 30}, "0.65 times its size"),
        ({"points": np.add(BEFORE.points * (1, -1), (0, 60))}, ""),
    ],
)
def test_why_a_track_is_lost_by_hand(kit: Kit, change: dict[str, object], reason: str) -> None:
    tracker = Film(kit, kit.finds()).tracker
    now = replace(BEFORE, **change)  # type: ignore[arg-type]
    assert tracker.loss(BEFORE, now, AROUND, 0.9) == reason


def test_points_that_leave_the_region_are_a_loss(kit: Kit) -> None:
    tracker = Film(kit, kit.finds()).tracker
    shifted = Region(52, 30, 80)  # its left edge at 12: one point of three lies outside
    assert tracker.loss(BEFORE, BEFORE, shifted, float("nan")) == "33% of its points outside"


def test_a_region_is_drawn_after_a_face_as_on_a_leash_by_hand() -> None:
    region, side = Region(100, 50, 80), 80

    def after(cx: float, cy: float, side: float) -> tuple[float, float, float]:
        moved = drawn_after(region, Region(cx, cy, side), Tracking())
        return moved.cx, moved.cy, moved.side

    assert after(103, 47, side) == (100, 50, 80)  # .05 of 80 is 4 px: it stays
    assert after(110, 50, side) == (106, 50, 80)
    assert after(100, 30, side) == (100, 34, 80)
    assert after(100, 50, 87) == (100, 50, 80)
    assert after(100, 50, 96.8) == pytest.approx((100, 50, 88))
    assert after(100, 50, 66) == pytest.approx((100, 50, 72.6))
    # the angle stays within 5 degrees of the target's, the short way round
    target = Region(100, 50, side, np.radians(-178))
    for angle, turned in ((179, 179), (170, 177)):
        moved = drawn_after(replace(region, angle=np.radians(angle)), target, Tracking())
        assert np.degrees(moved.angle) % 360 == pytest.approx(turned)


def test_a_region_holds_still_while_points_are_noisy(kit: Kit) -> None:
    """If the region followed the noise, the model's errors would change with every frame."""
    random = np.random.default_rng(0)
    regions: dict[float, set[Region]] = {}
    for leash in (0.0, 0.05):
        film = Film(kit, kit.finds((100, 90)), replace(STEADY, leash=leash))
        faces_in = film.model.faces_in

        def watch(image: Image, where: Sequence[Region], **keys: bool) -> list[Face]:
            regions.setdefault(leash, set()).update(where)  # noqa: B023
            return faces_in(image, where, **keys)  # noqa: B023

        film.model.faces_in = watch  # type: ignore[method-assign]
        for _ in range(20):
            film.show(tuple(np.add((100, 90), random.normal(0, 0.7, 2)).tolist()))
    assert len(regions[0.0]) > 15
    assert len(regions[0.05]) <= 3


def test_smoothing_holds_a_tracked_face_still_and_starts_anew_after_a_gap(kit: Kit) -> None:
    random = np.random.default_rng(0)
    raw, smooth = [], []
    for smoothing, out in ((False, raw), (True, smooth)):
        detector = kit.finds((100, 90))
        film = Film(kit, detector)
        if smoothing:
            film.tracker = Tracker(film.model, film.tracker.detect, 25.0, STEADY)
        random = np.random.default_rng(0)
        for _ in range(60):
            [each] = film.show(tuple(np.add((100, 90), random.normal(0, 0.8, 2)).tolist()))
            out.append(each.face.points[0])
    assert np.std(smooth[10:], axis=0).max() < 0.8 * np.std(raw[10:], axis=0).max()
    np.testing.assert_allclose(np.mean(smooth, axis=0), np.mean(raw, axis=0), atol=0.3)

    for _ in range(6):  # a quarter of a second without a picture
        film.tracker.skip()
    [each] = film.show((109, 90))
    np.testing.assert_allclose(each.face.points, np.add(kit.SHAPE, (109, 90)), atol=0.5)


def test_overlap_by_hand() -> None:
    # 10 x 10 each, 5 x 10 in common: 50 of 150
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert iou((0, 0, 10, 10), (2, 2, 8, 8)) == pytest.approx(0.36)


def test_the_largest_overlaps_are_matched_first() -> None:
    tracks = [(0.0, 0.0, 10.0, 10.0), (6.0, 0.0, 16.0, 10.0)]
    found = [(5.0, 0.0, 15.0, 10.0), (100.0, 0.0, 110.0, 10.0)]
    assert match(tracks, found, 0.3) == {1: 0}
    assert match(tracks, [*found, (1.0, 0.0, 11.0, 10.0)], 0.3) == {1: 0, 0: 2}
    assert match([], found, 0.3) == match(tracks, [], 0.3) == {}
