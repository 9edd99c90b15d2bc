"""Scores of a split, and the record that a finished run leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..config import PLUGIN_KINDS, Config
from ..data.batches import Split
from ..evaluation.curves import save_learning_curve
from ..evaluation.metrics import floor_points, summarise
from ..evaluation.predictions import Predictions
from ..evaluation.records import SCHEMA, config_hash, save_record
from ..model import BuiltModel, LandmarkModel, count_gmacs, count_parameters
from ..registry import registry
from .distributed import World
from .environment import peak_memory
from .folder import RunFolder, plain
from .material import Material
from .scoring import Truth, predict_split
from .state import Progress
from .trained import Header


@dataclass(frozen=True)
class Scored:
    """A split's results as a record stores them, and how fast they were predicted."""

    results: dict[str, Any]
    images_per_second: float


def score_split(
    model: LandmarkModel,
    name: str,
    split: Split,
    truth: Truth,
    header: Header,
    folder: RunFolder,
    world: World,
) -> Scored:
    """Predict a split, store the predictions and measure them, beside the floor.

    Every process takes part; rank 0 writes.
    """
    config = header.config
    started = time.perf_counter()
    unit, scores = predict_split(model, split, config.batch_size, config.precision, world)
    speed = len(split) / (time.perf_counter() - started)
    predictions = truth.predictions(unit, scores)
    results = _summary(predictions, truth)
    floor = predictions_of_floor(predictions, header)
    results["floor"] = {
        key: value
        for key, value in _summary(floor, truth).items()
        if key.startswith("nme_") or key in ("loss", "fr_08", "auc_08", "fr_10", "auc_10")
    }
    if world.first:
        path = folder.predictions(name)
        path.parent.mkdir(exist_ok=True)
        results["predictions"] = predictions.save(path)
    return Scored(results, speed)


def predictions_of_floor(predictions: Predictions, header: Header) -> Predictions:
    """What the mean shape of the training split says of the same frames."""
    points = floor_points(header.mean_shape, predictions.regions)
    return replace(predictions, points=points.astype("float32"), scores=None)


def _summary(predictions: Predictions, truth: Truth) -> dict[str, Any]:
    return summarise(
        predictions.points,
        predictions.target,
        predictions.visible,
        predictions.regions,
        truth.scheme,
        predictions.people,
    )


@dataclass(frozen=True)
class Facts:
    """What a record says of a run besides its scores."""

    config: Config
    material: Material
    built: BuiltModel
    frames: Mapping[str, int]
    people: Mapping[str, int]
    progress: Progress
    device: torch.device
    environment: Mapping[str, Any]
    """As it was when training began: a checkout may move on meanwhile."""


def write_record(folder: RunFolder, facts: Facts, val: Scored) -> None:
    """record.json and the learning curve."""
    config, progress = facts.config, facts.progress
    parameters, trainable = count_parameters(facts.built.model)
    gmacs = count_gmacs(facts.built.model, facts.built.input_size)
    plugins = {kind: _origin(kind, getattr(config, kind)) for kind in PLUGIN_KINDS}
    record = {
        "schema": SCHEMA,
        "run": folder.name,
        "plugin": plugins["backbone"],
        "plugins": plugins,
        "config": config.to_share(),
        "config_hash": config_hash(config.to_dict()),
        "seed": config.seed,
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "images_seen": progress.images,
        "data": {
            "dataset": facts.material.dataset,
            "release": facts.material.table.release,
            "protocol": facts.material.protocol.label,
            "fold": config.fold,
            "region": config.region,
            "scheme": facts.material.table.scheme.name,
            "fingerprint": facts.material.table.fingerprint,
            "frames": dict(facts.frames),
            "people": dict(facts.people),
            "partial": facts.material.released is False,
        },
        "model": {
            "parameters": parameters,
            "trainable": trainable,
            "gmacs": round(gmacs, 4),
            "weights": facts.built.weights,
            "head": plain(config.head),
            "loss": plain(config.loss),
        },
        "results": {"val": val.results},
        "cost": {
            "train_seconds": round(progress.seconds, 2),
            "train_images_per_second": round(progress.images / max(progress.seconds, 1e-9), 2),
            "images_per_second": round(val.images_per_second, 2),
            "peak_memory_mib": round(peak_memory(facts.device), 1),
        },
        "environment": dict(facts.environment),
    }
    save_record(record, folder.record)
    save_learning_curve(progress.history, folder.curve)


def _origin(kind: str, plugin_id: str) -> dict[str, str]:
    entry = registry(kind).used(plugin_id)
    return {"id": entry.id, "distribution": entry.distribution, "version": entry.version}
