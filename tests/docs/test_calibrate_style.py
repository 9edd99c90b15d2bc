"""Label-style calibration removes the systematic offsets of another program's points, and keeps its
random errors."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import quick_process
from numpy.typing import NDArray
from PIL import Image

from zoo.datasets.youtube_udacity import FOLDERS
from zoo.evaluation.scores.protocols import VAL_BELOW, person_hash

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "calibrate_style.py"
PEOPLE = [f"Person_{number}" for number in range(400)]
Points = NDArray[np.float64]


@pytest.fixture
def faces() -> dict[str, Points]:
    """One face per person: a common shape, deformed, scaled and placed at random."""
    rng = np.random.default_rng(0)
    shape, bends = rng.normal(size=(68, 2)), 0.3 * rng.normal(size=(3, 68, 2))
    return {
        f"training/{person}_00.jpg": rng.uniform(20, 60) * (shape + np.tensordot(bend, bends, 1))
        + rng.uniform(100, 200, 2)
        for person, bend in zip(PEOPLE, rng.normal(size=(len(PEOPLE), 3)), strict=True)
    }


@pytest.fixture
def release(tmp_path: Path, faces: dict[str, Points]) -> Path:
    root = tmp_path / "release"
    for name, (folder, split) in FOLDERS.items():
        (root / folder).mkdir(parents=True)
        rows = [["", *map(str, range(136))]]
        for frame, points in faces.items() if split == "train" else ():
            Image.new("RGB", (8, 8)).save(root / frame, format="PNG")
            rows.append([Path(frame).name, *points.ravel().astype(str)])
        with (root / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return root


def write(path: Path, faces: dict[str, Points]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *(f"{axis}{k}" for k in range(68) for axis in "xy")])
        writer.writerows([name, *points.ravel()] for name, points in faces.items())


def read(path: Path) -> dict[str, Points]:
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    return {name: np.array(values, float).reshape(-1, 2) for name, *values in rows}


def test_systematic_offsets_are_corrected_and_random_errors_stay(
    release: Path, faces: dict[str, Points], tmp_path: Path
) -> None:
    """The program shifts each point by its own offset, in proportion to the face, and has a random
    error of half a pixel. On five training frames it finds another face."""
    rng = np.random.default_rng(1)
    bias = rng.normal(size=(68, 2))

    def predict(points: Points) -> Points:
        size = (points - points.mean(0)).std()
        return points + 0.1 * size * bias + rng.normal(scale=0.5, size=points.shape)

    predictions = {name: predict(points) for name, points in faces.items()}

    def hash_of(name: str) -> int:
        return person_hash(Path(name).name[:-7])

    train = {name: points for name, points in predictions.items() if hash_of(name) >= VAL_BELOW}
    val = {name: points for name, points in predictions.items() if name not in train}
    for name in list(train)[:5]:
        train[name] = train[name] + 1000
    write(tmp_path / "train.csv", train)
    write(tmp_path / "val.csv", val)
    arguments = ["train.csv", "val.csv", "calibrated.csv", "--data", release]
    done = quick_process.run([SCRIPT, *arguments], tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{len(train) - 5} training frames of {len(train)}" in done.stdout

    calibrated = read(tmp_path / "calibrated.csv")
    assert set(calibrated) == set(val)
    raw = np.mean([np.abs(val[name] - faces[name]).mean() for name in val])
    remaining = np.mean([np.abs(calibrated[name] - faces[name]).mean() for name in val])
    random_error = 0.5 * np.sqrt(2 / np.pi)  # mean of |x| for that deviation: 0.40 pixels
    assert raw > 3 * random_error
    assert remaining < 1.4 * random_error
