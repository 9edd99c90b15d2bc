"""External entries: points that another program found, in a run folder like any other.

They are scored on the frames that every run of the benchmark is scored on, against the same
baseline, and missing faces count as failures. The record says ``external``: the zoo cannot run the
program, so there is nothing to train, to predict with or to time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, UsageError
from ..data.decode import MOST_SKIPPED, Regions, find_regions
from ..data.regions import REGIONS
from ..data.source import DataSource, read_source, splits_of
from ..evaluation.records import SCHEMA, RawRecord, config_hash, load_record, save_record
from ..evaluation.scores.metrics import METRICS_VERSION, mean_shape
from ..evaluation.scores.points_file import ExternalPoints, read_points
from ..evaluation.scores.predictions import Predictions
from ..evaluation.scores.results import results_of
from ..geometry import to_unit
from ..reporter import Reporter
from ..runs.folder import RunFolder, as_file_name, claim

DISTRIBUTION = "external"
"""What records name as the distribution of an external entry."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()-]{0,63}")


@dataclass(frozen=True)
class ExternalProgram:
    """Who found the points."""

    name: str
    version: str = ""
    reference: str = ""
    """Where it is described: an address or a citation."""
    license: str = ""
    """Licence of the program and its model."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"name {self.name!r}: up to 64 letters, digits, blanks and . _ + - ( ), "
                "such as dlib-68"
            )

    @property
    def config(self) -> dict[str, Any]:
        """What tells entries apart: name and version."""
        return {"external": self.name, "version": self.version}


def import_points(
    entry: ExternalProgram,
    file: Path,
    out: Path,
    *,
    dataset: str,
    data: str | Path = "",
    protocol: str = "",
    split: str = "val",
    region: str = "frame",
    options: Mapping[str, Any] | None = None,
    pixel_corner: bool = False,
    strict: bool = False,
    most_skipped: float = MOST_SKIPPED,
    reporter: Reporter | None = None,
) -> Iterator[RunFolder]:
    """Score the points of a CSV file (:mod:`zoo.evaluation.scores.points_file`) and write a run
    folder below ``out``; for a protocol with folds, one for each fold, which scores other people.

    ``pixel_corner``: the program's origin is the corner of the top left pixel, not its centre. A
    second split of the same entry joins the first in its folder. Raises :class:`DataError` for a
    file that does not fit the data set, and :class:`UsageError` where the entry has other points on
    this split already.
    """
    reporter = reporter or Reporter()
    source = read_source(
        dataset,
        data=data,
        protocol=protocol,
        options=options,
        strict=strict,
        most_skipped=most_skipped,
        reporter=reporter,
    )
    points = read_points(file, len(source.table.scheme), source.table.ids)
    if points.unused:
        reporter.note(f"{file}: columns not used: {', '.join(points.unused)}")
    folds = _folds(source)
    needed = np.zeros(len(source.table), bool)
    for fold in folds:
        needed |= (fold.splits == "train") | (fold.splits == split)
    readable = _find_readable(source, np.flatnonzero(needed), region, reporter)
    for number, fold in enumerate(folds):
        predictions = _predictions(fold, readable, points, split, pixel_corner)
        results = results_of(predictions)
        if not results["coverage"]:
            raise DataError(
                f"{file}: not one face of the {split} split of protocol {fold.protocol.label} has "
                f"all its points here; the file has {len(points.points)} frames of {dataset}"
            )
        yield _keep(entry, fold, number, region, split, readable, predictions, results, out)


def _folds(source: DataSource) -> list[DataSource]:
    table, protocol = source.table, source.protocol
    folds = range(protocol.folds)
    return [replace(source, splits=splits_of(table, protocol, fold)) for fold in folds]


def _find_readable(
    source: DataSource, rows: NDArray[np.int64], region: str, reporter: Reporter
) -> Regions:
    """The frames that can be read, and their regions: the same as in the stores of a run."""
    progress = partial(reporter.progress, "reading frames")
    rule = REGIONS[region]
    readable = find_regions(source.table, rows, rule, source.strict, progress, source.most_skipped)
    if readable.problems:
        reporter.note(
            f"{len(readable.problems)} of {len(rows)} frames skipped, the first: "
            f"{readable.problems[0]}"
        )
    return readable


def _predictions(
    fold: DataSource, readable: Regions, points: ExternalPoints, split: str, pixel_corner: bool
) -> Predictions:
    table = fold.table
    train, train_regions = _part(fold, readable, "train")
    rows, regions = _part(fold, readable, split)
    ids = tuple(table.ids[row] for row in rows)
    arranged = points.arrange(ids, len(table.scheme))
    unit = to_unit(table.points[train], train_regions).astype(np.float32)
    return Predictions(
        ids=ids,
        people=tuple(table.people[row] for row in rows),
        points=arranged - np.float32(0.5) if pixel_corner else arranged,
        target=table.points[rows],
        visible=table.visible[rows],
        regions=regions,
        scheme=table.scheme,
        mean_shape=mean_shape(unit, table.visible[train]),
        occluded=table.occlusion_of(rows),
        attributes=table.attributes_of(rows),
    )


def _part(
    fold: DataSource, readable: Regions, split: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The readable rows of a split, and their regions. Raises as
    :meth:`DataSource.measurable_rows` does."""
    in_split = np.isin(readable.rows, fold.measurable_rows(split))
    if not in_split.any():
        raise DataError(f"not one frame of the {split} split could be read; {readable.problems[0]}")
    return readable.rows[in_split], readable.regions[in_split]


