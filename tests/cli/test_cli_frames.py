"""`zoo data export`: frames as files, for programs outside the zoo."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zoo.cli import app
from zoo.datasets.synthetic import open_synthetic

if TYPE_CHECKING:
    from conftest import Plant

FACES = {"people": 15, "videos": 1, "frames": 2, "size": 48}
SETS = [part for key, value in FACES.items() for part in ("--set", f"dataset.{key}={value}")]
SOURCE = """
from dataclasses import replace

from zoo.api import DataError, Dataset
from zoo.datasets.synthetic import open_synthetic


class Torn:
    "Drawn faces; person_0000 is in val, and the first of their two frames cannot be read."

    def __init__(self, faces):
        self.faces = faces

    def __getattr__(self, name):
        return getattr(self.faces, name)

    def samples(self):
        for sample in self.faces.samples():
            yield replace(sample, image=tear) if sample.id == "person_0000/0/00.png" else sample


def tear():
    raise DataError("00.png: torn")


torn = Dataset(open=lambda root, **options: Torn(open_synthetic(None, **options)),
               needs_root=False)
"""


def export(*arguments: object, dataset: str = "synthetic") -> Any:
    line = ["data", "export", dataset, *SETS, *map(str, arguments)]
    return CliRunner().invoke(app, line)


def listed(folder: Path) -> list[dict[str, str]]:
    with (folder / "frames.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_frames_of_a_split_come_out_pixel_for_pixel(tmp_path: Path) -> None:
    result = export("--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("4 frames (val of protocol person/1) in ")
    samples = {s.id: s for s in open_synthetic(**FACES).samples()}  # type: ignore[arg-type]
    rows = listed(tmp_path / "out")
    assert [row["id"] for row in rows] == [
        f"person_{person:04d}/0/{frame:02d}.png" for person in (0, 9) for frame in range(2)
    ]
    for row in rows:
        sample = samples[row["id"]]
        written = np.array(Image.open(tmp_path / "out" / row["image"]))
        assert np.array_equal(written, sample.image())
        assert written.shape == (int(row["height"]), int(row["width"]), 3)
        box = [float(row[f"box_{name}"]) for name in ("x0", "y0", "x1", "y1")]
        assert box == pytest.approx(sample.box, abs=1e-3)


def test_all_frames_of_all_splits_can_be_exported(tmp_path: Path) -> None:
    assert export("--split", "all", "--out", tmp_path / "out").exit_code == 0
    assert len(listed(tmp_path / "out")) == 30
    assert len(list((tmp_path / "out" / "images").iterdir())) == 30


def test_a_folder_that_is_not_empty_is_left_unchanged(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = export("--out", tmp_path)
    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--split", "tset"), "--split tset: expected train, val, test or all"),
        (("--protocol", "persn"), "no protocol 'persn': did you mean person"),
        (("--fold", "1"), "protocol person has no fold 1"),
        (("--set", "epochs=3"), "--set epochs=3: an option of a data set reads dataset.KEY=VALUE"),
    ],
)
def test_wrong_usage_is_an_error_and_writes_nothing(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    result = export(*arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_frame_that_cannot_be_read_is_named_and_left_out(plant: Plant, tmp_path: Path) -> None:
    plant("torn", {"zoo.datasets": {"torn": "torn"}}, SOURCE)
    refused = export("--out", tmp_path / "lost", dataset="torn")
    assert refused.exit_code == 1
    assert "1 of 4 frames cannot be used, more than 10%" in refused.stderr
    result = export("--out", tmp_path / "out", "--most-skipped", "0.3", dataset="torn")
    assert result.exit_code == 0, result.stderr
    assert "1 frames left out, the first: person_0000/0/00.png: 00.png: torn" in result.stderr
    assert len(listed(tmp_path / "out")) == 3

    strict = export("--out", tmp_path / "strict", "--strict", dataset="torn")
    assert strict.exit_code == 1
    assert "--strict: every skipped frame is fatal" in strict.stderr


def test_ids_that_are_paths_name_no_file(tmp_path: Path) -> None:
    """A file is named by its number, so an id with slashes or dots cannot be a path."""
    export("--out", tmp_path / "out")
    assert sorted(row["image"] for row in listed(tmp_path / "out")) == [
        f"images/{number:06}.png" for number in range(4)
    ]
