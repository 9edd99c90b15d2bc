"""Points as CSV, JSON Lines and .pts: what is in the files, and that half a file is never left."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from zoo.api import UsageError
from zoo.datasets.ibug_pts import read_pts
from zoo.media.writers import Format, Marked, open_writer, write_pts
from zoo.prediction import Face

POINTS = np.array([[1.25, 2.0], [3.0, 4.0004]], np.float32)
FACE = Face((0.5, 1, 10, 20), 0.75, POINTS, np.array([0.5, 1], np.float32), 0.625, 0.875)
UNSURE = Face((0, 0, 1, 1), float("nan"), POINTS + 1, None, float("nan"))
MARKED = [
    Marked(Path("a, b/x.jpg"), [FACE, UNSURE], [0, 1]),
    Marked(Path("y.jpg"), [], []),
    Marked(Path("clip.mp4"), [FACE], [7], frame=12, seconds=0.48),
]


def test_csv_has_a_row_a_face(tmp_path: Path) -> None:
    with open_writer(tmp_path / "new" / "points.csv", "csv") as writer:
        for marked in MARKED:
            writer.write(marked)
    with (tmp_path / "new" / "points.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rated = ("0.75", "0.875", "0.625")
    assert [tuple(row.values()) for row in rows] == [
        ("a, b/x.jpg", "", "", "0", "0.5", "1", "10", "20", *rated, "1.25", "2", "3", "4"),
        ("a, b/x.jpg", "", "", "1", "0", "0", "1", "1", "", "", "", "2.25", "3", "4", "5"),
        ("clip.mp4", "12", "0.48", "7", "0.5", "1", "10", "20", *rated, "1.25", "2", "3", "4"),
    ]
    assert list(rows[0])[:4] == ["image_name", "frame", "seconds", "face"]
    assert list(rows[0])[-7:] == [
        *("box_score", "confidence", "score", "part_0_x", "part_0_y", "part_1_x", "part_1_y")
    ]


def test_json_lines_have_a_line_a_picture_with_or_without_faces(tmp_path: Path) -> None:
    with open_writer(tmp_path / "points.jsonl", "jsonl") as writer:
        for marked in MARKED:
            writer.write(marked)
    lines = [json.loads(line) for line in (tmp_path / "points.jsonl").read_text().splitlines()]
    assert [line["image"] for line in lines] == ["a, b/x.jpg", "y.jpg", "clip.mp4"]
    assert lines[1] == {"image": "y.jpg", "faces": []}
    assert lines[2] == {
        "image": "clip.mp4",
        "frame": 12,
        "seconds": 0.48,
        "faces": [
            {
                "face": 7,
                "box": [0.5, 1, 10, 20],
                "box_score": 0.75,
                "confidence": 0.875,
                "score": 0.625,
                "points": [[1.25, 2.0], [3.0, 4.0]],
                "scores": [0.5, 1.0],
            }
        ],
    }
    unsure = lines[0]["faces"][1]
    assert (unsure["box_score"], unsure["confidence"], unsure["scores"]) == (None, None, None)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_was_written_is_in_the_file_whatever_ends_the_work(
    tmp_path: Path, form: Format
) -> None:
    place = tmp_path / f"points.{form}"
    broken = Marked(Path("z.jpg"), [FACE, FACE], [0])
    with pytest.raises(ValueError, match="shorter"), open_writer(place, form) as writer:  # noqa: PT012
        writer.write(MARKED[0])
        text = place.read_text()  # also what would be left after a power cut
        writer.write(broken)
    assert place.read_text() == text
    assert text.endswith("\n")
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_that_is_there_stays_unless_it_may_go(tmp_path: Path, form: Format) -> None:
    place = tmp_path / f"points.{form}"
    place.write_text("corrected by hand")
    with (
        pytest.raises(UsageError, match="File exists"),
        open_writer(place, form) as writer,
    ):
        writer.write(MARKED[0])
    with open_writer(place, form, overwrite=True):
        pass  # nothing is written, so nothing is replaced
    assert place.read_text() == "corrected by hand"
    with open_writer(place, form, overwrite=True) as writer:
        writer.write(MARKED[0])
    assert "x.jpg" in place.read_text()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_disk_that_is_full_leaves_whole_rows(tmp_path: Path, form: Format) -> None:
    resource = pytest.importorskip("resource")  # a limit on files simulates the full disk
    place = tmp_path / f"points.{form}"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    done = 0
    with pytest.raises(UsageError, match=r"--out .*: File too large"):  # noqa: PT012, SIM117
        with open_writer(place, form) as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
            try:
                while True:
                    writer.write(MARKED[0])
                    done += 1
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    text = place.read_text()
    assert text.endswith("\n")
    assert text.count("x.jpg") == done * (2 if form == "csv" else 1) > 0


def test_a_name_that_is_no_text_is_written_as_text(tmp_path: Path) -> None:
    marked = Marked(Path(os.fsdecode(b"caf\xe9/\xc3\xbc.jpg")), [FACE], [0])
    for form in ("csv", "jsonl"):
        with open_writer(tmp_path / f"points.{form}", form) as writer:
            writer.write(marked)
    with (tmp_path / "points.csv").open(newline="", encoding="utf-8") as stream:
        [row] = csv.DictReader(stream)
    assert row["image_name"] == r"caf\xe9/ü.jpg"
    assert json.loads((tmp_path / "points.jsonl").read_text())["image"] == r"caf\xe9/ü.jpg"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match=r"--out .*file: "),
        open_writer(tmp_path / "file" / "points.csv", "csv") as writer,
    ):
        writer.write(MARKED[0])


def test_pts_files_count_from_one(tmp_path: Path) -> None:
    write_pts(tmp_path / "a.pts", POINTS)
    assert (tmp_path / "a.pts").read_text() == (
        "version: 1\nn_points: 2\n{\n2.250 3.000\n4.000 5.000\n}\n"
    )


def test_pts_files_come_back_as_they_went(tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(-20, 2000, (68, 2)).astype(np.float32)
    write_pts(tmp_path / "new" / "a.pts", points)
    np.testing.assert_allclose(read_pts(tmp_path / "new" / "a.pts"), points + 1, atol=6e-4)
