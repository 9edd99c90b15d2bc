"""Faces without a size, such as faces of one point. Training refuses them at the start. The board
shows runs on such faces, which an older zoo has written, without figures."""

from __future__ import annotations

import json
from pathlib import Path

import board_samples
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zoo.api import generic_scheme
from zoo.cli import app
from zoo.evaluation.scores.predictions import Predictions

FACES = 30


def zoo(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture(params=[1, 3])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Pictures with one point, or with three points at the same place."""
    count = request.param
    lines = [",".join(["image_name", *(f"part_{k}_{a}" for k in range(count) for a in "xy")])]
    for number in range(FACES):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        lines.append(",".join([f"{number}.png", *[f"{10 + number}", f"{20 - number}"] * count]))
    (tmp_path / "points.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_training_is_refused_at_the_start(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    status, output = zoo(
        *("train", "timm:test_resnet", "--dataset", "landmarks_csv", "--data", data),
        *("--set", "input_size=32", "--device", "cpu", "--out", tmp_path / "runs"),
    )
    assert status == 1
    assert "no face with a size" in output
    assert not (tmp_path / "runs").exists()


def test_data_info_and_data_check_accept_the_data(data: Path) -> None:
    assert zoo("data", "info", "landmarks_csv", "--data", data)[0] == 0
    assert zoo("data", "check", "landmarks_csv", "--data", data)[0] in (0, 3)


def test_imported_points_are_refused(data: Path, tmp_path: Path) -> None:
    header, *rows = (data / "points.csv").read_text().split()
    count = header.count(",") // 2
    names = [f"{axis}{k}" for k in range(count) for axis in "xy"]
    (tmp_path / "theirs.txt").write_text("\n".join([",".join(["id", *names]), *rows]))
    status, output = zoo(
        *("import", "other", tmp_path / "theirs.txt", "--dataset", "landmarks_csv"),
        *("--data", data, "--out", tmp_path / "runs"),
    )
    assert status == 1
    assert "no face with a size" in output


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs on faces of one point, as an older zoo wrote them."""
    folders = []
    for name in ("a", "b"):
        predictions = Predictions(
            ids=tuple(f"{number}.png" for number in range(FACES)),
            people=(None,) * FACES,
            points=np.full((FACES, 1, 2), 4, np.float32),
            target=np.full((FACES, 1, 2), 5, np.float32),
            visible=np.ones((FACES, 1), bool),
            regions=np.tile([20.0, 20.0, 40.0], (FACES, 1)),
            scheme=generic_scheme(1),
            mean_shape=np.full((1, 2), 0.5),
        )
        folders.append(board_samples.save_run(tmp_path / "runs" / name, predictions, name))
    return folders


@pytest.mark.parametrize("form", ["table", "md", "csv", "json", "html"])
def test_a_board_shows_such_runs_without_figures(runs: list[Path], form: str) -> None:
    status, output = zoo("leaderboard", runs[0].parent, "--format", form)
    assert status == 0, output
    if form == "json":
        [group] = json.loads(output)
        assert [row["nme_box"] for row in group["rows"]] == [None, None]


def test_such_runs_cannot_be_compared(runs: list[Path]) -> None:
    status, output = zoo("compare", *runs)
    assert status == 1
    assert "there is no face that both found" in output


def test_their_figures_are_verified(runs: list[Path]) -> None:
    status, output = zoo("evaluate", runs[0], "--from-predictions")
    assert status == 0, output
