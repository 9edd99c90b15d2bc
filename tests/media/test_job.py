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

from zoo.api import DataError, UsageError
from zoo.datasets.ibug_pts import ibug_pts, read_pts
from zoo.media.inputs import find_all
from zoo.media.job import PredictJob, PredictOutcome
from zoo.media.pictures import read_picture
from zoo.media.predict import run
from zoo.media.settings import OneEuro
from zoo.media.smoothing import PointFilter
from zoo.media.video import VideoFrames
from zoo.media.writers import write_pts
from zoo.prediction import Finder
from zoo.reporter import Reporter

if TYPE_CHECKING:
    from conftest import FakeDetector, Image, Kit


class Listener(Reporter):
    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.done = 0
        self.notes: list[str] = []

    def progress(self, doing: str, done: int, total: int) -> None:
        if not done:
            self.begun.append((doing, total))
        self.done = done

    def note(self, message: str) -> None:
        self.notes.append(message)


class Desk:
    """Runs jobs in a folder of their own."""

    def __init__(self, kit: Kit, folder: Path) -> None:
        self.kit, self.folder = kit, folder
        self.out = folder / "out"
        self.model = kit.spots()
        self.heard = Listener()

    def do(
        self, detector: FakeDetector, inputs: Sequence[Path | str], as_: Any = "auto", **keys: Any
    ) -> PredictOutcome:
        job = PredictJob(self.model, detector.finder(), self.out, keep=True, **keys)
        sources, errors, _ = find_all(map(str, inputs), as_)
        assert errors == []
        return run(job, sources, self.heard)

    def rows(self) -> list[dict[str, str]]:
        with (self.out / "points.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    def made(self) -> list[str]:
        return sorted(str(p.relative_to(self.out)) for p in self.out.rglob("*") if p.is_file())


ADVICE = "; --detector none is for a picture of one face and little else"


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
    detector = kit.finds((100, 90))
    outcome = desk.do(detector, [desk.folder / "in"], batch=4)
    assert (outcome.faces, outcome.failures) == (10, [])
    assert desk.model.batches == [4, 4, 2]
    assert desk.heard.begun == [("10 pictures", 10)]
    assert desk.heard.done == 10
    assert desk.made() == sorted(["points.csv", *(f"a{k}-points.png" for k in range(10))])
    for row, path, place in zip(desk.rows(), paths, places, strict=True):
        assert (row["image_name"], row["face"], row["frame"]) == (str(path), "0", "")
        np.testing.assert_allclose(points_of(row), kit.SHAPE + np.array(place), atol=0.6)
        assert float(row["score"]) == 1
        assert float(row["box_score"]) == pytest.approx(0.9)
        drawn = read_picture(desk.out / f"{path.stem}-points.png")
        assert 0.002 < (drawn != read_picture(path)).any(-1).mean() < 0.1


def test_a_batch_holds_few_large_pictures(
    desk: Desk, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.prediction.picture.MOST_PIXELS", 150_000)
    for k in range(5):
        kit.save(desk.folder / "in" / f"a{k}.png", kit.picture((100, 90)))  # 64 000 pixels each
    desk.do(kit.finds((100, 90)), [desk.folder / "in"], batch=16)
    assert desk.model.batches == [2, 2, 1]


def test_broken_pictures_and_those_without_a_face_leave_the_others(desk: Desk, kit: Kit) -> None:
    for name in ("a.png", "b.png", "d.png"):
        kit.save(desk.folder / "in" / name, kit.picture((100, 90)))
    (desk.folder / "in" / "c.png").write_text("no picture")
    detector = kit.finds()
    images: list[Image] = []

    def find(image: Image) -> Any:
        images.append(image)
        return detector(image) if len(images) == 2 else kit.finds((100, 90))(image)

    finder = Finder(detector.finder().plugin, find)
    sources, _, _ = find_all([str(desk.folder / "in")])
    outcome = run(
        PredictJob(desk.model, finder, desk.out, no_face="haar found no face"), sources, desk.heard
    )
    faceless, broken = outcome.failures
    assert faceless == f"{desk.folder / 'in' / 'b.png'}: haar found no face{ADVICE}"
    assert broken.startswith(f"{desk.folder / 'in' / 'c.png'}: not an image")
    assert desk.made() == ["a-points.png", "d-points.png", "points.csv"]


def test_a_picture_that_the_detector_refuses_leaves_its_batch_alone(desk: Desk, kit: Kit) -> None:
    for k in range(3):
        kit.save(desk.folder / "in" / f"a{k}.png", kit.picture((100, 90), width=300 + k))
    detector = kit.finds((100, 90))

    def find(image: Image) -> Any:
        if image.shape[1] == 301:
            raise DataError("a1.png: no box in boxes.csv")
        return detector(image)

    finder = Finder(detector.finder().plugin, find)
    sources, _, _ = find_all([str(desk.folder / "in")])
    outcome = run(PredictJob(desk.model, finder, desk.out), sources, desk.heard)
    assert outcome.failures == ["a1.png: no box in boxes.csv"]
    assert outcome.faces == 2


def test_a_video_is_followed_and_drawn(desk: Desk, kit: Kit) -> None:
    frames = film(kit)
    path = kit.video(desk.folder / "clip.mkv", frames)
    detector = kit.finds(walk(0))
    outcome = desk.do(detector, [path], smoothing=None)
    assert (outcome.faces, outcome.failures, detector.calls) == (20, [], 1)
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
        assert edge.max(axis=(1, 2)).mean() > 60  # the box's left edge, on black
    [note] = [note for note in desk.heard.notes if "clip.mkv" in note]
    assert note.startswith(f"{path}: 20 frames, 1 face, ")
    assert note.endswith(f"frames a second, drawn in {desk.out / 'clip-points.mp4'}")


def test_a_video_can_be_marked_frame_by_frame_in_batches(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", film(kit))
    detector = kit.finds((80, 100))
    outcome = desk.do(detector, [path], tracking=None, batch=8)
    assert detector.calls == 20
    assert desk.model.batches == [8, 8, 4]
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
    assert (read.rate, len(list(read))) == (10.0, 12)  # both show the frame before them


def test_a_video_without_a_face_is_a_failure_and_gets_no_copy(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", film(kit, 5))
    outcome = desk.do(kit.finds(), [path])
    assert outcome.failures == [f"{path}: no face found in 5 frames{ADVICE}"]
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
    """`ibug_pts` reads them, beside the video and under the names of 300-VW."""
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
        read_pts(tmp_path / "001" / "annot" / "000001.pts"), points + 1, atol=1e-3
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
        desk.do(kit.finds((100, 90)), [path], draw=False, overwrite=True, **keys)
        track = np.stack([points_of(row) for row in desk.rows()])
        spread[name] = np.abs(np.diff(track, 2, axis=0)).mean()
    assert spread["smooth"] < 0.6 * spread["raw"]


def test_an_output_folder_that_cannot_be_written_ends_the_work(desk: Desk, kit: Kit) -> None:
    path = kit.video(desk.folder / "clip.mkv", film(kit, 3))
    desk.out.write_text("")
    for keys in ({"draw": False}, {}):
        with pytest.raises(UsageError, match=rf"--out {desk.out}: .*; name a folder"):
            desk.do(kit.finds(walk(0)), [path], **keys)


class Stopping(Reporter):
    """Ends the work after so many frames, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.notes: list[str] = []

    def progress(self, doing: str, done: int, total: int) -> None:
        self.left -= bool(done)
        if self.left == 0:
            raise KeyboardInterrupt

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_pictures_that_were_done_are_kept_when_the_work_is_stopped(desk: Desk, kit: Kit) -> None:
    for k in range(9):
        kit.save(desk.folder / "in" / f"a{k}.png", kit.picture((100, 90)))
    kit.video(desk.folder / "in" / "clip.mkv", film(kit, 3))
    sources, _, _ = find_all([str(desk.folder / "in")])
    outcome = PredictOutcome()
    job = PredictJob(desk.model, kit.finds((100, 90)).finder(), desk.out, draw=False, batch=2)
    with pytest.raises(KeyboardInterrupt):
        run(job, sources, Stopping(5), outcome)
    assert [Path(row["image_name"]).name for row in desk.rows()] == [f"a{k}.png" for k in range(5)]
    assert (outcome.faces, outcome.points) == (5, desk.out / "points.csv")
    assert outcome.missing == "4 of 9 pictures and 1 of 1 video"


@pytest.mark.parametrize("pts", [True, False])
def test_a_video_that_is_stopped_keeps_what_was_done(desk: Desk, kit: Kit, pts: bool) -> None:
    paths = [kit.video(desk.folder / f"clip{k}.mkv", film(kit, 10)) for k in range(2)]
    sources, _, _ = find_all(map(str, paths))
    watcher, outcome = Stopping(14), PredictOutcome()
    job = PredictJob(desk.model, kit.finds(walk(0)).finder(), desk.out, pts=pts)
    with pytest.raises(KeyboardInterrupt):
        run(job, sources, watcher, outcome)
    assert len(desk.rows()) == 14
    assert outcome.missing == "what follows frame 4 of clip1"
    assert f"drawn in {desk.out / 'clip1-points.mp4'}, and no more" in watcher.notes[-1]
    drawn = [sum(1 for _ in VideoFrames(desk.out / f"clip{k}-points.mp4")) for k in range(2)]
    assert drawn == [10, 4]
    assert sum(name.endswith(".pts") for name in desk.made()) == (14 if pts else 0)


def test_a_disk_that_is_full_leaves_no_half_of_a_drawing(desk: Desk, kit: Kit) -> None:
    resource = pytest.importorskip("resource")  # a limit on files simulates the full disk
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (200, 320, 3), np.uint8) for _ in range(12)]
    pictures = [kit.save(desk.folder / f"{k}.png", image) for k, image in enumerate(noise)]
    clip = kit.video(desk.folder / "clip.avi", noise, "MJPG")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for inputs, reason in (([clip], "clip-points.mp4 could not be written whole"),
                           (pictures, "File too large")):  # fmt: skip
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
        try:
            with pytest.raises(UsageError, match=rf"--out {desk.out}: {reason}"):
                desk.do(kit.finds((100, 90)), inputs)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(desk.rows()) == 12  # of the video
    assert desk.made() == ["points.csv"]


def test_a_second_run_replaces_nothing_unless_it_may(desk: Desk, kit: Kit) -> None:
    face = kit.save(desk.folder / "face.png", kit.picture((100, 90)))
    clip = kit.video(desk.folder / "clip.mkv", film(kit, 2))
    first = ["clip-points.mp4", "clip/annot/000001.pts", "clip/annot/000002.pts",
             "face-points.png", "face.pts", "points.csv"]  # fmt: skip
    desk.do(kit.finds((100, 90)), [face, clip], pts=True)
    assert desk.made() == first
    for name in first:
        (desk.out / name).write_text("corrected by hand")
    desk.do(kit.finds((100, 90)), [face, clip], pts=True)
    assert all((desk.out / name).read_text() == "corrected by hand" for name in first)
    assert sorted(set(desk.made()) - set(first)) == [
        *("clip-2-points.mp4", "clip-2/annot/000001.pts", "clip-2/annot/000002.pts"),
        *("face-2-points.png", "face-2.pts", "points-2.csv"),
    ]
    note = (
        f"{desk.out / 'points.csv'} and 4 more were there before and stay; new files have numbers"
    )
    assert any(each.startswith(note) for each in desk.heard.notes)
    desk.do(kit.finds((100, 90)), [face, clip], pts=True, overwrite=True)
    assert all((desk.out / name).read_bytes() != b"corrected by hand" for name in first)


def test_a_name_as_long_as_a_system_takes_has_a_copy(desk: Desk, kit: Kit) -> None:
    faces = [kit.save(desk.folder / f"{'n' * 249}{k}.png", kit.picture((100, 90))) for k in "12"]
    outcome = desk.do(kit.finds((100, 90)), faces, pts=True)
    assert (outcome.faces, outcome.failures) == (2, [])
    assert len(desk.made()) == 5


def test_times_of_an_uneven_video_are_its_own_and_smooth_by_them(desk: Desk, kit: Kit) -> None:
    durations = [0.02, 0.01, 0.1, 0.03, 0.06, 0.02]
    clip = kit.uneven(desk.folder / "phone.mp4", film(kit, 6), durations)
    points, times = {}, np.cumsum([0, *durations[:-1]])
    for smoothing in (None, OneEuro()):
        desk.do(kit.finds(walk(0)), [clip], smoothing=smoothing, draw=False, overwrite=True)
        np.testing.assert_allclose([float(r["seconds"]) for r in desk.rows()], times, atol=1e-3)
        points[smoothing] = [points_of(row) for row in desk.rows()]
    smooth = PointFilter(OneEuro())
    steps = np.diff(times, prepend=np.nan)
    sizes = [float(np.sqrt(np.prod(np.ptp(raw, axis=0)))) for raw in points[None]]
    expected = [smooth(*each) for each in zip(points[None], sizes, steps, strict=True)]
    np.testing.assert_allclose(points[OneEuro()], expected, atol=0.05)


def test_where_a_detector_shrank_a_picture_its_limit_is_named(desk: Desk, kit: Kit) -> None:
    wide = kit.save(desk.folder / "wide.png", kit.picture(width=500))
    small = kit.save(desk.folder / "small.png", kit.picture(width=300))
    clip = kit.video(desk.folder / "clip.mkv", [kit.picture(width=500)])
    finder = replace(kit.finds().finder(), longest_side=400)
    job = PredictJob(desk.model, finder, desk.out)
    sources, _, _ = find_all(map(str, [wide, small, clip]))
    shrunk = (
        " in a copy that is 400 pixels long; --set detector.longest_side=0 searches all 500 x 200"
    )
    assert run(job, sources, desk.heard).failures == [
        f"{wide}: no face found{shrunk}",
        f"{small}: no face found{ADVICE}",
        f"{clip}: no face found in 1 frame{shrunk}",
    ]
