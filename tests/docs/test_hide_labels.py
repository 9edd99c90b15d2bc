"""hide_labels.py: the copy of a release in which half of the training people have no labels."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import quick_process
from PIL import Image

from zoo.datasets.youtube_udacity import FOLDERS, UdacityFrames
from zoo.evaluation.scores.protocols import VAL_BELOW, person_hash

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "hide_labels.py"
PEOPLE = [f"Person_{number}" for number in range(80)]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release with one training frame of each person and one test frame of half of them."""
    root = tmp_path / "release"
    for name, (folder, split) in FOLDERS.items():
        (root / folder).mkdir(parents=True)
        files = [f"{person}_00.jpg" for person in PEOPLE[:: 1 if split == "train" else 2]]
        for file in files:
            Image.new("RGB", (8, 8)).save(root / folder / file, format="PNG")
        with (root / name).open("w", newline="") as file:
            rows = [[each, *map(str, range(136))] for each in files]
            csv.writer(file).writerows([["", *map(str, range(136))], *rows])
    return root


def test_half_of_the_training_people_lose_their_labels_and_nobody_else(
    release: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    done = quick_process.run([SCRIPT, release, copy])
    assert done.returncode == 0, done.stderr
    original, reduced = UdacityFrames(release), UdacityFrames(copy)
    before, kept, hidden = map(list, (original.samples(), reduced.samples(), reduced.unlabelled()))
    assert reduced.problems == []
    assert {s.id for s in kept} | {s.id for s in hidden} == {s.id for s in before}
    unlabelled = {str(s.person) for s in hidden}
    assert not unlabelled & {s.person for s in kept}, "a person is hidden in both folders"
    assert min(person_hash(person) for person in unlabelled) >= VAL_BELOW
    training_people = [person for person in PEOPLE if person_hash(person) >= VAL_BELOW]
    assert 0.3 < len(unlabelled) / len(training_people) < 0.7
    assert f"{len(kept)} frames of {len(PEOPLE) - len(unlabelled)} people keep" in done.stdout
    assert f"{len(hidden)} frames of {len(unlabelled)} people have none" in done.stdout
    assert hidden[0].image().shape == (8, 8, 3)
