"""`zoo data info` and `zoo data fetch` on the command line."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from zoo.api import DataError, UsageError
from zoo.cli.data import data_app
from zoo.datasets import youtube_faces, youtube_udacity

TRAINING, TEST = "training_frames_keypoints.csv", "test_frames_keypoints.csv"
REAL = os.environ.get("ZOO_TEST_YOUTUBE_FACES", "")


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(data_app, [str(argument) for argument in arguments])


def _info(*arguments: object) -> dict[str, Any]:
    result = _run("info", "youtube_faces", *arguments, "--json")
    assert result.exception is None, result.exception
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def _build(root: Path, people: int = 20) -> None:
    """Write a release in which each person has two training frames and one test frame."""
    for name, folder, digits in ((TRAINING, "training", ("00", "10")), (TEST, "test", ("00",))):
        (root / folder).mkdir(parents=True)
        files = [f"Person{i}_{d}.jpg" for i in range(people) for d in digits]
        for file in files:
            Image.new("RGBA", (8, 8)).save(root / folder / file, format="PNG")
        with (root / name).open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["", *range(136)])
            writer.writerows([file, *(float(k) for k in range(136))] for file in files)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    _build(tmp_path / "faces")
    return tmp_path / "faces"


def test_info_counts_frames_people_and_splits(root: Path) -> None:
    facts = _info("--data", root)
    assert (facts["release"], facts["released"]) == ("udacity", False)
    assert (facts["frames"], facts["people"], facts["videos"], facts["points"]) == (60, 20, 40, 68)
    assert len(facts["fingerprint"]) == 64

    hashes = [crc32(f"Person{i}".encode()) % 100 for i in range(20)]
    val = sum(15 <= h < 25 for h in hashes)
    test = sum(h < 15 for h in hashes)
    person = facts["protocols"]["person"]
    assert person["val"] == {"frames": 3 * val, "people": val}
    assert person["test"] == {"frames": 3 * test, "people": test}
    assert person["train"]["frames"] == 60 - 3 * val - 3 * test
    assert facts["protocols"]["official"]["test"] == {"frames": 20, "people": 20}
    folds = facts["protocols"]["person-5fold"]["folds"]
    assert sum(fold["test"]["people"] for fold in folds) == 20
    assert facts["problems"] == {"count": 0, "first": []}


def test_info_as_text_has_the_same_facts(root: Path) -> None:
    result = _run("info", "youtube_faces", "--data", root)
    facts = _info("--data", root)
    size = facts["protocols"]["person"]["train"]
    assert facts["fingerprint"] in result.stdout
    assert f"{size['frames']} ({size['people']})" in result.stdout
    assert "YouTube Faces DB" in result.stdout
    assert "Rows left out: 0" in result.stdout


def test_protocol_that_does_not_apply_says_why(tmp_path: Path) -> None:
    table = "videoID,personName\nAnn_0,Ann\n"
    (tmp_path / "youtube_faces_with_keypoints_full.csv").write_text(table)
    np.savez_compressed(
        tmp_path / "Ann_0.npz",
        colorImages=np.zeros((4, 4, 3, 6), np.uint8),
        boundingBox=np.zeros((4, 2, 6)),
        landmarks2D=np.zeros((68, 2, 6)),
    )
    facts = _info("--data", tmp_path, "--set", "dataset.frames_per_video=3")
    assert facts["frames"] == 3
    assert "no release split" in facts["protocols"]["official"]["reason"]
    assert "reason" not in facts["protocols"]["person"]
    assert facts["released"] is None
    shown = _run("info", "youtube_faces", "--data", tmp_path).stdout
    assert "protocol official does not apply" in shown


def test_problems_are_counted_and_shown_and_strict_makes_them_fatal(root: Path) -> None:
    for i in range(12):
        (root / "test" / f"Person{i}_00.jpg").unlink()
    facts = _info("--data", root)
    assert facts["frames"] == 48
    assert facts["problems"]["count"] == 12
    assert len(facts["problems"]["first"]) == 10
    assert facts["problems"]["first"][0].startswith(f"{TEST} row 2: test/Person0_00.jpg: no such")

    shown = _run("info", "youtube_faces", "--data", root).stdout
    assert "Rows left out: 12" in shown
    assert "and 2 more" in shown

    strict = _run("info", "youtube_faces", "--data", root, "--strict")
    assert isinstance(strict.exception, DataError)
    assert f"{TEST} row 2" in str(strict.exception)


def test_names_cannot_control_the_terminal(root: Path) -> None:
    with (root / TEST).open("a") as stream:
        stream.write("\x1b[2Jevil_00.jpg" + ",1" * 136 + "\n")
    result = _run("info", "youtube_faces", "--data", root)
    assert "evil_00.jpg" in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dataset.frame=3", "dataset.frames_per_video"),
        ("lr=3", "dataset.KEY=VALUE"),
        ("dataset.frames_per_video", "key=value"),
        ("dataset.frames_per_video=3", "Kaggle"),
    ],
)
def test_wrong_option_is_wrong_usage(root: Path, text: str, reason: str) -> None:
    result = _run("info", "youtube_faces", "--data", root, "--set", text)
    assert isinstance(result.exception, UsageError)
    assert reason in str(result.exception)


@pytest.fixture
def tiny_release(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the files of ``root`` the known release, so that they can serve as a mirror."""
    manifest = root.parent / "manifest.csv"
    with manifest.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "bytes", "sha256"])
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            content = path.read_bytes()
            name = path.relative_to(root).as_posix()
            writer.writerow([name, len(content), hashlib.sha256(content).hexdigest()])
    monkeypatch.setattr(youtube_faces, "MANIFEST", manifest)
    monkeypatch.setattr(youtube_udacity, "MANIFEST", manifest)
    return root


def test_fetch_prints_the_terms_first_and_info_then_finds_the_files(
    tiny_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path / "data"))
    result = _run("fetch", "youtube_faces", "--from", tiny_release)
    assert result.exception is None, result.exception
    assert result.stdout.startswith("YouTube Faces")
    assert "Wolf" in result.stdout.splitlines()[1]
    assert "zoo data info youtube_faces" in result.stdout.splitlines()[-1]
    assert result.stdout.splitlines()[-2].startswith("youtube_faces is complete in")

    assert _info()["released"] is True  # in the default folder
    assert _info()["frames"] == 60


def test_fetch_goes_where_data_says(tiny_release: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    assert _run("fetch", "youtube_faces", "--from", tiny_release, "--data", place).exit_code == 0
    assert _info("--data", place)["frames"] == 60


def test_failed_fetch_prints_the_terms_and_raises_its_summary(
    tiny_release: Path, tmp_path: Path
) -> None:
    (tiny_release / "test" / "Person3_00.jpg").unlink()
    place = tmp_path / "elsewhere"
    result = _run("fetch", "youtube_faces", "--from", tiny_release, "--data", place)
    assert result.stdout.startswith("YouTube Faces")
    assert isinstance(result.exception, DataError)
    assert "61 of 62 files" in str(result.exception)


def test_drawn_data_set_needs_no_fetching() -> None:
    result = _run("fetch", "synthetic")
    assert isinstance(result.exception, UsageError)
    assert "needs no files" in str(result.exception)


@pytest.mark.skipif(not REAL, reason="ZOO_TEST_YOUTUBE_FACES names no folder with real frames")
def test_real_frames_under_the_person_protocol() -> None:
    facts = _info("--data", REAL)
    person = facts["protocols"]["person"]
    frames = {split: person[split]["frames"] for split in ("train", "val")}
    assert frames == {"train": 3142, "val": 428}