def _keep(
    entry: ExternalProgram,
    fold: DataSource,
    number: int,
    region: str,
    split: str,
    readable: Regions,
    predictions: Predictions,
    results: dict[str, Any],
    out: Path,
) -> RunFolder:
    """Put the results into the entry's folder: a new one, or the folder of its other splits."""
    fresh = _record(entry, fold, number, region, readable)
    folder, record = _open_folder(out, entry, fresh, fold.protocol.folds > 1)
    path = folder.predictions(split)
    existing = record["results"].get(split)
    draft = path.with_name(f"{split}.new.npz")
    digest = predictions.save(draft)
    if existing is not None and existing.get("predictions") != digest:
        draft.unlink()
        raise UsageError(
            f"{folder.path}: {entry.name} has other points on {split} already; give these a "
            "--version of their own, or delete that folder"
        )
    draft.replace(path)
    record["results"][split] = results | {"predictions": digest}
    for counts in ("frames", "people"):
        record["data"][counts] |= fresh["data"][counts]
    record["data"]["frames"][split] = len(predictions.ids)
    record["data"]["people"][split] = len(set(predictions.people) - {None})
    save_record(record | {"run": folder.name}, folder.record)
    return folder


def _record(
    entry: ExternalProgram, fold: DataSource, number: int, region: str, readable: Regions
) -> RawRecord:
    train, _ = _part(fold, readable, "train")
    config = entry.config | {"fold": number}
    return {
        "schema": SCHEMA,
        "run": "",
        "external": True,
        "plugin": {"id": entry.name, "distribution": DISTRIBUTION, "version": entry.version},
        "config": config,
        "config_hash": config_hash(config),
        "seed": None,
        "data": {
            "dataset": fold.dataset,
            "release": fold.table.release,
            "protocol": fold.protocol.label,
            "fold": number,
            "region": region,
            "scheme": fold.table.scheme.name,
            "fingerprint": fold.table.fingerprint,
            "frames": {"train": len(train)},
            "people": {"train": len({fold.table.people[row] for row in train} - {None})},
            "partial": fold.released is False,
            "license": fold.table.license,
            "metrics": METRICS_VERSION,
        },
        "model": {
            "parameters": None,
            "trainable": None,
            "gmacs": None,
            "weights": None,
            "reference": entry.reference,
            "license": entry.license,
        },
        "results": {},
        "cost": {},
        "environment": {"zoo": metadata.version("landmark-zoo"), "device": None},
    }


def _open_folder(
    out: Path, entry: ExternalProgram, fresh: RawRecord, several: bool
) -> tuple[RunFolder, RawRecord]:
    """The folder that holds this entry on this benchmark, or a new one, and its record."""
    stem = f"{as_file_name(entry.name)}-{fresh['data']['dataset']}-{fresh['config_hash'][:6]}"
    stem += f"-f{fresh['data']['fold']}" if several else ""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in (stem, *(f"{stem}-{number}" for number in range(2, 100))):
            folder = RunFolder(out / name)
            if claim(folder.path):
                folder.predictions("any").parent.mkdir()
                return folder, fresh
            record = load_record(folder.record).raw if folder.record.is_file() else None
            if record is not None and _same_entry(record, fresh):
                return folder, record
    except OSError as error:
        raise UsageError(f"--out {out}: cannot write there: {error.strerror or error}") from error
    raise UsageError(f"--out {out}: {stem} and 98 more names are taken there; name another folder")


def _same_entry(record: RawRecord, fresh: RawRecord) -> bool:
    keys = ("dataset", "release", "protocol", "fold", "region", "fingerprint", "metrics")
    return bool(record.get("external")) and (
        record["config_hash"] == fresh["config_hash"]
        and all(record["data"].get(key) == fresh["data"][key] for key in keys)
    )
