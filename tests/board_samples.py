"""Records and run folders for the board's tests: known errors, scored as the engine does."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.api import LandmarkScheme
from zoo.evaluation.records import SCHEMA, Record, checked, save_record
from zoo.evaluation.scores.predictions import Predictions
from zoo.evaluation.scores.results import results_of

SQUARE = LandmarkScheme(
    name="square",
    names=("left", "right", "nose", "chin"),
    eye_corners=(0, 1),
    pupils=((0,), (1,)),
    regions={"eyes": (0, 1), "nose": (2,), "chin": (3,)},
)
FACE = np.array([[0.0, 0.0], [40.0, 0.0], [20.0, 30.0], [20.0, 90.0]])
"""Eye corners 40 apart: an error of 4 pixels on every point is one of 10%."""

Errors = Mapping[str | None, Sequence[float]]


def predict(
    errors: Errors, scheme: LandmarkScheme = SQUARE, mean_shape: bool = True
) -> Predictions:
    """Predictions with these headline errors, by person; NaN is a face that was missed.

    The person None stands for samples without a person. All points of a face have the same error.
    """
    people = [person for person, values in errors.items() for _ in values]
    numbers = [i for values in errors.values() for i in range(len(values))]
    error = np.array([e for values in errors.values() for e in values])
    target = np.tile(FACE, (len(error), 1, 1))
    points = target + 40 * error[:, None, None] * np.array([0.6, 0.8])
    return Predictions(
        ids=tuple(f"{p or 'sample'}/{i}.png" for p, i in zip(people, numbers, strict=True)),
        people=tuple(people),
        points=points.astype(np.float32),
        target=target.astype(np.float32),
        visible=np.ones((len(error), 4), bool),
        regions=np.tile([20.0, 45.0, 100.0], (len(error), 1)),
        scheme=scheme,
        mean_shape=np.full((4, 2), 0.5) if mean_shape else None,
    )


def record(
    predictions: Predictions,
    backbone: str = "a",
    seed: int | None = 0,
    *,
    split: str = "val",
    data: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The record of a run that made these predictions; ``results`` and ``data`` change theirs."""
    return {
        "schema": SCHEMA,
        "run": f"{backbone}-s{seed}",
        "plugin": {"id": backbone, "distribution": "landmark-zoo", "version": "0.1.0"},
        "config": {"head": "linear", "loss": "smooth_l1", "recipe": "seed"},
        "config_hash": f"{backbone}0123",
        "seed": seed,
        "data": {
            "dataset": "drawn",
            "release": "one",
            "protocol": "person/1",
            "region": "frame",
            "scheme": "square",
            "fingerprint": "f00dbeef",
            "partial": False,
            "metrics": 1,
        }
        | dict(data or {}),
        "model": {"parameters": 1000, "gmacs": 0.5},
        "results": {split: results_of(predictions) | dict(results or {})},
        "cost": {"images_per_second": 100.0},
        "environment": {"device": "cpu"},
    } | changes


def as_read(record: Mapping[str, Any]) -> Record:
    """The record as it is read from a file."""
    return checked("record.json", copy.deepcopy(dict(record)))


def sources(records: Iterable[Mapping[str, Any]]) -> list[tuple[Path, Record]]:
    """Records with their paths, as they are found below a folder."""
    return [(Path(f"{i}.json"), as_read(each)) for i, each in enumerate(records)]


def save_run(
    folder: Path, predictions: Predictions, *args: Any, split: str = "val", **changes: Any
) -> Path:
    """Write a run folder: the predictions, and a record with their sha256."""
    digest = predictions.save(folder / "predictions" / f"{split}.npz")
    run_record = record(predictions, *args, split=split, **changes)
    run_record["results"][split].setdefault("predictions", digest)
    save_record(run_record, folder / "record.json")
    return folder
