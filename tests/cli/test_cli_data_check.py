"""`zoo data check` on the command line: exit status, pure JSON, and anonymous output."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np
import pytest
import quick_process
from PIL import Image
from typer.testing import CliRunner

from zoo.cli import app
from zoo.testing import pictures

SIDE = 80
SHAPE = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.5], [0.36, 0.7], [0.64, 0.7]])
REAL = os.environ.get("ZOO_TEST_YOUTUBE_FACES", "")


@dataclass(frozen=True)
class Result:
    """The exit status and the output of a command."""

    returncode: int
    stdout: str
    stderr: str


def process(*arguments: object) -> Result:
    """Run ``zoo data check`` as a process."""
    done = quick_process.run(["-m", "zoo", "data", "check", *map(str, arguments)])
    return Result(done.returncode, done.stdout, done.stderr)


def zoo(*arguments: object) -> Result:
    """Run ``zoo data check`` in this process, which is faster."""
    result = CliRunner().invoke(app, ["data", "check", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Result(result.exit_code, result.stdout, result.stderr)


def report(*arguments: object, status: int = 0) -> dict[str, Any]:
    done = zoo(*arguments, "--json")
    assert done.returncode == status, done.stderr
    audit: dict[str, Any] = json.loads(done.stdout)
    return audit


def pattern(seed: int) -> Image.Image:
    rough = np.random.default_rng(seed).uniform(0, 255, (12, 12, 3)).astype(np.float32)
    smooth = cv2.resize(rough, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8))


def stays(stem: str) -> str:
    """A file name that the protocol ``release`` leaves in the training split."""
    return next(n for n in (f"{stem}{c}.png" for c in "abcdefghij") if crc32(n.encode()) % 10)


class Folder:
    """A folder for ``landmarks_csv`` without faults: 10 people with two pictures each. The last
    three people are in the release's test split. Tests change rows and files of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[list[Any]] = []
        root.mkdir()
        for person in range(10):
            for frame in range(2):
                name, seed = stays(f"Anna_Smith{person}_{frame}"), 10 * person + frame
                pattern(seed).save(root / name)
                jitter = np.random.default_rng([seed, 1]).uniform(-3, 3, SHAPE.shape)
                split = "test" if person >= 7 else "train"
                points = (SHAPE * SIDE + jitter).ravel().tolist()
                self.rows.append([name, f"Anna Smith {person}", f"video {person}", split, *points])
        self.write()

    def write(self, rows: Sequence[list[Any]] | None = None) -> Path:
        parts = [f"part_{k}_{axis}" for k in range(5) for axis in "xy"]
        with (self.root / "faces.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["image_name", "person", "video", "split", *parts])
            writer.writerows(self.rows if rows is None else rows)
        return self.root

    def picture(self, row: int) -> Path:
        return self.root / self.rows[row][0]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "faces")


def test_clean_data_exits_with_zero_and_finds_nothing(folder: Folder) -> None:
    audit = report("landmarks_csv", "--data", folder.root)
    assert audit["findings"] == []
    assert audit["leaks"] == []
    assert (audit["schema"], audit["frames"], audit["people"]) == (1, 20, 10)
    assert list(audit["protocols"]) == ["person", "official", "person-5fold", "release"]
    assert audit["measures"]["quantisation"] is None

    done = process("landmarks_csv", "--data", folder.root)
    assert done.returncode == 0
    assert "Findings: 0." in done.stdout
    assert "Leaks: none." in done.stdout


def test_a_shared_person_leaks_under_one_protocol_and_not_under_another(folder: Folder) -> None:
    folder.rows[-1][1:3] = ["Anna Smith 0", "another video"]
    folder.write()
    audit = report("landmarks_csv", "--data", folder.root, "--protocol", "release", status=3)
    assert audit["leaks"] == ["release"]
    [finding] = audit["findings"]
    assert finding == {
        "id": "shared_people",
        "class": "leak",
        "severity": "error",
        "protocol": "release/1",
        "fold": None,
        "count": 1,
        "unit": "people",
        "sentence": "1 of 4 people of test is in train too: a model is scored on faces that it "
        "has learned",
        "examples": ["Anna Smith 0: 2 train frames and 1 test frame"],
        "figures": {"val": {"shared": 0, "of": 0}, "test": {"shared": 1, "of": 4}},
    }
    assert report("landmarks_csv", "--data", folder.root, "--protocol", "person")["leaks"] == []
    both = process(
        *("landmarks_csv", "--data", folder.root, "--protocol", "person", "--protocol", "release")
    )
    assert both.returncode == 3
    assert "Leaks: release." in both.stdout


def test_a_copy_in_the_test_split_leaks(folder: Folder) -> None:
    folder.picture(19).write_bytes(folder.picture(0).read_bytes())
    audit = report("landmarks_csv", "--data", folder.root, "--protocol", "release", status=3)
    assert [f["id"] for f in audit["findings"]] == ["identical_across_splits", "identical_pictures"]
    # now as a picture that was saved again, under the name of the old one
    with Image.open(folder.picture(0)) as picture:
        picture.convert("L").save(folder.picture(19), format="JPEG", quality=70)
    audit = report("landmarks_csv", "--data", folder.root, "--protocol", "release", status=3)
    assert [f["id"] for f in audit["findings"]] == ["near_across_splits", "near_copies"]


