"""Which records of a board count.

Copies of a run count once. If the figures of a record contradict its predictions file, its sums or
its error curve, the record was edited or damaged: it is named and left out of all averages.

Tolerances: records round sums by person to nine digits and shares to six decimals. So an error may
differ from its sums by a part in a million, and a rate from its curve or its counts by 2e-6.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.api import DataError
from zoo.files.reading import digest as sha256_of

from ..scores.metric_names import METRICS, THRESHOLDS
from .benchmark import benchmark_of
from .record_files import Source
from .schema import Record, Results

ERROR_TOLERANCE = 1e-6
"""Largest relative difference of two mean errors that should be equal."""

SHARE_TOLERANCE = 2e-6
"""Largest difference of two shares of faces that should be equal: two roundings to six decimals,
and floating-point errors."""


@dataclass(frozen=True)
class ExcludedRecord:
    """A record that does not count, and why."""

    source: Source
    reason: str
    """It may name runs, but no paths."""
    copy: bool = False
    """Whether it is a copy of a run that counts. If not, its figures cannot be trusted."""


def examine(
    records: Iterable[tuple[Path, Record]], split: str
) -> tuple[list[Source], list[ExcludedRecord]]:
    """Sort records into runs that count and records that do not.

    Args:
        records: Records and the files that they were read from.
        split: ``val`` or ``test``; records without results on it are left out.

    Returns:
        The runs that have results on ``split``, each once, and the records that do not count.
    """
    kept: dict[tuple[Any, ...], Source] = {}
    predicted: dict[tuple[Any, ...], Source] = {}
    contradicted: set[tuple[Any, ...]] = set()
    findings = []
    for path, record in records:
        if split not in record.results:
            continue
        source = Source(path, record)
        reason = contradiction(path, record, split)
        if reason:
            findings.append(ExcludedRecord(source, reason))
            continue
        key = _identity(source, split)
        same = predicted.setdefault(key[:4], source) if key[3] else source
        if key in kept:
            other = kept[key]
            different = _difference(other, source, split)
            if different:
                contradicted.add(key)
                findings.append(ExcludedRecord(source, different))
                continue
            if _richness(source, split) > _richness(other, split):
                kept[key], source = source, other
            findings.append(ExcludedRecord(source, _again(kept[key].record.run, source), True))
        elif same is not source:
            run, seed = same.record.run, same.record.seed
            reason = f"has the same predictions as run {run} (seed {seed}): it counts once"
            findings.append(ExcludedRecord(source, reason, True))
        else:
            kept[key] = source
    for key in contradicted:
        source = kept.pop(key)
        findings.append(
            ExcludedRecord(source, "a copy of it has other figures for the same predictions")
        )
    return list(kept.values()), findings


def _again(run: str, source: Source) -> str:
    """Why a record with the seed, configuration and predictions of ``run`` does not count."""
    if source.record.run == run:
        return f"a copy of run {run}, counted once"
    return f"the same training as run {run}, done again: it counts once"


def contradiction(path: Path, record: Record, split: str) -> str:
    """How the figures of ``split`` contradict the predictions beside the record, or the record's
    sums or curve; empty if they agree, or if there is nothing to compare them with."""
    results = record.results[split]
    return (
        _against_predictions(path, results, record.predictions_of(split))
        or _against_sums(results)
        or _against_curve(results)
    )


def _against_predictions(path: Path, results: Results, name: str) -> str:
    digest = results.predictions
    if digest is None or path.name != "record.json":
        return ""
    # fastest check first: most records of a large board have no predictions beside them
    beside = os.path.join(os.path.dirname(path), "predictions", name)
    if not os.access(beside, os.R_OK):
        return ""
    try:
        actual = sha256_of(beside)
    except DataError as error:
        return f"predictions/{name} beside it cannot be read ({error})"
    if actual == digest:
        return ""
    return (
        f"predictions/{name} beside it has sha256 {actual[:12]}, and its figures are of "
        f"{digest[:12]}: one of the two was changed; `zoo evaluate` scores the run anew"
    )


def _against_sums(results: Results) -> str:
    sums = results.by_person
    if sums is None:
        return ""
    found, faces = sum(sums.n), sum(sums.n) + sum(sums.missed or ())
    if faces != results.n:
        return f"says n = {results.n}, and its sums by person are of {faces:g} faces"
    key = results.headline
    stated = results.figure(key)
    if (stated is None) != (found == 0):
        return f"says {key} = {stated}, and its sums by person have {found:g} faces found"
    if stated is not None:
        expected = sum(sums.sum) / found
        if abs(expected - stated) > ERROR_TOLERANCE * abs(expected):
            return f"says {key} = {stated:.6g}, and its sums by person give {expected:.6g}"
    rate = results.fr_08
    if sums.failed is not None and rate is not None:
        expected = sum(sums.failed) / faces
        if abs(expected - rate) > SHARE_TOLERANCE:
            return f"says fr_08 = {rate:.6g}, and its failures by person give {expected:.6g}"
    return ""


def _against_curve(results: Results) -> str:
    curve = results.ced
    if curve is None:
        return ""
    step, values = curve.step, curve.values
    for suffix, threshold in THRESHOLDS.items():
        rate, place = results.figure(f"fr_{suffix}"), round(threshold / step)
        # a curve with other steps may have no value at the threshold
        if rate is None or abs(place * step - threshold) > 1e-9 or place >= len(values):
            continue
        expected = 1 - values[place]
        if abs(expected - rate) > SHARE_TOLERANCE:
            return f"says fr_{suffix} = {rate:.6g}, and its error curve gives {expected:.6g}"
    return ""


def _identity(source: Source, split: str) -> tuple[Any, ...]:
    """Benchmark, backbone, configuration and predictions, then seed and fold. Without recorded
    predictions, also the run's name and all its figures."""
    record = source.record
    digest = record.results[split].predictions
    return (
        (benchmark_of(record, split), record.data.fingerprint),
        record.plugin.id,
        record.config_hash,
        digest,
        record.seed,
        record.fold,
        None if digest else (record.run, json.dumps(record.raw["results"][split], sort_keys=True)),
    )


def _difference(one: Source, other: Source, split: str) -> str:
    """The first figure in which two records of the same predictions differ."""
    a, b = (source.record.results[split] for source in (one, other))
    for key in METRICS:
        x, y = a.figure(key), b.figure(key)
        if x is None or y is None:
            continue
        if abs(x - y) > ERROR_TOLERANCE * max(abs(x), abs(y)):
            run = one.record.run
            return f"{key} = {y:.6g}, where run {run} has {x:.6g} for the same predictions"
    return ""


def _richness(source: Source, split: str) -> int:
    """How many fields a record has: of two copies, the one that was updated later has more."""
    raw = source.record.raw
    return len(raw["results"][split]) + len(raw["cost"]) + ("history" in raw)
