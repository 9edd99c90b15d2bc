"""`zoo predict` on folders, videos and image sequences, on the command line."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import quick_process
from PIL import Image
from typer.testing import CliRunner, Result

import zoo.prediction
from zoo.cli import app
from zoo.datasets.synthetic import open_synthetic
from zoo.prediction import load

FRAMES = 8


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


@pytest.fixture(scope="module")
def frames() -> list[Any]:
    """Frames of a drawn face that moves as in a video of 25 frames a second."""
    drawn = open_synthetic(people=1, videos=1, frames=FRAMES, seed=3, size=120, pace=0.05)
    return [sample.image() for sample in drawn.samples()]


@pytest.fixture(scope="module")
def shot(frames: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frames as pictures, and as a video beside them."""
    folder = tmp_path_factory.mktemp("media") / "shot"
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number:04d}.png")
    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"FFV1")
    writer = cv2.VideoWriter(str(folder.parent / "clip.mkv"), code, 25.0, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return folder


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "points.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def points(row: dict[str, str]) -> np.ndarray:
    return np.array([[float(row[f"part_{i}_{axis}"]) for axis in "xy"] for i in range(68)])


def test_a_video_and_its_frames_give_the_same_points(
    trained: Path, shot: Path, frames: list[Any], tmp_path: Path
) -> None:
    clip = shot.parent / "clip.mkv"
    options = ("--detector", "none", "--no-track", "--out")
    assert invoke(trained, clip, *options, tmp_path / "a").exit_code == 0
    assert invoke(trained, shot, *options, tmp_path / "b").exit_code == 0
    predictor = load(trained, "cpu")
    for one, two, frame in zip(rows(tmp_path / "a"), rows(tmp_path / "b"), frames, strict=True):
        assert (one["frame"], one["seconds"]) == (two["frame"], two["seconds"])
        [face] = predictor.predict(frame, "none")
        np.testing.assert_allclose(points(two), face.points, atol=0.01)
        np.testing.assert_allclose(points(one), face.points, atol=1.5)  # YUV in between
    assert (tmp_path / "a" / "clip-points.mp4").is_file()
    assert (tmp_path / "b" / "shot-points.mp4").is_file()


def test_everything_at_once_as_a_process(trained: Path, shot: Path, tmp_path: Path) -> None:
    """Pictures by a pattern, a video, a broken video and a missing folder; stdout is JSON only."""
    (tmp_path / "bad.mp4").write_text("no video")
    done = quick_process.run(
        [
            *("-m", "zoo", "predict", str(trained), f"{shot}/000[12].png"),
            *(str(shot.parent / "clip.mkv"), "bad.mp4", "nowhere", "--detector", "none"),
            *("--format", "jsonl", "--pts", "--json", "--out", "out"),
        ],
        tmp_path,
        os.environ | {"ZOO_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 1
    entries = json.loads(done.stdout)
    assert [entry["image"].rpartition("/")[2] for entry in entries[:2]] == ["0001.png", "0002.png"]
    assert {entry["image"].rpartition("/")[2] for entry in entries[2:]} == {"clip.mkv"}
    complaints = [line for line in done.stderr.splitlines() if line.startswith("zoo: ")]
    assert len(complaints) == 2
    assert complaints[0].startswith("zoo: nowhere: no such image file, video, folder or pattern")
    assert complaints[1].startswith("zoo: bad.mp4: not readable as a video")
    # OpenCV, FFmpeg and Python print nothing. Allowed are the errors, the warning that the model
    # has not learned, and the progress lines of a slow machine
    expected = re.compile(r"zoo: |warning: .* has not learned|.*: \d+( of \d+)?$")
    others = [line for line in done.stderr.splitlines() if not expected.match(line)]
    assert [line.partition(": ")[0].rpartition("/")[2] for line in others[:-1]] == [
        *("0001.png", "0002.png", "clip.mkv")
    ]
    assert others[-1].endswith("in out/points.jsonl")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"0001-points.png", "0001.pts", "clip", "clip-points.mp4", "points.jsonl"} <= written


def test_without_a_model_the_bundled_one_is_used(
    trained: Path, shot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo.prediction, "load_default", lambda device: load(trained, device))
    done = invoke(shot / "0000.png", shot / "0001.png", "--detector", "none", "--out", tmp_path)
    assert done.exit_code == 0
    assert len(rows(tmp_path)) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["RUN"], 2, "name a picture, video or folder after the model"),
        (["RUN", "RUN", "SHOT"], 2, ": a second model beside RUN; name one, and then"),
        (["SHOT", "face68"], 2, "face68: a model comes first: zoo predict face68 "),
        (["runs/gone", "SHOT"], 2, "runs/gone: no run here, nor a model that `zoo models` lists"),
        (["face86", "SHOT"], 2, "nor a picture or video; did you mean face68?"),
        (["RUN", "SHOT", "--set", "lr=1"], 2, "what can be set here are detector.KEY, track.KEY"),
        (
            ["RUN", "SHOT", "--set", "track.evry=3"],
            2,
            "no key of track 'evry': did you mean",
        ),
        (["RUN", "SHOT", "--set", "track.every=2.5"], 2, "track.every=2.5: give a whole number"),
        (["RUN", "SHOT", "--set", "track.max_growth=0.9"], 2, "it must be at least 1"),
        (["RUN", "SHOT", "--set", "smooth.beta=fast"], 2, "smooth.beta=fast: give a number"),
        (["RUN", "SHOT", "--set", "smooth.min_cutoff=0"], 2, "must be above 0 hertz"),
        (["RUN", "SHOT", "--set", "detector.size=3"], 2, "its options are "),
        (["RUN", "gone/*.png"], 1, "gone/*.png: no file matches this pattern"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(
    trained: Path, shot: Path, tmp_path: Path, arguments: list[str], status: int, reason: str
) -> None:
    paths = {"RUN": trained, "SHOT": shot}
    done = invoke(*(paths.get(each, each) for each in arguments), "--out", tmp_path / "out")
    assert done.exit_code == status
    [line] = done.stderr.splitlines()
    assert line.startswith("zoo: ")
    assert reason.replace("RUN", str(trained)) in line
    assert not (tmp_path / "out").exists()


def test_options_reach_detector_tracker_and_filter(
    trained: Path, shot: Path, tmp_path: Path
) -> None:
    """The detector gets a finer scale, the tracker looser limits, and the filter is so strong that
    the points stay where they were in the first frame."""
    smoothing = ("--set", "smooth.min_cutoff=1e-9", "--set", "smooth.beta=0")
    tracking = ("--set", "track.max_jump=9", "--set", "track.max_growth=99")
    detection = (
        "--detector",
        "haar",
        "--set",
        "detector.scale_factor=1.05",
        "--set",
        "track.max_outside=1",
    )
    done = invoke(trained, shot, *detection, *smoothing, *tracking, "--no-draw", "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    tracks: dict[str, list[np.ndarray]] = {}
    for row in rows(tmp_path):
        tracks.setdefault(row["face"], []).append(points(row))
    assert len(tracks["0"]) > 1
    for track in tracks.values():
        np.testing.assert_allclose(track, np.broadcast_to(track[0], np.shape(track)), atol=0.01)
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv"]


def process(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "zoo", "predict", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "ZOO_HOME": str(folder / "home")},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_finished_work_and_reports_the_rest_as_missing(
    trained: Path, shot: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """There are so many pictures that the signal comes before the end on any machine."""
    (tmp_path / "in").mkdir()
    for k in range(3000):
        (tmp_path / "in" / f"p{k}.png").hardlink_to(shot / "0000.png")
    options = ("--detector", "none", "--no-draw", "--batch-size", 1, "--out", "out")
    running = process(tmp_path, trained, "in", *options)
    assert running.stderr is not None
    lines = [running.stderr.readline() for _ in range(3)]
    running.send_signal(number)
    lines += running.communicate()[1].splitlines(keepends=True)
    assert running.returncode == 130, lines
    done = len(rows(tmp_path / "out"))
    assert f"points of {done} faces in out/points.csv\n" in lines
    assert f"zoo: ended early: {3000 - done} of 3000 pictures missing\n" in lines


def test_other_files_in_a_folder_are_reported(trained: Path, shot: Path, tmp_path: Path) -> None:
    """A folder with a .jfif picture, a name that is not UTF-8, and a text file; predicted twice."""
    for name in ("a.jfif", os.fsdecode(b"z\xfc.png")):
        Image.open(shot / "0000.png").save(tmp_path / "a.png")
        (tmp_path / "a.png").rename(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    for number in ("", "-2"):
        done = invoke(trained, tmp_path, "--detector", "none", "--out", tmp_path / "out")
        assert done.exit_code == 0, done.stderr
        lines = done.stderr.splitlines()
        assert lines[0] == (
            f"{tmp_path}: 1 file is not read, no picture or video by name: notes.txt"
        )
        assert f"points of 2 faces in {tmp_path}/out/points{number}.csv" == lines[-1]
        assert rf"{tmp_path}/z\xfc.png: 1 face" in lines[2]
    assert "out/points.csv and 2 more were there before and stay" in lines[-2]
    assert [row["image_name"] for row in rows(tmp_path / "out")] == [
        *(f"{tmp_path}/a.jfif", rf"{tmp_path}/z\xfc.png")
    ]
