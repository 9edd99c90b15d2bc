"""Label-style calibration takes out what another program puts elsewhere by habit, and leaves what
it does by chance."""

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
    """A face a person: one shape, bent by three numbers of its own, somewhere, of some size."""
    draw = np.random.default_rng(0)
    shape, bends = draw.normal(size=(68, 2)), 0.3 * draw.normal(size=(3, 68, 2))
    return {
        f"training/{person}_00.jpg": draw.uniform(20, 60) * (shape + np.tensordot(bend, bends, 1))
        + draw.uniform(100, 200, 2)
        for person, bend in zip(PEOPLE, draw.normal(size=(len(PEOPLE), 3)), strict=True)
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


def test_a_habit_is_put_right_and_chance_is_left(
    release: Path, faces: dict[str, Points], tmp_path: Path
) -> None:
    """The program shifts each point its own way, in proportion to the face, and misses by a random
    half pixel; on five training frames it takes another face."""
    draw = np.random.default_rng(1)
    habit = draw.normal(size=(68, 2))

    def say(points: Points) -> Points:
        size = (points - points.mean(0)).std()
        return points + 0.1 * size * habit + draw.normal(scale=0.5, size=points.shape)

    said = {name: say(points) for name, points in faces.items()}

    def hash_of(name: str) -> int:
        return person_hash(Path(name).name[:-7])

    train = {name: points for name, points in said.items() if hash_of(name) >= VAL_BELOW}
    val = {name: points for name, points in said.items() if name not in train}
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
    left = np.mean([np.abs(calibrated[name] - faces[name]).mean() for name in val])
    chance = 0.5 * np.sqrt(2 / np.pi)  # the mean of |x| for x of that deviation: 0.40 pixels
    assert raw > 3 * chance
    assert left < 1.4 * chance
