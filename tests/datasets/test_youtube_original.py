"""The Tel Aviv release has no landmarks: it says so, and gives its boxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.api import DataError
from zoo.datasets.youtube_faces import youtube_faces
from zoo.datasets.youtube_original import TelAvivFrames


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "frame_images_DB"
    (folder / "Ann_Lee" / "0").mkdir(parents=True)
    (folder / "Ann_Lee.labeled_faces.txt").write_text(
        "Ann_Lee\\0\\0.1.jpg,0,100,80,40,60,0,1\r\nAnn_Lee\\0\\0.2.jpg,0,101.5,80,41,60,0,1\r\n"
    )
    return tmp_path


def test_training_on_it_is_refused_with_the_reason(root: Path) -> None:
    dataset = youtube_faces.open(root)
    assert dataset.release == "tel-aviv"
    with pytest.raises(DataError, match="no landmarks"):
        dataset.samples()


def test_boxes_from_centre_and_size(root: Path) -> None:
    dataset = TelAvivFrames(root)
    assert list(dataset.boxes()) == [
        ("Ann_Lee/0/0.1.jpg", (80.0, 50.0, 120.0, 110.0)),
        ("Ann_Lee/0/0.2.jpg", (81.0, 50.0, 122.0, 110.0)),
    ]
    assert dataset.problems == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Bo\\0\\0.1.jpg,0,100,80,40", "5 columns instead of 8"),
        ("Bo\\0\\0.1.jpg,0,100,eighty,40,60,0,1", "could not convert"),
        ("Bo\\0\\0.1.jpg,0,100,nan,40,60,0,1", "is no box"),
        ("Bo\\0\\0.1.jpg,0,100,80,0,60,0,1", "is no box"),
        ("..\\..\\x.jpg,0,100,80,40,60,0,1", "no path below"),
    ],
)
def test_line_that_is_no_box_is_left_out_by_name(root: Path, line: str, reason: str) -> None:
    good = "Bo\\0\\0.2.jpg,0,100,80,40,60,0,1"
    (root / "frame_images_DB" / "Bo.labeled_faces.txt").write_text(f"{line}\n{good}\n")
    dataset = TelAvivFrames(root)
    assert len(list(dataset.boxes())) == 3
    assert len(dataset.problems) == 1
    assert str(dataset.problems[0]).startswith("Bo.labeled_faces.txt line 1: ")
    assert reason in dataset.problems[0].reason
