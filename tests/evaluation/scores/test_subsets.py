"""The attributes of frames define subsets, and each subset has its own figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.api import LandmarkScheme
from zoo.evaluation.records.schema import results_from
from zoo.evaluation.scores.predictions import Predictions, load
from zoo.evaluation.scores.results import results_of
from zoo.evaluation.scores.subsets import MOST_VALUES, subsets

SCHEME = LandmarkScheme("three", ("l", "r", "n"), flip=(1, 0, 2), eye_corners=(0, 1))
TARGET = np.array([[[0, 0], [10, 0], [5, 5]]] * 3, np.float32)
FACES = Predictions(
    ids=("a", "b", "c"),
    people=(None, None, None),
    points=TARGET + np.float32([[[3, 0]], [[6, 0]], [[0, 0]]]),
    target=TARGET,
    visible=np.ones((3, 3), bool),
    regions=np.array([[5.0, 5.0, 20.0]] * 3),
    scheme=SCHEME,
    mean_shape=np.full((3, 2), 0.5),
    occluded=np.float32([[0, 0, 1], [0, 0, 0], [np.nan] * 3]),
    visibility=np.float32([[0.9, 0.8, 0.1], [0.7, 0.9, 0.6], [0.5] * 3]),
    attributes=({"blur": True, "camera": "x", "yaw": 3.5}, {"blur": True, "camera": "y"}, {}),
)


def test_true_defines_a_subset_each_text_value_one_and_numbers_none() -> None:
    assert FACES.attributes is not None
    found = subsets([*FACES.attributes, {"blur": False, "camera": "x"}])
    assert {name: rows.tolist() for name, rows in found.items()} == {
        "blur": [0, 1],
        "camera=x": [0, 3],
        "camera=y": [1],
    }


def test_a_text_with_too_many_values_defines_no_subset() -> None:
    frames = [{"name": str(i), "kind": "a"} for i in range(MOST_VALUES + 1)]
    assert list(subsets(frames)) == ["kind=a"]
    assert len(subsets(frames[:-1])) == MOST_VALUES + 1


def test_each_subset_has_the_figures_of_its_frames_alone() -> None:
    results = results_of(FACES)
    assert results["nme_ioc"] == pytest.approx(0.3)
    assert list(results["subsets"]) == ["blur", "camera=x", "camera=y"]
    blurred = results["subsets"]["blur"]
    assert (blurred["n"], blurred["fr_10"]) == (2, 1.0)
    assert blurred["nme_ioc"] == pytest.approx(0.45)
    alone = results_of(replace(FACES.part(np.array([0, 1])), attributes=None))
    assert {key: alone[key] for key in blurred} == blurred
    typed = results_from(results | {"floor": {}, "subsets": {"blur": blurred}})
    assert typed.subsets["blur"].nme_hidden == pytest.approx(0.3)


def test_attributes_are_saved_with_the_predictions(tmp_path: Path) -> None:
    FACES.save(tmp_path / "val.npz")
    back = load(tmp_path / "val.npz")
    assert back.attributes == FACES.attributes
    assert results_of(back) == results_of(FACES)
