"""A finished run scored on a data set that it was not trained on.

If both have the same landmark scheme, the points are compared as they are. If the schemes differ
and all points of one are among the other's (:func:`zoo.api.schemes.partners`: the 68 of iBUG among
the 98 of WFLW), these common points are scored, in the smaller scheme. The baseline is the mean
shape of the run's own training split.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..api import DataError, LandmarkScheme, UsageError
from ..api.schemes import partners
from ..data.batches import make_split
from ..data.source import DataSource, read_source
from ..evaluation.board.baseline import run_has_learned
from ..evaluation.records import Record
from ..evaluation.records.record_files import save_record
from ..evaluation.records.schema import results_from
from ..evaluation.scores.metrics import METRICS_VERSION
from ..evaluation.scores.results import results_of
from ..registry import exits_are_faults
from ..reporter import Reporter
from ..runs.folder import WAIT_FOR_RECORD, RunFolder
from ..runs.trained import load_trained
from ..scoring.split import Targets, predict_split
from ..world import join_world


@dataclass(frozen=True)
class CommonPoints:
    """Which of a model's points and of a data set's labels are scored."""

    scheme: LandmarkScheme
    of_model: list[int]
    of_data: list[int]


def common_points(model: LandmarkScheme, data: LandmarkScheme) -> CommonPoints:
    """Raises :class:`DataError` where neither scheme holds all points of the other."""
    pairs = partners(data, model)
    if len(pairs) == len(data):
        return CommonPoints(data, [pairs[i] for i in range(len(data))], list(range(len(data))))
    if len(pairs) == len(model):
        to_data = {there: here for here, there in pairs.items()}
        return CommonPoints(model, list(range(len(model))), [to_data[i] for i in range(len(model))])
    raise DataError(
        f"the run predicts {len(model)} points of {model.name}, the data set has {len(data)} of "
        f"{data.name}, and it is not known which of them mark the same place"
    )


@exits_are_faults()
def evaluate_on(
    path: Path,
    on: str,
    split: str = "test",
    protocol: str = "",
    device: str = "",
    strict: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Score a run on ``on``, another data set as ``ID`` or ``ID=ROOT``, under one of that data's
    protocols; the record keeps the results, which are returned with ``learned``.

    Raises :class:`UsageError` for the run's own data, and :class:`DataError` for another copy of
    it, for points that have nothing in common and for a split without frames.
    """
    reporter = reporter or Reporter()
    dataset, _, root = on.partition("=")
    folder = RunFolder(path)
    trained = load_trained(folder)
    record = folder.read_record()
    source = read_source(dataset, data=root, protocol=protocol, strict=strict, reporter=reporter)
    _refuse_own(path, record, source)
    header, table = trained.header, source.table
    common, config = common_points(header.scheme, table.scheme), header.config
    with join_world(device or config.device) as world:
        with world.first_goes_ahead():
            store = source.store(split, config.region, config.input_size, reporter)
        model = trained.model.to(world.device)
        frames = make_split(store, table, world.device)
        outputs = predict_split(model, frames, config, world, header.upright)
    targets = Targets.of(store, table)
    common_targets = replace(
        targets,
        target=targets.target[:, common.of_data],
        visible=targets.visible[:, common.of_data],
        occluded=None if targets.occluded is None else targets.occluded[:, common.of_data],
        scheme=common.scheme,
    )
    scores, visibility = (
        None if each is None else each[:, common.of_model]
        for each in (outputs.scores, outputs.visibility)
    )
    predictions = common_targets.predictions(
        outputs.points[:, common.of_model], scores, header.mean_shape[common.of_model], visibility
    )
    results = results_of(predictions)
    if world.first:
        name = f"{source.dataset}-{table.fingerprint[:8]}"
        file = folder.predictions(f"{name}-{split}")
        file.parent.mkdir(exist_ok=True)
        results["predictions"] = predictions.save(file)
        with folder.held(wait=WAIT_FOR_RECORD):
            _keep(folder, source, name, split, common, results, len(store))
    return results | {"learned": run_has_learned(results_from(results))}


def _refuse_own(path: Path, record: Record, source: DataSource) -> None:
    trained_on, table = record.data, source.table
    if source.protocol.folds > 1:
        raise UsageError(
            f"--protocol {source.protocol.id}: has folds, and this run is one model: name another"
        )
    if trained_on.fingerprint == table.fingerprint:
        raise UsageError(f"--on {source.dataset}: {path} was trained on this data; leave --on out")
    if (trained_on.dataset, trained_on.release) == (source.dataset, table.release):
        raise DataError(
            f"--on {source.dataset}: {path} was trained on another copy of it (fingerprint "
            f"{trained_on.fingerprint[:12]}, this has {table.fingerprint[:12]}): which of these "
            "frames trained it cannot be known"
        )


def _keep(
    folder: RunFolder,
    source: DataSource,
    name: str,
    split: str,
    common: CommonPoints,
    results: dict[str, Any],
    frames: int,
) -> None:
    """Put the results into the record, beside those of other splits of the same data."""
    record = folder.read_record().raw
    data = {
        "dataset": source.dataset,
        "release": source.table.release,
        "protocol": source.protocol.label,
        "region": record["data"]["region"],
        "scheme": common.scheme.name,
        "fingerprint": source.table.fingerprint,
        "partial": source.released is False,
        "license": source.table.license,
        "metrics": METRICS_VERSION,
    }
    stored = record.setdefault("elsewhere", {}).get(name, {})
    stored_data = stored.get("data", {})
    splits = stored.get("results", {}) if stored_data.get("protocol") == data["protocol"] else {}
    counts = stored_data.get("frames", {}) if splits else {}
    record["elsewhere"][name] = {
        "data": data | {"frames": counts | {split: frames}},
        "results": splits | {split: results},
    }
    save_record(record, folder.record)