def test_a_second_face_is_found_by_a_detector(folder: Folder) -> None:
    """A portrait lies beside the labelled face and nearer to the middle."""
    x0, y0, x1, y1 = (round(v) for v in pictures.FACE)
    margin = (x1 - x0) // 2
    face = pictures.photograph()[y0 - margin : y1 + margin, x0 - margin : x1 + margin]
    canvas = np.full((400, 600, 3), 120, np.uint8)
    canvas[100:300, 200:400] = cv2.resize(face, (200, 200), interpolation=cv2.INTER_AREA)
    Image.fromarray(canvas).save(folder.picture(0))
    folder.rows[0][4:] = (SHAPE * SIDE).ravel().tolist()
    folder.write()
    options = ("landmarks_csv", "--data", folder.root, "--protocol", "person")
    audit = report(*options, "--detector", "haar")
    [finding] = [f for f in audit["findings"] if f["id"] == "other_face"]
    assert (finding["severity"], finding["count"]) == ("warning", 1)
    assert finding["examples"] == [folder.rows[0][0]]
    assert "1 frame with another face at least half as large" in finding["sentence"]


def test_broken_files_and_rows_are_found_and_strict_makes_them_fatal(folder: Folder) -> None:
    folder.picture(3).write_bytes(b"no picture")
    folder.write([*folder.rows, ["nowhere.png", *folder.rows[0][1:]]])
    audit = report("landmarks_csv", "--data", folder.root, "--protocol", "person")
    by_id = {f["id"]: f for f in audit["findings"]}
    assert set(by_id) == {"unreadable_files", "skipped_rows"}
    assert by_id["skipped_rows"]["examples"] == [
        "faces.csv row 22: nowhere.png: no such image file beside faces.csv"
    ]
    assert folder.rows[3][0] in by_id["unreadable_files"]["examples"][0]

    done = zoo("landmarks_csv", "--data", folder.root, "--strict", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "row 22" in done.stderr
    folder.write()
    done = zoo("landmarks_csv", "--data", folder.root, "--strict", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{folder.rows[3][0]}: " in done.stderr.splitlines()[-1]
    assert "--strict" in done.stderr


def test_no_name_and_no_path_is_left_in_an_anonymous_audit(folder: Folder) -> None:
    folder.rows[-1][1:3] = folder.rows[0][1:3]
    folder.rows[5][4:6] = ["-7", "40"]
    folder.rows[6][4:6] = folder.rows[6][6:8]
    folder.write([*folder.rows, ["Anna_Smith_nowhere.png", *folder.rows[0][1:]]])
    folder.picture(3).write_bytes(b"no picture")
    folder.picture(18).write_bytes(folder.picture(2).read_bytes())
    arguments = ("landmarks_csv", "--data", folder.root, "--anonymous")
    for run, extra in ((zoo, ()), (process, ("--json",))):
        done = run(*arguments, *extra)
        assert done.returncode == 3
        for text in (done.stdout, done.stderr):
            assert "Anna" not in text
            assert "Smith" not in text
            assert str(folder.root) not in text
    named = zoo("landmarks_csv", "--data", folder.root)
    assert "Anna Smith 0" in named.stdout
    assert "--anonymous leaves them out" in named.stdout


def test_names_cannot_control_the_terminal(folder: Folder) -> None:
    for row in (0, -1):
        folder.rows[row][1:3] = ["\x1b[2Jevil", "evil video"]
    done = zoo("landmarks_csv", "--data", folder.write())
    assert done.returncode == 3
    assert "evil" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--protocol", "persn"), "person"),
        (("--detector", "none"), "--detector none: does not look at pictures"),
        (("--set", "lr=3"), "dataset.KEY=VALUE"),
        (("--set", "dataset.csw=a"), "dataset.csv"),
    ],
)
def test_wrong_usage_names_the_valid_options(
    folder: Folder, arguments: tuple[str, ...], message: str
) -> None:
    done = zoo("landmarks_csv", "--data", folder.root, "--json", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_protocol_that_does_not_apply_fails_before_a_picture_is_read(folder: Folder) -> None:
    for row in folder.rows:
        row[1] = ""
    done = zoo("landmarks_csv", "--data", folder.write(), "--protocol", "person", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "use --protocol release" in done.stderr
    assert "pictures" not in done.stderr


def test_drawn_faces_leak_under_official_and_release_and_not_under_person() -> None:
    size = ("--set", "dataset.people=25", "--set", "dataset.videos=1", "--set", "dataset.frames=4")
    clean = report("synthetic", "--protocol", "person", *size)
    assert clean["findings"] == []
    audit = report("synthetic", *size, status=3)
    assert audit["leaks"] == ["official", "release"]
    people = next(f for f in audit["findings"] if f["id"] == "shared_people")
    assert people["figures"]["test"]["shared"] == people["figures"]["test"]["of"]


@pytest.mark.skipif(not REAL, reason="ZOO_TEST_YOUTUBE_FACES names no folder with real frames")
def test_real_frames_official_shares_every_test_person_and_person_shares_none() -> None:
    audit = report("youtube_faces", "--data", REAL, "--anonymous", status=3)
    assert audit["leaks"] == ["official", "release"]
    for finding in audit["findings"]:
        if finding["protocol"] == "official/1" and finding["class"] == "leak":
            test = finding["figures"]["test"]
            assert test["shared"] == test["of"] > 0
    assert audit["measures"]["quantisation"]["pitch_px"] == 1
    assert audit["measures"]["copies"]["pairs"]["different_people"]["near"] == 0
