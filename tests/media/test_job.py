"""The work of `zoo predict` from sources to files, with a model that sees coloured spots."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import zoo.media.job
from zoo.api import DataError, UsageError
from zoo.datasets.ibug_pts import ibug_pts, read_pts
from zoo.media.inputs import find_all
from zoo.media.job import Job, Outcome, Watcher, run
from zoo.media.pictures import read_picture
from zoo.media.settings import Tracking
from zoo.media.video import VideoFrames
from zoo.media.writers import write_pts
from zoo.prediction import Finder

if TYPE_CHECKING:
    from conftest import Eye, Image, Kit


class Listener(Watcher):
    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.done = 0
        self.notes: list[str] = []

    def begin(self, name: str, total: int) -> None:
        self.begun.append((name, total))

    def advance(self, frames: int) -> None:
        self.done += frames

    def note(self, message: str) -> None:
        self.notes.append(message)


class Desk:
    """Runs jobs in a folder of their own."""

    def __init__(self, kit: Kit, folder: Path) -> None:
        self.kit, self.folder = kit, folder
        self.out = folder / "out"
        self.model = kit.spots()
        self.heard = Listener()

    def do(self, eye: Eye, inputs: Sequence[Path | str], as_: Any = "auto", **keys: Any) -> Outcome:
        job = Job(self.model, eye.finder(), self.out, keep=True, **keys)
        sources, errors = find_all(map(str, inputs), as_)
        assert errors == []
        return run(job, sources, self.heard)

    def rows(self) -> list[dict[str, str]]:
        with (self.out / "points.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    def made(self) -> list[str]:
        return sorted(str(p.relative_to(self.out)) for p in self.out.rglob("*") if p.is_file())


@pytest.fixture
def desk(kit: Kit, tmp_path: Path) -> Desk:
    return Desk(kit, tmp_path)


def points_of(row: dict[str, str]) -> np.ndarray:
    return np.array([[float(row[f"part_{i}_{axis}"]) for axis in "xy"] for i in range(3)])


def walk(frame: int) -> tuple[float, float]:
    return 60 + 2.0 * frame, 100.0


def film(kit: Kit, frames: int = 20) -> list[Image]:
    return [kit.picture(walk(k)) for k in range(frames)]


def test_pictures_go_through_the_model_together(desk: Desk, kit: Kit) -> None:
    places = [(91 + 2.0 * k, 90.0) for k in range(10)]
    paths = [
        kit.save(desk.folder / "in" / f"a{k}.png", kit.picture(p)) for k, p in enumerate(places)
    ]
    eye = kit.finds((100, 90))
    outcome = desk.do(eye, [desk.folder / "in"], batch=4)
    assert (outcome.faces, outcome.failures) == (10, [])
    assert desk.model.looks == [4, 4, 2]
    assert desk.heard.begun == [("10 pictures", 10)]
    assert desk.heard.done == 10
    assert desk.made() == sorted(["points.csv", *(f"a{k}-points.png" for k in range(10))])
    for row, path, place in zip(desk.rows(), paths, places, strict=True):
        assert (row["image_name"], row["face"], row["frame"]) == (str(path), "0", "")
        np.testing.assert_allclose(points_of(row), kit.SHAPE + np.array(place), atol=0.6)
        assert float(row["confidence"]) == 1
        assert float(row["box_score"]) == pytest.approx(0.9)
        drawn = read_picture(desk.out / f"{path.stem}-points.png")
        assert 0.005 < (drawn != read_picture(path)).any(-1).mean() < 0.1


def test_a_batch_holds_few_large_pictures(
    desk: Desk, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo.media.job, "MOST_PIXELS", 150_000)
    for k in range(5):
        kit.save(desk.folder / "in" / f"a{k}.png", kit.picture((100, 90)))  # 64 000 pixels each
    desk.do(kit.finds((100, 90)), [desk.folder / "in"], batch=16)
    assert desk.model.looks == [2, 2, 1]


def test_broken_pictures_and_those_without_a_face_leave_the_others(desk: Desk, kit: Kit) -> None:
    for name in ("a.png", "b.png", "d.png"):
        kit.save(desk.folder / "in" / name, kit.picture((100, 90)))
    (desk.folder / "in" / "c.png").write_text("no picture")
    eye = kit.finds()
    shown: list[Image] = []

    def find(image: Image) -> Any:
        shown.append(image)
        return eye(image) if len(shown) == 2 else kit.finds((100, 90))(image)

    finder = Finder(eye.finder().plugin, find)
    sources, _ = find_all([str(desk.folder / "in")])
    outcome = run(
        Job(desk.model, finder, desk.out, no_face="haar found no face"), sources, desk.heard
    )
    faceless, broken = outcome.failures
    assert faceless == f"{desk.folder / 'in' / 'b.png'}: haar found no face"
    assert broken.startswith(f"{desk.folder / 'in' / 'c.png'}: not an image")
    assert desk.made() == ["a-points.png", "d-points.png", "points.csv"]


def test_a_picture_that_the_detector_refuses_leaves_its_batch_alone(desk: Desk, kit: Kit) -> None:
    for k in range(3):
        kit.save(desk.folder / "in" / f"a{k}.png", kit.picture((100, 90), width=300 + k))
    eye = kit.finds((100, 90))

    def find(image: Image) -> Any:
        if image.shape[1] == 301:
            raise DataError("a1.png: no box in boxes.csv")
        return eye(image)

    finder = Finder(eye.finder().plugin, find)
    sources, _ = find_all([str(desk.folder / "in")])
    outcome = run(Job(desk.model, finder, desk.out), sources, desk.heard)
    assert outcome.failures == ["a1.png: no box in boxes.csv"]
    assert outcome.faces == 2


def test_a_video_is_followed_and_drawn(desk: Desk, kit: Kit) -> None:
    frames = film(kit)
    path = kit.video(desk.folder / "clip.mkv", frames)
    eye = kit.finds(walk(0))
    outcome = desk.do(eye, [path], smoothing=None)
    assert (outcome.faces, outcome.failures, eye.calls) == (20, [], 1)
    assert desk.heard.begun == [(str(path), 20)]
    assert desk.made() == ["clip-points.mp4", "points.csv"]
    for frame, row in enumerate(desk.rows()):
        assert (row["image_name"], row["frame"], row["face"]) == (str(path), str(frame), "0")
        assert float(row["seconds"]) == pytest.approx(frame / 25)
        np.testing.assert_allclose(points_of(row), kit.SHAPE + np.array(walk(frame)), atol=0.6)
    drawn = [each.image for each in VideoFrames(desk.out / "clip-points.mp4")]
    assert len(drawn) == 20
    for frame, image in enumerate(drawn):
        assert image is not None
        box = np.round(kit.SHAPE.min(0) + walk(frame)).astype(int)
        edge = image[box[1] + 10 : box[1] + 25, box[0] - 1 : box[0] + 2]
        assert edge.max(axis=(1, 2)).mean() > 120  # the box's left edge, on black
    [note] = [note for note in desk.heard.notes if "clip.mkv" in note]
    assert note.startswith(f"{path}: 20 frames, 1 face, ")
    assert note.endswith(f"frames a second, drawn in {desk.out / 'clip-points.mp4'}")


def test_a_video_can_be_marked_frame_by_frame_in_batches(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", film(kit))
    eye = kit.finds((80, 100))
    outcome = desk.do(eye, [path], tracking=None, batch=8)
    assert eye.calls == 20
    assert desk.model.looks == [8, 8, 4]
    assert outcome.faces == 20
    assert {row["box_score"] for row in desk.rows()} == {"0.9"}


def test_a_sequence_goes_on_after_frames_that_it_cannot_use(desk: Desk, kit: Kit) -> None:
    for frame, image in enumerate(film(kit, 12)):
        kit.save(desk.folder / "shot" / f"frame_{frame:03d}.png", image)
    (desk.folder / "shot" / "frame_004.png").write_text("no picture")
    kit.save(desk.folder / "shot" / "frame_005.png", kit.picture((60, 60), width=100, height=120))
    outcome = desk.do(kit.finds(walk(0)), [desk.folder / "shot"], rate=10.0)
    assert len(outcome.failures) == 2
    assert "frame_004.png: not an image" in outcome.failures[0]
    assert "frame_005.png: 100 x 120 pixels in a sequence of 320 x 200" in outcome.failures[1]
    assert [int(row["frame"]) for row in desk.rows()] == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    assert {row["face"] for row in desk.rows()} == {"0"}
    assert desk.rows()[-1]["seconds"] == "1.1"
    assert "12 numbered frames, taken as a video; --as pictures" in desk.heard.notes[0]
    read = VideoFrames(desk.out / "shot-points.mp4")
    assert (read.rate, len(list(read))) == (10.0, 12)  # the two are shown as the one before


def test_a_video_without_a_face_is_a_failure_and_gets_no_copy(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", film(kit, 5))
    outcome = desk.do(kit.finds(), [path], hint="look elsewhere")
    assert outcome.failures == [f"{path}: no face found in 5 frames; look elsewhere"]
    assert outcome.points is None
    assert desk.made() == []


def test_a_broken_video_leaves_the_others(desk: Desk, kit: Kit) -> None:
    (desk.folder / "bad.mp4").write_text("no video")
    good = kit.video(desk.folder / "good.mkv", film(kit, 3))
    outcome = desk.do(kit.finds(walk(0)), [desk.folder / "bad.mp4", good])
    assert outcome.faces == 3
    [failure] = outcome.failures
    assert "bad.mp4: not readable as a video" in failure


def test_outputs_of_one_name_are_kept_apart_and_inputs_stay(desk: Desk, kit: Kit) -> None:
    for name in ("a", "b", "out"):
        (desk.folder / name).mkdir()
    clips = [kit.video(desk.folder / name / "clip.mkv", film(kit, 3)) for name in "ab"]
    mine = kit.save(desk.out / "face-points.png", kit.picture((100, 90)))
    before = mine.read_bytes()
    face = kit.save(desk.folder / "face.png", kit.picture((100, 90)))
    desk.do(kit.finds((100, 90), walk(0)), [*clips, face, mine], pts=True)
    assert mine.read_bytes() == before
    assert [name for name in desk.made() if "annot" not in name] == [
        "clip-2-points.mp4",
        "clip-points.mp4",
        "face-2-points.png",
        "face-face2.pts",
        "face-points-face2.pts",
        "face-points-points.png",
        "face-points.png",
        "face-points.pts",
        "face.pts",
        "points.csv",
    ]


def test_a_video_in_the_output_folder_is_not_written_over(desk: Desk, kit: Kit) -> None:
    desk.out.mkdir()
    mine = kit.video(desk.out / "clip-points.mp4", film(kit, 3), "mp4v")
    before = mine.read_bytes()
    clip = kit.video(desk.folder / "clip.mkv", film(kit, 3))
    desk.do(kit.finds(walk(0)), [clip, mine])
    assert mine.read_bytes() == before
    assert desk.made() == [
        *("clip-2-points.mp4", "clip-points-points.mp4", "clip-points.mp4", "points.csv")
    ]


def test_pts_of_pictures_and_videos_lie_as_the_300_w_folders_do(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", film(kit, 3))
    face = kit.save(desk.folder / "face.png", kit.picture(walk(0), (200, 90)))
    desk.do(kit.finds(walk(0), (200, 90)), [path, face], pts=True, draw=False, smoothing=None)
    assert desk.made() == [
        "clip/annot/000001.pts",
        "clip/annot/000002.pts",
        "clip/annot/000003.pts",
        "face-face2.pts",
        "face.pts",
        "points.csv",
    ]
    lines = (desk.out / "face.pts").read_text().splitlines()[3:-1]
    points = np.array([[float(v) for v in line.split()] for line in lines])
    np.testing.assert_allclose(points - 1, kit.SHAPE + np.array(walk(0)), atol=0.6)


def test_pts_of_a_video_are_a_data_set(kit: Kit, tmp_path: Path) -> None:
    """Beside the video under the name that 300-VW has, they are what `ibug_pts` reads."""
    points = np.random.default_rng(0).uniform(0, 99, (68, 2))
    (tmp_path / "001").mkdir()
    kit.video(tmp_path / "001" / "vid.avi", film(kit, 2), "MJPG")
    for frame in range(2):
        write_pts(tmp_path / "001" / "annot" / f"{frame + 1:06d}.pts", points + frame)
    data = ibug_pts.open(tmp_path)
    samples = list(data.samples())
    assert [sample.id for sample in samples] == ["001/annot/000001", "001/annot/000002"]
    np.testing.assert_allclose(samples[1].points, points + 1, atol=1e-3)
    assert samples[1].image().shape == (200, 320, 3)
    np.testing.assert_allclose(
        read_pts(tmp_path / "001" / "annot" / "000001.pts"), points, atol=1e-3
    )


def test_json_lines_tell_of_frames_without_a_face(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", [kit.picture(), kit.picture(), *film(kit, 1)])
    desk.do(kit.finds(walk(0)), [path], form="jsonl")
    lines = [json.loads(line) for line in (desk.out / "points.jsonl").read_text().splitlines()]
    assert [(line["frame"], len(line["faces"])) for line in lines] == [(0, 0), (1, 0), (2, 1)]


def test_smoothed_points_differ_and_unsmoothed_are_the_models(desk: Desk, kit: Kit) -> None:
    random = np.random.default_rng(0)
    frames = [kit.picture((100 + random.normal(), 90 + random.normal())) for _ in range(30)]
    path = kit.video(desk.folder / "clip.mkv", frames)
    spread = {}
    for name, keys in {"raw": {"smoothing": None}, "smooth": {}}.items():
        desk.do(kit.finds((100, 90)), [path], draw=False, **keys)
        track = np.stack([points_of(row) for row in desk.rows()])
        spread[name] = np.abs(np.diff(track, 2, axis=0)).mean()
    assert spread["smooth"] < 0.6 * spread["raw"]


def test_an_output_folder_that_cannot_be_written_ends_the_work(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", film(kit, 3))
    desk.out.write_text("")
    for keys in ({"draw": False}, {}):
        with pytest.raises(UsageError, match=rf"--out {desk.out}: .*; name a folder"):
            desk.do(kit.finds(walk(0)), [path], **keys)


def test_an_interrupted_video_leaves_no_half_of_anything(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", film(kit, 10))
    eye = kit.finds(walk(0))

    def find(image: Image) -> Any:
        if eye.calls == 5:
            raise KeyboardInterrupt
        return eye(image)

    finder = Finder(eye.finder().plugin, find)
    job = replace(Job(desk.model, finder, desk.out), tracking=Tracking(every=1))
    sources, _ = find_all([str(path)])
    with pytest.raises(KeyboardInterrupt):
        run(job, sources, desk.heard)
    assert desk.made() == []
