"""Placeholder labels and lost data: they are reported, found by the audit, and not trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from zoo.cli import app
from zoo.datasets.synthetic import open_synthetic

FACES = 24


def zoo(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def drawn() -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    faces = open_synthetic(people=FACES, videos=1, frames=1, size=64).samples()
    return [(face.image(), face.points) for face in faces]


class Folder:
    """Drawn faces with a CSV file whose points can be changed."""

    def __init__(self, root: Path, drawn: list[tuple[NDArray[np.uint8], NDArray[np.float32]]]):
        self.root = root
        self.points = np.stack([points for _, points in drawn])
        for number, (image, _) in enumerate(drawn):
            Image.fromarray(image).save(root / f"{number}.png")
        self.write(self.points)

    def write(self, points: NDArray[np.floating]) -> None:
        names = [f"part_{k}_{axis}" for k in range(points.shape[1]) for axis in "xy"]
        lines = [
            ",".join([f"{number}.png", *(f"{value:.4f}" for value in face.ravel())])
            for number, face in enumerate(points)
        ]
        text = "\n".join([",".join(["image_name", *names]), *lines])
        (self.root / "points.csv").write_text(text + "\n")

    def findings(self, *arguments: str) -> tuple[int, dict[str, str]]:
        """The exit status of the audit, and the severity of each finding about labels."""
        status, output = zoo(
            *("data", "check", "landmarks_csv", "--data", self.root, "--json"), *arguments
        )
        found = json.loads(output[output.index("{") :])["findings"]
        return status, {f["id"]: f["severity"] for f in found if f["id"] in ("no_face", "stand_in")}

    def info(self, *arguments: str) -> str:
        status, output = zoo("data", "info", "landmarks_csv", "--data", self.root, *arguments)
        assert status == 0
        return output

    def train(self, out: Path, *arguments: str) -> tuple[int, str]:
        return zoo(
            *("train", "timm:test_resnet", "--dataset", "landmarks_csv", "--data", self.root),
            *("--set", "input_size=32", "--epochs", "1", "--batch-size", "4", "--device", "cpu"),
            *("--out", out, *arguments),
        )


@pytest.fixture
def folder(
    tmp_path: Path,
    drawn: list[tuple[NDArray[np.uint8], NDArray[np.float32]]],
    monkeypatch: pytest.MonkeyPatch,
) -> Folder:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    (tmp_path / "data").mkdir()
    return Folder(tmp_path / "data", drawn)


def test_good_labels_are_not_doubted(folder: Folder) -> None:
    assert "Doubtful" not in folder.info()
    assert folder.findings()[1] == {}


@pytest.mark.parametrize(("rows", "severity"), [(2, "warning"), (3, "error")])
def test_rows_of_zeros_are_found(folder: Folder, rows: int, severity: str) -> None:
    points = folder.points.copy()
    points[:rows] = 0
    folder.write(points)
    assert f"Doubtful labels: {rows} of 24 faces are not trained on" in folder.info()
    status, found = folder.findings("--protocol", "release")
    assert found == {"no_face": severity}
    assert status == (3 if severity == "error" else 0)


def test_fractions_of_the_picture_are_found_and_not_trained_on(
    folder: Folder, tmp_path: Path
) -> None:
    folder.write(folder.points / 64)
    assert "fractions of the picture instead of pixels" in folder.info()
    assert folder.findings() == (3, {"no_face": "error"})
    status, output = folder.train(tmp_path / "runs")
    assert status == 1
    assert "not one of 24 frames can be used" in output
    assert "fractions of the picture instead of pixels" in output


def test_a_placeholder_coordinate_is_found_and_can_be_masked(folder: Folder) -> None:
    points = folder.points.copy()
    points[:, 0] = 0
    folder.write(points)
    assert "point 0 lies at (0, 0) in 24 of 24 faces" in folder.info()
    assert folder.findings() == (3, {"stand_in": "error"})
    masked = ("--set", "dataset.missing=[0, 0]")
    assert "Doubtful" not in folder.info(*masked)
    assert folder.findings(*masked)[1] == {}


def test_a_data_set_with_many_losses_is_trained_on_only_by_option(
    folder: Folder, tmp_path: Path
) -> None:
    points = folder.points.copy()
    points[0] = 0
    folder.write(points)
    for number in range(1, 10):
        (folder.root / f"{number}.png").unlink()
    assert "Rows left out: 9" in folder.info()
    status, output = folder.train(tmp_path / "runs")
    assert status == 1
    assert "10 of 24 frames cannot be used, more than 10%; the first: points.csv row 3" in output
    assert not (tmp_path / "runs").exists()
    status, output = folder.train(tmp_path / "runs", "--most-skipped", "0.5")
    assert status == 0, output
    assert "9 rows skipped" in output
    assert "1 of 15 faces are not trained on, the first: 0.png" in output
    [record] = (tmp_path / "runs").glob("*/record.json")
    assert sum(json.loads(record.read_text())["data"]["frames"].values()) == 14
