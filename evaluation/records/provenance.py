"""Which of the records that were gathered may enter the averages.

Copies of a run count once. A record whose figures contradict what else is known of them, its
predictions file or its own sums, was edited or damaged: it is named and left out, never averaged.

Tolerances. Records round sums by person to nine digits and shares to six decimals, so an error is
held against its sums to a part in a million, and a rate against its curve or its counts to 2e-6.
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
"""Largest difference of two mean errors that should be equal, as a part of them."""

SHARE_TOLERANCE = 2e-6
"""Largest difference of two shares of faces that should be equal: two roundings to six decimals,
and what floats add."""


@dataclass(frozen=True)
class ExcludedRecord:
    """A record that does not count, and why."""

    source: Source
    reason: str
    """Names runs, and no paths."""
    copy: bool = False
    """Whether it is a copy of a run that counts; else its figures cannot be trusted."""


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
    spoilt: set[tuple[Any, ...]] = set()
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
                spoilt.add(key)
                findings.append(ExcludedRecord(source, different))
                continue
            if _richness(source, split) > _richness(other, split):
                kept[key], source = source, other
            findings.append(ExcludedRecord(source, _again(kept[key].record.run, source), True))
        elif same is not source:
            run, seed = same.record.run, same.record.seed
            reason = f"has the very predictions of run {run} (seed {seed}): it counts once"
            findings.append(ExcludedRecord(source, reason, True))
        else:
            kept[key] = source
    for key in spoilt:
        source = kept.pop(key)
        findings.append(
            ExcludedRecord(source, "a copy of it has other figures for the same predictions")
        )
    return list(kept.values()), findings


def _again(run: str, source: Source) -> str:
    """What a record is that has all that ``run`` has: its seed, configuration and predictions."""
    if source.record.run == run:
        return f"a copy of run {run}, counted once"
    return f"the same training as run {run}, done again: it counts once"


def contradiction(path: Path, record: Record, split: str) -> str:
    """How the figures of ``split`` contradict the predictions beside the record, or the record's
    own sums and curve; empty where they agree, and where there is nothing to hold against them."""
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
    # most records of a large board have nothing beside them, and asking for that is quickest
    beside = os.path.join(os.path.dirname(path), "predictions", name)
    if not os.access(beside, os.R_OK):
        return ""
    try:
        own = sha256_of(beside)
    except DataError as error:
        return f"predictions/{name} beside it cannot be read ({error})"
    if own == digest:
        return ""
    return (
        f"predictions/{name} beside it has sha256 {own[:12]}, and its figures are of "
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
        own = sum(sums.sum) / found
        if abs(own - stated) > ERROR_TOLERANCE * abs(own):
            return f"says {key} = {stated:.6g}, and its sums by person give {own:.6g}"
    rate = results.fr_08
    if sums.failed is not None and rate is not None:
        own = sum(sums.failed) / faces
        if abs(own - rate) > SHARE_TOLERANCE:
            return f"says fr_08 = {rate:.6g}, and its failures by person give {own:.6g}"
    return ""


def _against_curve(results: Results) -> str:
    curve = results.ced
    if curve is None:
        return ""
    step, values = curve.step, curve.values
    for suffix, threshold in THRESHOLDS.items():
        rate, place = results.figure(f"fr_{suffix}"), round(threshold / step)
        # a curve of another step says nothing where it has no value
        if rate is None or abs(place * step - threshold) > 1e-9 or place >= len(values):
            continue
        own = 1 - values[place]
        if abs(own - rate) > SHARE_TOLERANCE:
            return f"says fr_{suffix} = {rate:.6g}, and its error curve gives {own:.6g}"
    return ""


def _identity(source: Source, split: str) -> tuple[Any, ...]:
    """Benchmark, configuration and predictions, then seed and fold; the run's name and all of its
    figures where no predictions are recorded."""
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
    """The first figure that two records of the same predictions do not share."""
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
    """How much a record says: more, of two copies, in the one that was refreshed later."""
    raw = source.record.raw
    return len(raw["results"][split]) + len(raw["cost"]) + ("history" in raw)
