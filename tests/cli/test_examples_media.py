"""The measuring scripts of docs/examples run, and their figures are correct."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import quick_process
from PIL import Image

from zoo.datasets.synthetic import open_synthetic
from zoo.media.writers import write_pts

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return quick_process.run([EXAMPLES / script, *map(str, arguments)])


def test_the_latency_of_the_zoo_is_measured_with_its_error(trained: Path, tmp_path: Path) -> None:
    [sample] = open_synthetic(people=1, videos=1, frames=1, seed=3, size=120).samples()
    picture = tmp_path / "face.png"
    Image.fromarray(sample.image()).save(picture)
    write_pts(picture.with_suffix(".pts"), sample.points)
    options = ("--zoo", sys.executable, "--model", trained, "--detector", "none", "--rounds", 2)
    done = run("compare_latency.py", *options, picture)
    assert done.returncode == 0, done.stderr
    [row] = [line.split() for line in done.stdout.splitlines() if line.startswith("face.png")]
    assert row[4] == "zoo"
    assert 0 < float(row[5]) < 10_000
    assert row[-2] == "1"  # faces
    assert 1 < float(row[-1]) < 100


def test_the_stages_of_a_prediction_add_up(tmp_path: Path) -> None:
    Image.fromarray(np.full((90, 90, 3), 128, np.uint8)).save(tmp_path / "face.png")
    done = run("speed_of_prediction.py", "--detector", "none", "--rounds", 1, tmp_path / "face.png")
    assert done.returncode == 0, done.stderr
    head, _, row = [line for line in done.stdout.splitlines() if line.startswith("|")]
    names, cells = ([cell.strip() for cell in line.split("|")[1:-1]] for line in (head, row))
    ms = {name: float(cell) for name, cell in zip(names[2:], cells[2:], strict=True)}
    assert cells[:2] == ["face.png", "1"]
    assert ms["zoo"] == pytest.approx(sum(ms.values()) - ms["zoo"] - ms["decode"], abs=0.3)


def test_a_contestant_that_cannot_start_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "face.png").write_bytes(b"")
    done = run(
        "compare_latency.py", "--zoo", sys.executable, "--model", "gone", tmp_path / "face.png"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("zoo stopped:")
    assert "gone: no run here" in done.stderr


def test_labels_beside_a_picture_are_read_in_both_forms(tmp_path: Path) -> None:
    latency = load("compare_latency")
    points = np.arange(136, dtype=float).reshape(68, 2)
    write_pts(tmp_path / "a.pts", points)
    np.testing.assert_allclose(latency.labels_of(tmp_path / "a.jpg"), [points])
    group = {"landmarks": {"points": points[:, ::-1].tolist()}}  # menpo's y before x
    (tmp_path / "b.ljson").write_text(json.dumps({"version": 3, "groups": {"LJSON": group}}))
    np.testing.assert_allclose(latency.labels_of(tmp_path / "b.png"), [points])
    assert latency.labels_of(tmp_path / "c.png") == []
    assert len(latency.MESH) == 68


def test_the_error_is_of_the_face_that_was_labelled() -> None:
    nme = load("compare_latency").nme
    label = [[float(k), 0.0] for k in range(68)]  # the eye corners 36 and 45 are 9 apart
    near = [[x + 0.9, y] for x, y in label]
    far = [[x + 500, y] for x, y in label]
    assert nme([far, near], [label]) == pytest.approx(10)
    assert nme([far], [label]) is None
    assert nme([], [label]) is None


def test_smoothing_wins_on_known_points_with_noise(trained: Path) -> None:
    """A small version of docs/results/robustness.md: smoothing more than halves the jitter."""
    options = ("--videos", 2, "--frames", 60, "--pace", 0.1, "--noise", 1)
    done = run("video_jitter.py", *options)
    assert done.returncode == 0, done.stderr
    raw, smooth = (list(map(float, line.split()[-3:])) for line in done.stdout.splitlines()[1:])
    assert raw[0] == pytest.approx(np.sqrt(12), rel=0.05)  # for an error of 1% in x and in y
    assert smooth[0] < 0.5 * raw[0]
    assert abs(raw[1]) < 0.2
    assert 0 < smooth[1] < 2
    done = run("video_jitter.py", "--model", trained, *options[:6])
    assert done.returncode == 0, done.stderr
    assert [line[14:].split("  ")[0] for line in done.stdout.splitlines()[1:]] == [
        *("each frame for itself", "followed", "followed and smoothed")
    ]
