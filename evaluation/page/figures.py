"""What the charts of a row draw, pooled over its runs, from fields that a record may lack.

Older records lack them all: nothing to draw is None or empty, and the page says of which rows.
Figures pool as a row's do: a mean weighted by frames. Types are those that :mod:`..schema` checked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..records import Record
from ..records.schema import ErrorCurve

MAX_EPOCHS = 40
"""Points of a learning curve: more than a chart this size can show."""

MAX_RUNS = 5
"""Learning curves of a row: the lines of more seeds hide one another."""

CURVES = ("val_nme", "val_loss", "train_loss")

Bin = tuple[str, float | None, float | None]
"""A bin of head pose: its name, and the turn of the head from and to."""


def error_curve(records: Sequence[Record], split: str) -> ErrorCurve | None:
    """The cumulative error curve of a row; None unless each of its runs has one of one form."""
    results = [record.results[split] for record in records]
    curves = [own.ced for own in results if own.ced is not None]
    if len(curves) < len(results) or len({(c.step, len(c.values)) for c in curves}) > 1:
        return None
    if len(curves) == 1:
        return curves[0]
    frames = [float(own.n) for own in results]
    weights = frames if sum(frames) > 0 else None
    values = np.average([curve.values for curve in curves], axis=0, weights=weights)
    return ErrorCurve(step=curves[0].step, values=values.tolist())


def region_errors(records: Sequence[Record], split: str) -> dict[str, float]:
    """NME by region of the face; a region without a figure in every run is left out."""
    results = [record.results[split] for record in records]
    known = [{k: v for k, v in own.regions.items() if v is not None} for own in results]
    shared = [key for key in known[0] if all(key in part for part in known)]
    frames = [own.n for own in results]
    return {key: _mean([part[key] for part in known], frames) for key in shared}


def subset_errors(records: Sequence[Record], split: str) -> list[tuple[str, int, float | None]]:
    """Name, frames and NME of each subset that every run of a row has."""
    results = [record.results[split] for record in records]
    shared = [name for name in results[0].subsets if all(name in own.subsets for own in results)]
    found = []
    for name in shared:
        parts = [own.subsets[name] for own in results]
        errors = [part.figure(own.headline) for part, own in zip(parts, results, strict=True)]
        known = [error for error in errors if error is not None]
        whole = len(known) == len(errors)
        mean = _mean(known, [part.n for part in parts]) if whole else None
        found.append((name, parts[0].n, mean))
    return found


def pose_errors(records: Sequence[Record], split: str) -> dict[Bin, tuple[float, float]]:
    """NME and faces (of one pass over the split) by head pose, in the order of the records."""
    found: dict[Bin, list[tuple[float, int]]] = {}
    for record in records:
        for entry in record.results[split].pose:
            if entry.nme is not None and entry.n > 0:
                key = entry.name, entry.low, entry.high
                found.setdefault(key, []).append((entry.nme, entry.n))
    passes = len({record.seed for record in records})
    return {
        key: (_mean([e for e, _ in seen], [n for _, n in seen]), sum(n for _, n in seen) / passes)
        for key, seen in found.items()
    }


def learning_curves(records: Sequence[Record]) -> list[dict[str, Any]]:
    """For each run, MAX_RUNS at most: the epochs shown, and what was measured after each of them.

    Long runs are thinned evenly; the first, the last and the chosen epoch always stay.
    """
    curves = []
    for record in records:
        rows = {row.epoch: row for row in record.history}
        if len(rows) < 2:
            continue
        chosen = record.best_epoch
        every = math.ceil(len(rows) / MAX_EPOCHS)
        kept = {e: row for i, (e, row) in enumerate(rows.items()) if i % every == 0 or e == chosen}
        last = next(reversed(rows))
        kept[last] = rows[last]
        curves.append(
            {
                "seed": record.seed,
                "best": chosen if chosen in kept else None,
                "epoch": list(kept),
                **{name: pack([getattr(row, name) for row in kept.values()]) for name in CURVES},
            }
        )
        if len(curves) == MAX_RUNS:
            break
    return curves


def pack(values: Sequence[float | None]) -> list[Any] | None:
    """Numbers as [exponent, whole numbers]: four digits of the largest are enough for a line, and
    a third of the bytes. None where nothing is a number."""
    largest = max((abs(x) for x in values if x is not None), default=None)
    if largest is None:
        return None
    exponent = math.floor(math.log10(largest)) - 3 if largest > 0 else 0
    factor = 10.0**-exponent
    return [exponent, [None if x is None else round(x * factor) for x in values]]


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    if len(values) == 1:
        return values[0]
    total = sum(weights)
    if total <= 0:  # a split without a face that counts
        return sum(values) / len(values)
    return sum(v * w for v, w in zip(values, weights, strict=True)) / total
