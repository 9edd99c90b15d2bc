"""Drawn faces: deterministic, framed like real ones, and labelled where they are drawn."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np
import pytest

from zoo.api import IBUG68, UsageError
from zoo.datasets.drawn.drawing import draw_face
from zoo.datasets.drawn.model import Camera, Expression, Shape, build_face, landmarks, pose
from zoo.datasets.drawn.paint import curve, ellipse, fill
from zoo.datasets.drawn.sitting import Light, Look
from zoo.datasets.synthetic import open_synthetic, synthetic
from zoo.geometry import frame_region

PLAIN = Look(
    skin=(222, 170, 134),
    hair=(60, 40, 30),
    iris=(80, 50, 30),
    lips=(170, 80, 80),
    cloth=(90, 90, 200),
    hair_style="short",
    hairline=1.0,
    fringe=0.0,
    brow_width=0.09,
    beard=0.0,
    glasses=False,
)
FLAT_LIGHT = Light((0.0, 0.0, 1.0), 0.7)


def portrait(expression: Expression = Expression(), **angles: float):  # noqa: B008
    """A large face of average shape: its image and points."""
    turned = pose(angles.get("yaw", 0), angles.get("pitch", 0), angles.get("roll", 0), 6.0)
    camera = Camera(turned.rotation, turned.roll, 6.0, scale=80.0, centre=(150.0, 160.0))
    image = np.full((320, 301, 3), 128, np.uint8)
    face = build_face(Shape(), expression)
    draw_face(image, face, camera, PLAIN, FLAT_LIGHT)
    return image, landmarks(face, camera)


def digest(samples) -> str:
    total = hashlib.sha256()
    for sample in samples:
        total.update(sample.id.encode() + sample.points.tobytes() + sample.image().tobytes())
    return total.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_another_process():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_synthetic import digest\n"
        "from zoo.datasets.synthetic import synthetic\n"
        "print(digest(synthetic.open(None, people=4, frames=2, seed=3).samples()))"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert other == digest(synthetic.open(None, people=4, frames=2, seed=3).samples())


def test_a_frame_depends_neither_on_the_order_of_drawing_nor_on_how_many_there_are():
    few = list(synthetic.open(None, people=3, videos=2, frames=3).samples())
    many = {s.id: s for s in synthetic.open(None, people=5, videos=3, frames=4).samples()}
    backwards = [many[s.id] for s in reversed(few)]
    drawn = {s.id: s.image() for s in backwards}
    for sample in few:
        assert np.array_equal(sample.image(), drawn[sample.id])
        assert np.array_equal(sample.points, many[sample.id].points)


def test_another_seed_gives_other_faces():
    first, second = (next(iter(synthetic.open(None, seed=seed).samples())) for seed in (0, 1))
    assert not np.allclose(first.points, second.points)


def test_an_image_that_is_drawn_twice_is_not_shared():
    sample = next(iter(synthetic.open(None).samples()))
    first = sample.image()
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(sample.image(), kept)


def test_samples_keep_the_contract():
    samples = list(synthetic.open(None, people=6, videos=2, frames=5).samples())
    assert samples[13].id == "person_0001/0/03.png"
    assert len({s.id for s in samples}) == len(samples) == 60
    for sample in samples[::7]:
        image = sample.image()
        height, width = image.shape[:2]
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert sample.points.dtype == np.float32
        assert sample.points.shape == (68, 2)
        assert sample.visible.all()
        assert (sample.points >= 0).all()
        assert (sample.points <= (width - 1, height - 1)).all()
        assert sample.box is not None
        x0, y0, x1, y1 = sample.box
        assert (sample.points >= (x0, y0)).all()
        assert (sample.points <= (x1, y1)).all()


def test_the_size_option_sets_the_longer_side():
    sample = next(iter(synthetic.open(None, people=1, size=100).samples()))
    assert max(sample.image().shape) == 100


def test_every_split_of_the_default_data_set_has_people_and_the_release_shares_them():
    samples = list(synthetic.open(None).samples())
    hashes = {s.person: crc32(s.person.encode()) % 100 for s in samples}
    split = Counter("test" if h < 15 else "val" if h < 25 else "train" for h in hashes.values())
    assert min(split["test"], split["val"]) >= 5
    for release in ("train", "test"):
        chosen = [s for s in samples if s.release_split == release]
        assert {s.video for s in chosen} == {s.video for s in samples}


def test_the_mean_shape_is_as_bad_a_guess_as_on_real_frames():
    samples = list(synthetic.open(None, size=200).samples())[::4]
    unit = np.stack([frame_region(*s.image().shape[:2]).to_unit(s.points) for s in samples])
    left, right = IBUG68.eye_corners
    eyes = np.linalg.norm(unit[:, left] - unit[:, right], axis=1)
    box = np.ptp(unit, axis=1).prod(axis=1) ** 0.5
    errors = np.linalg.norm(unit - unit.mean(axis=0), axis=2).mean(axis=1)
    baseline = (errors / np.maximum(eyes, 0.05 * box)).mean()
    assert 0.18 < baseline < 0.38


def test_a_video_moves_smoothly_and_a_person_keeps_the_face():
    samples = list(synthetic.open(None, people=4, videos=1, frames=8).samples())
    for person in range(4):
        shapes = [s.points - s.points.mean(axis=0) for s in samples[person * 8 : person * 8 + 8]]
        steps = [np.abs(b - a).max() / np.ptp(a) for a, b in pairwise(shapes)]
        assert 0 < max(steps) < 0.35


def test_a_slower_pace_shows_the_same_video_in_smaller_steps():
    """Every tenth frame at a tenth of the pace is a frame of the same video, but for its noise."""
    options = {"people": 1, "videos": 1, "seed": 4, "size": 64}
    quick = list(synthetic.open(None, **options, frames=3).samples())
    slow = list(synthetic.open(None, **options, frames=21, pace=0.1).samples())
    for a, b in zip(quick, slow[::10], strict=True):
        np.testing.assert_allclose(a.points, b.points)
        assert np.abs(a.image().astype(int) - b.image()).mean() < 12
    steps = [np.abs(b.points - a.points).max() for a, b in pairwise(slow)]
    assert max(steps) < 0.2 * max(np.abs(b.points - a.points).max() for a, b in pairwise(quick))


def test_a_frontal_face_is_its_own_mirror_image():
    _, points = portrait()
    mirrored = points[list(IBUG68.flip)] * (-1, 1) + (300, 0)
    assert np.allclose(mirrored, points, atol=1e-6)
    assert points[0, 0] < points[36, 0] < points[45, 0] < points[16, 0]
    assert points[19, 1] < points[37, 1] < points[30, 1] < points[51, 1] < points[8, 1]


def test_fills_are_centred_on_pixel_centres():
    image = np.zeros((60, 60, 3), np.uint8)
    fill(image, ellipse((25.3, 31.7), (11.0, 8.0)), (255, 255, 255))
    rows, columns = np.mgrid[:60, :60]
    weight = image[..., 0].astype(float)
    centre = (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()
    assert np.allclose(centre, (25.3, 31.7), atol=0.05)


def test_curves_go_through_their_points():
    points = np.random.default_rng(0).uniform(0, 100, (7, 2))
    assert np.allclose(curve(points, 4)[::4], points)


@pytest.mark.parametrize("yaw", [-30.0, 0.0, 30.0])
def test_points_lie_on_what_is_drawn(yaw: float):
    image, points = portrait(Expression(open=0.8), yaw=yaw)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)

    def brightness(place: np.ndarray) -> float:
        x, y = np.round(place).astype(int)
        return float(grey[y - 1 : y + 2, x - 1 : x + 2].mean())

    for brow in (points[17:22], points[22:27]):
        assert brightness(brow[2]) < brightness(brow[2] + (0, 14)) - 30, (
            "a brow is darker than the lid below it"
        )
    for eye in (points[36:42], points[42:48]):
        lid = eye[[1, 2]].mean(axis=0)
        assert brightness(lid) < brightness(lid - (0, 11)) - 15, "the upper lid's line is dark"
    mouth = points[[62, 66]].mean(axis=0) * 0.6 + points[66] * 0.4
    assert brightness(mouth) < brightness(points[8] - (0, 12)) - 50, "an open mouth is dark"
    # the jaw: skin inside, something else outside
    for k in (4, 12):
        inward = (points[30] - points[k]) / np.linalg.norm(points[30] - points[k])
        inside, outside = (image[tuple(np.round(points[k] + d * inward).astype(int)[::-1])]
                           for d in (5, -7))  # fmt: skip
        assert np.abs(inside.astype(int) - outside).max() > 25


def test_a_turned_face_shows_more_of_one_side():
    _, points = portrait(yaw=35.0)
    left, right = points[30, 0] - points[0, 0], points[16, 0] - points[30, 0]
    assert right < 0.5 * left, "yaw > 0 turns the nose to the image's right"
    far, near = points[45, 0] - points[42, 0], points[39, 0] - points[36, 0]
    assert far < near


def test_expressions_do_what_they_say():
    _, rest = portrait()
    _, blink = portrait(Expression(blink=1.0))
    _, wide = portrait(Expression(open=1.0))
    _, smile = portrait(Expression(smile=1.0))
    _, raised = portrait(Expression(brows=1.0))
    assert blink[41, 1] - blink[37, 1] < 0.25 * (rest[41, 1] - rest[37, 1])
    assert wide[66, 1] - wide[62, 1] > 5 * (rest[66, 1] - rest[62, 1])
    assert wide[8, 1] > rest[8, 1] + 10
    assert np.ptp(smile[[48, 54], 0]) > np.ptp(rest[[48, 54], 0]) + 3
    assert smile[48, 1] < rest[48, 1] - 3
    assert (raised[17:27, 1] < rest[17:27, 1] - 3).all()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"people": 0}, "people"),
        ({"frames": 2.5}, "frames"),
        ({"videos": True}, "videos"),
        ({"seed": -1}, "seed"),
        ({"size": 10}, "size"),
        ({"pace": -1}, "pace"),
        ({"pace": "slow"}, "pace"),
    ],
)
def test_options_out_of_range_are_refused_by_name(options: dict[str, object], word: str):
    with pytest.raises(UsageError, match=word):
        synthetic.open(None, **options)


def test_a_root_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="drawn, not read"):
        synthetic.open(tmp_path)


def test_nothing_is_claimed_of_a_release():
    faces = synthetic.open(None)
    assert faces.released() is None
    assert faces.label_offset == (0.0, 0.0)
    assert not synthetic.needs_root
    assert faces.scheme is IBUG68


def test_hidden_labels_are_spread_evenly_and_the_frames_are_the_same() -> None:
    options: dict[str, Any] = {"people": 4, "videos": 2, "frames": 5, "size": 48}
    labelled = {s.id: s for s in open_synthetic(**options).samples()}
    data = open_synthetic(**options, unlabelled=0.4)
    kept, hidden = list(data.samples()), list(data.unlabelled())
    assert (len(kept), len(hidden)) == (24, 16)
    assert {s.id for s in kept} | {s.id for s in hidden} == labelled.keys()
    assert {s.person: sum(h.person == s.person for h in hidden) for s in kept} == {
        f"person_{number:04d}": 4 for number in range(4)
    }
    assert all(np.array_equal(s.points, labelled[s.id].points) for s in kept)
    one = hidden[3]
    assert not one.visible.any()
    assert not one.points.any(), "a label that is hidden is not in there"
    assert (one.box, one.person) == (None, labelled[one.id].person)
    np.testing.assert_array_equal(one.image(), labelled[one.id].image())
    assert list(open_synthetic(**options).unlabelled()) == []


@pytest.mark.parametrize("share", [-0.1, 1, 1.0, True, "half", float("nan")])
def test_an_invalid_share_is_refused(share: Any) -> None:
    with pytest.raises(UsageError, match=r"unlabelled is .*share from 0, below 1"):
        open_synthetic(unlabelled=share)
