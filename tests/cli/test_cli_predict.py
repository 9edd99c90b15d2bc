"""`zoo predict` on the command line: copies with points, points.csv, JSON, and errors."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick_process
from PIL import Image
from typer.testing import CliRunner, Result

from zoo.cli import app
from zoo.datasets.landmarks_csv import landmarks_csv
from zoo.datasets.synthetic import open_synthetic
from zoo.images import MAX_SIDE
from zoo.prediction import load


def save(path: Path, pixels: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def faces() -> list[Any]:
    """Two drawn pictures."""
    samples = open_synthetic(people=2, videos=1, frames=1, seed=3).samples()
    return [sample.image() for sample in samples]


def zoo(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"ZOO_HOME": str(folder / "home")}
    return quick_process.run(["-m", "zoo", "predict", *map(str, arguments)], folder, variables)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


@pytest.fixture(scope="module")
def mixed(
    trained: Path, faces: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Two pictures with one name, an unreadable picture between them, and a missing picture."""
    folder = tmp_path_factory.mktemp("mixed")
    save(folder / "a" / "face.png", faces[0])
    save(folder / "b" / "face.png", faces[1])
    (folder / "broken.jpg").write_text("no picture")
    inputs = ["a/face.png", "broken.jpg", "b/face.png", "none.jpg"]
    return folder, zoo(folder, trained, *inputs, "--detector", "none", "--json", "--out", "out")


Mixed = tuple[Path, "subprocess.CompletedProcess[str]"]


def test_standard_output_is_json_only(mixed: Mixed) -> None:
    _, done = mixed
    entries = json.loads(done.stdout)
    assert [entry["image"] for entry in entries] == ["a/face.png", "b/face.png"]
    for entry in entries:
        (face,) = entry["faces"]
        assert np.array(face["points"]).shape == (68, 2)
        assert len(face["box"]) == 4


def test_uncertainty_is_drawn_only_for_models_that_predict_it(
    trained: Path, faces: list[Any], tmp_path: Path
) -> None:
    picture = save(tmp_path / "face.png", faces[0])
    done = invoke(trained, picture, "--draw-uncertainty", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "gives no covariance of its points" in done.output
    assert not (tmp_path / "out").exists()


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_done(mixed: Mixed) -> None:
    folder, done = mixed
    assert done.returncode == 1
    complaints = [line for line in done.stderr.splitlines() if line.startswith("zoo: ")]
    assert len(complaints) == 2
    assert complaints[0].startswith("zoo: none.jpg: no such image file")
    assert complaints[1].startswith("zoo: broken.jpg: not an image")
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        "face-2-points.png",
        "face-points.png",
        "points.csv",
    ]


def test_copies_show_the_points_and_the_pictures_stay(mixed: Mixed, faces: list[Any]) -> None:
    folder, _ = mixed
    for source, copy, face in [
        ("a/face.png", "face-points.png", faces[0]),
        ("b/face.png", "face-2-points.png", faces[1]),
    ]:
        np.testing.assert_array_equal(np.array(Image.open(folder / source)), face)
        drawn = np.array(Image.open(folder / "out" / copy))
        assert drawn.shape == face.shape
        changed = (drawn != face).any(-1).mean()
        assert 0.01 < changed < 0.7


def test_points_csv_holds_what_python_predicts(
    mixed: Mixed, trained: Path, faces: list[Any]
) -> None:
    folder, done = mixed
    with (folder / "out" / "points.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["image_name"], row["face"]) for row in rows] == [
        ("a/face.png", "0"),
        ("b/face.png", "0"),
    ]
    predictor = load(trained, "cpu")
    for row, image, entry in zip(rows, faces, json.loads(done.stdout), strict=True):
        points = [[float(row[f"part_{i}_{axis}"]) for axis in "xy"] for i in range(68)]
        (face,) = predictor.predict(image, "none")
        np.testing.assert_allclose(points, face.points, atol=0.01)
        np.testing.assert_allclose(entry["faces"][0]["points"], points, atol=0.02)
        box = [float(row[f"box_{corner}"]) for corner in ("x0", "y0", "x1", "y1")]
        np.testing.assert_allclose(box, face.box, atol=0.01)


