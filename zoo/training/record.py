"""Scores of a split, and the record that a finished run leaves."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..api import DataError, WeightsError
from ..data.batches import Split
from ..data.source import DataSource
from ..evaluation.records import SCHEMA, RawRecord, config_hash, save_record
from ..evaluation.scores.details import compact_history
from ..evaluation.scores.metrics import METRICS_VERSION
from ..evaluation.scores.results import flip_results, results_of
from ..files.reading import read_lines
from ..model import BuiltModel, LandmarkModel, count_gmacs, count_parameters, rounded
from ..registry import Entry
from ..registry.entries import one_line
from ..reporter import Reporter
from ..runs.environment import peak_memory
from ..runs.folder import RunFolder
from ..runs.trained import Header
from ..scoring.mirrored import average_of_both, predict_mirrored
from ..scoring.split import Targets, predict_split
from ..tensors import file_digest
from ..world import World
from .curve import save_learning_curve
from .plan import Plan
from .state import Progress
from .trackers import trackers_of


@dataclass(frozen=True)
class Scored:
    """A split's results as a record stores them, and how fast they were predicted."""

    results: dict[str, Any]
    images_per_second: float


def score_split(
    model: LandmarkModel,
    name: str,
    split: Split,
    targets: Targets,
    header: Header,
    folder: RunFolder,
    world: World,
) -> Scored:
    """Predict a split, store the predictions, and score them and the baseline; also with test-time
    flip, if the scheme has a symmetry.

    Every process takes part; rank 0 writes.
    """
    config = header.config
    started = time.perf_counter()
    outputs = predict_split(model, split, config, world, header.upright)
    unit = outputs.points
    failures = int((~np.isfinite(unit)).any((1, 2)).sum())
    if failures and folder.record.exists():  # its scores were finite before
        raise WeightsError(
            f"{folder.path}: its network gives points that are not finite on {failures} of "
            f"{len(split)} frames, so the record keeps what it has; copy the run again"
        )
    speed = len(split) / (time.perf_counter() - started)
    predictions = targets.predictions(unit, outputs.scores, header.mean_shape, outputs.visibility)
    results = results_of(predictions)
    if world.first:
        path = folder.predictions(name)
        path.parent.mkdir(exist_ok=True)
        results["predictions"] = predictions.save(path)
    flip = header.scheme.flip
    if flip is not None:
        mirrored = predict_mirrored(model, split, config, flip, world, header.upright)
        both = targets.predictions(average_of_both(unit, mirrored, targets.label_offset), None)
        results["flip"] = flip_results(both)
        if world.first:
            results["flip"]["predictions"] = both.save(folder.predictions(f"{name}-flip"))
    return Scored(results, speed)


def keep(
    record: RawRecord, folder: RunFolder, split: str, scored: Scored, frames: int, people: int
) -> None:
    """Put a split's results into a finished run's record, and write it.

    The history, which records of older versions lack, is added from its file. Figures of metrics
    that are no longer installed stay, if the predictions are the same.
    """
    if record["data"]["metrics"] != METRICS_VERSION:
        record["results"].clear()  # metrics are defined otherwise now: all must be scored anew
    before = record["results"].get(split, {})
    if before.get("predictions") == scored.results["predictions"]:
        _keep_metrics(before, scored.results)
        for name, subset in scored.results.get("subsets", {}).items():
            _keep_metrics(before.get("subsets", {}).get(name, {}), subset)
    record["results"][split] = scored.results
    record["data"] |= {"metrics": METRICS_VERSION}
    record["data"].setdefault("frames", {})[split] = frames
    record["data"].setdefault("people", {})[split] = people
    if folder.history.is_file():
        try:
            record["history"] = compact_history(csv.DictReader(read_lines(folder.history)))
        except csv.Error as error:
            raise DataError(f"{folder.history}: cannot be read as a table ({error})") from error
    save_record(record, folder.record)


def _keep_metrics(before: Mapping[str, Any], now: dict[str, Any]) -> None:
    if metrics := before.get("metrics", {}) | now.get("metrics", {}):
        now["metrics"] = metrics


@dataclass(frozen=True)
class Facts:
    """What a record says of a run besides its scores."""

    plan: Plan
    source: DataSource
    built: BuiltModel
    frames: Mapping[str, int]
    people: Mapping[str, int]
    progress: Progress
    device: torch.device
    environment: Mapping[str, Any]
    """As it was when training began: a checkout may move on meanwhile."""
    uses_loss: bool = True
    """False: the head trained only on a loss of its own."""
    self_training: Mapping[str, Any] | None = None
    """Says which teacher labelled how many frames."""


def write_record(folder: RunFolder, facts: Facts, val: Scored, reporter: Reporter) -> None:
    """Write record.json and then the learning curve: an error in drawing must not lose a record."""
    plan, config, progress = facts.plan, facts.plan.config, facts.progress
    parameters, trainable = count_parameters(facts.built.model)
    passes = 1 + config.refine
    gmacs = count_gmacs(facts.built.model, facts.built.input_size)
    backbone = facts.built.spec
    plugins = {kind: _origin(each.entry) for kind, each in plan.plugins.items()}
    plugins |= trackers_of(folder)
    record: RawRecord = {
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
            "dataset": facts.source.dataset,
            "release": facts.source.table.release,
            "protocol": facts.source.protocol.label,
            "fold": config.fold,
            "region": config.region,
            "scheme": facts.source.table.scheme.name,
            "fingerprint": facts.source.table.fingerprint,
            "frames": dict(facts.frames),
            "people": dict(facts.people),
            "partial": facts.source.released is False,
            "license": facts.source.table.license,
            "metrics": METRICS_VERSION,
        },
        "model": {
            "parameters": parameters,
            "trainable": trainable,
            "gmacs": None if gmacs is None else round(passes * gmacs, 4),
            "weights": facts.built.weights,
            "license": backbone.license,
            "weights_source": facts.built.provenance.get("source"),
            "weights_license": (
                backbone.weights_license
                if config.pretrained
                else facts.built.provenance.get("license")
            ),
            "head": plan.head.entry.id,
            "loss": plan.loss.entry.id if facts.uses_loss else f"{plan.head.entry.id}'s own",
            "best_sha256": file_digest(folder.best),
        },
        "results": {"val": val.results},
        "history": compact_history(progress.history),
        "cost": {
            "train_seconds": round(progress.seconds, 2),
            "train_images_per_second": round(progress.images / max(progress.seconds, 1e-9), 2),
            "images_per_second": round(val.images_per_second, 2),
            "peak_memory_mib": rounded(peak_memory(facts.device), 1),
        },
        "environment": dict(facts.environment),
    }
    if facts.self_training is not None:
        record["data"]["self_training"] = dict(facts.self_training)
    save_record(record, folder.record)
    try:
        save_learning_curve(progress.history, folder.curve)
    except Exception as error:  # in the drawing library, or on the disk
        reporter.note(f"{folder.curve}: could not be drawn: {one_line(error)}")


def _origin(entry: Entry) -> dict[str, str]:
    return {"id": entry.id, "distribution": entry.distribution, "version": entry.version}
