"""The data of a row's charts, pooled over its runs, from optional fields of records.

Older records lack all these fields. Without them the result is None or empty, and the page names
the rows that it cannot draw. Figures are pooled like those of a row: by a mean weighted by frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..records import Record
from ..records.schema import ErrorCurve

MAX_EPOCHS = 40
"""A learning curve has at most about this many points, enough for a chart of its size."""

MAX_RUNS = 5
"""A row has at most this many learning curves: more lines would hide one another."""

CURVES = ("val_nme", "val_loss", "train_loss")

Bin = tuple[str, float | None, float | None]
"""A bin of head pose: its name, and the bounds of the head's turn."""


def error_curve(records: Sequence[Record], split: str) -> ErrorCurve | None:
    """The cumulative error curve of a row; None unless all runs have one with the same steps."""
    results = [record.results[split] for record in records]
    curves = [result.ced for result in results if result.ced is not None]
    if len(curves) < len(results) or len({(c.step, len(c.values)) for c in curves}) > 1:
        return None
    if len(curves) == 1:
        return curves[0]
    frames = [float(result.n) for result in results]
    weights = frames if sum(frames) > 0 else None
    values = np.average([curve.values for curve in curves], axis=0, weights=weights)
    return ErrorCurve(step=curves[0].step, values=values.tolist())


def region_errors(records: Sequence[Record], split: str) -> dict[str, float]:
    """NME by region of the face; a region that lacks a figure in some run is left out."""
    results = [record.results[split] for record in records]
    known = [{k: v for k, v in result.regions.items() if v is not None} for result in results]
    shared = [key for key in known[0] if all(key in part for part in known)]
    frames = [result.n for result in results]
    return {key: _mean([part[key] for part in known], frames) for key in shared}


def subset_errors(records: Sequence[Record], split: str) -> list[tuple[str, int, float | None]]:
    """Name, frames and NME of each subset that every run of a row has."""
    results = [record.results[split] for record in records]
    shared = [name for name in results[0].subsets if all(name in r.subsets for r in results)]
    found = []
    for name in shared:
        parts = [result.subsets[name] for result in results]
        errors = [part.figure(result.headline) for part, result in zip(parts, results, strict=True)]
        known = [error for error in errors if error is not None]
        complete = len(known) == len(errors)
        mean = _mean(known, [part.n for part in parts]) if complete else None
        found.append((name, parts[0].n, mean))
    return found


def pose_errors(records: Sequence[Record], split: str) -> dict[Bin, tuple[float, float]]:
    """NME and number of faces (of one pass over the split) by head pose, in the records' order."""
    found: dict[Bin, list[tuple[float, int]]] = {}
    for record in records:
        for entry in record.results[split].pose:
            if entry.nme is not None and entry.n > 0:
                key = entry.name, entry.low, entry.high
                found.setdefault(key, []).append((entry.nme, entry.n))
    passes = len({record.seed for record in records})
    return {
        key: (_mean([e for e, _ in bins], [n for _, n in bins]), sum(n for _, n in bins) / passes)
        for key, bins in found.items()
    }


def learning_curves(records: Sequence[Record]) -> list[dict[str, Any]]:
    """For each of at most MAX_RUNS runs: the epochs shown, and the measures after each of them.

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
    """Numbers as [exponent, integers]; None if there is no number.

    The largest has four digits, which are enough for a line and take a third of the bytes.
    """
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
    if total <= 0:  # a split without a measured face
        return sum(values) / len(values)
    return sum(v * w for v, w in zip(values, weights, strict=True)) / total