def test_points_csv_is_a_data_set(mixed: Mixed, trained: Path, faces: list[Any]) -> None:
    """Predictions can be corrected and trained on: the pictures lie beside them by their names."""
    folder, _ = mixed
    text = (folder / "out" / "points.csv").read_text()
    (folder / "labels.csv").write_text(text)
    dataset = landmarks_csv.open(folder / "labels.csv")
    samples = list(dataset.samples())
    assert [sample.id for sample in samples] == ["a/face.png", "b/face.png"]
    assert dataset.problems == []
    (face,) = load(trained, "cpu").predict(faces[0], "none")
    np.testing.assert_allclose(samples[0].points, face.points, atol=0.01)


def test_no_face_is_an_error_and_not_an_empty_success(trained: Path, tmp_path: Path) -> None:
    picture = save(tmp_path / "black.png", np.zeros((80, 80, 3), np.uint8))
    done = invoke(trained, picture, "--json", "--detector", "haar", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == []
    assert done.stderr.splitlines() == [
        f"zoo: {picture}: haar found no face; it sees upright faces, --detector yunet tilted and "
        "small ones too; --detector none is for a picture of one face and little else"
    ]
    assert not (tmp_path / "out").exists()


def test_a_missing_run_is_one_line(tmp_path: Path) -> None:
    done = zoo(tmp_path, "runs/nowhere", "face.png")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("zoo: runs/nowhere: no run here")


def test_without_json_standard_output_is_empty(
    trained: Path, faces: list[Any], tmp_path: Path
) -> None:
    picture = save(tmp_path / "face.png", faces[0])
    done = invoke(trained, picture, "--detector", "none", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert f"{picture}: 1 face, drawn in {tmp_path / 'out' / 'face-points.png'}" in done.stderr
    assert f"points of 1 face in {tmp_path / 'out' / 'points.csv'}" in done.stderr


def test_a_picture_named_twice_and_numbered_names_keep_their_copies_apart(
    trained: Path, faces: list[Any], tmp_path: Path
) -> None:
    first = save(tmp_path / "a" / "x.png", faces[0])
    second = save(tmp_path / "b" / "x.png", faces[1])
    third = save(tmp_path / "a" / "x-2.png", faces[1])
    out = tmp_path / "out"
    done = invoke(trained, first, second, third, first, "--detector", "none", "--out", out)
    assert done.exit_code == 0
    copies = sorted(path.name for path in out.glob("*.png"))
    assert copies == ["x-2-2-points.png", "x-2-points.png", "x-points.png"]


def test_a_picture_that_is_too_long_is_refused_before_opencv_fails(
    trained: Path, tmp_path: Path
) -> None:
    picture = save(tmp_path / "long.png", np.zeros((1, MAX_SIDE + 1, 3), np.uint8))
    done = invoke(trained, picture, "--detector", "none", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert f"{picture}: 32767 x 1 pixels, and no side may be longer than 32,766" in done.stderr


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (("--detector", "harr"), "harr"),
        (("--device", "abacus"), "abacus: expected cpu"),
    ],
)
def test_an_unknown_name_is_an_error(
    trained: Path, faces: list[Any], tmp_path: Path, option: tuple[str, str], reason: str
) -> None:
    picture = save(tmp_path / "face.png", faces[0])
    done = invoke(trained, picture, *option, "--out", tmp_path / "out")
    assert done.exit_code in (1, 2)
    assert done.stderr.startswith("zoo: ")
    assert reason in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_out_that_is_a_file_is_named(trained: Path, faces: list[Any], tmp_path: Path) -> None:
    picture = save(tmp_path / "face.png", faces[0])
    (tmp_path / "out").write_text("")
    done = invoke(trained, picture, "--detector", "none", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"zoo: --out {tmp_path / 'out'}: ")
