"""Checks a record against its predictions: computes every figure again from one .npz file.

This needs no data set, no model and no torch, since the file holds points, labels and scheme.
Figures may differ by a part in a million. This is more than the floating-point differences of
machines, and less than any edit that matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.api import DataError
from zoo.files.reading import digest

from ..scores.metrics import METRICS_VERSION
from ..scores.predictions import load
from ..scores.results import flip_results, results_of, scheme_for
from .record_files import load_record

RELATIVE, ABSOLUTE = 1e-6, 1e-9


@dataclass(frozen=True)
class Disagreement:
    key: str
    """Dotted, such as ``floor.nme_ioc``; ``predictions`` for the sha256 of the file."""
    record: Any
    predictions: Any

    def __str__(self) -> str:
        return (
            f"{self.key} is {_short(self.record)}, its predictions give {_short(self.predictions)}"
        )


@dataclass(frozen=True)
class Verdict:
    results: dict[str, Any]
    """As from `zoo evaluate`, computed from the predictions."""
    disagreements: list[Disagreement]
    remarks: list[str]
    """What could not be compared, and why."""
    compared: bool = True
    """Whether there was a record to compare with."""


def verify(run: Path, split: str) -> Verdict:
    """Compute a split's results from its predictions, and compare the record with them.

    Args:
        run: The folder of a run.
        split: ``val`` or ``test``; its predictions are in ``predictions/<split>.npz``.

    Returns:
        The results, and the figures in which the record differs.

    Raises:
        DataError: The run has no predictions of the split, or they cannot be read.
    """
    path = run / "predictions" / f"{split}.npz"
    if not path.is_file():
        splits = sorted(p.stem for p in path.parent.glob("*.npz"))
        have = f"it has those of {', '.join(splits)}" if splits else "it has none"
        raise DataError(
            f"{run}: no predictions/{split}.npz: {have}; `zoo evaluate {run} --split {split}` "
            "writes it"
        )
    predictions = load(path)
    file = run / "record.json"
    record = load_record(file) if file.is_file() else None
    scheme = record.data.scheme if record else None
    results = results_of(predictions, scheme_for(path, predictions, scheme))
    flipped = path.with_name(f"{split}-flip.npz")
    if flipped.is_file():
        both = load(flipped)
        figures = flip_results(both, scheme_for(flipped, both, scheme))
        results["flip"] = figures | {"predictions": digest(flipped)}
    stored = record.raw["results"].get(split) if record else None
    if record is None or stored is None:
        what = f"its record has no results on {split}" if record else "there is no record.json"
        return Verdict(results, [], [f"{what}: nothing to compare with"], False)
    if record.data.metrics != METRICS_VERSION:
        remark = (
            f"its record is of version {record.data.metrics} of the metrics, this zoo has "
            f"{METRICS_VERSION}: nothing to compare with; `zoo evaluate {run}` scores it anew"
        )
        return Verdict(results, [], [remark], False)
    computed = results | {"predictions": digest(path)}
    stored, computed, remarks = _with_comparable_metrics(stored, computed)
    if further := record.raw["results"][split].get("metrics", {}) | results.get("metrics", {}):
        results["metrics"] = further
    lacking = sorted(computed.keys() - stored.keys())
    unchecked = sorted(stored.keys() - computed.keys())
    if lacking:
        remarks.append(f"its record lacks {', '.join(lacking)}; `zoo evaluate {run}` adds them")
    if unchecked:
        remarks.append(f"{', '.join(unchecked)} cannot be worked out from {path.name} alone")
    shared = {key: stored[key] for key in stored if key in computed}
    return Verdict(results, list(_disagreements("", shared, computed)), remarks)


def _with_comparable_metrics(
    stored: dict[str, Any], computed: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Both results with only those plugins' metrics that the same version measured, and remarks on
    the other metrics."""
    then, now = stored.get("metrics", {}), computed.get("metrics", {})
    both = [key for key in then if key in now and then[key]["version"] == now[key]["version"]]
    remarks = [f"its record lacks {key}" for key in now if key not in then]
    for key in then:
        if key not in now:
            remarks.append(f"{key} is taken from its record: the metric is not installed here")
        elif key not in both:
            there, here = then[key]["version"], now[key]["version"]
            remarks.append(f"{key} is not compared: {there} measured it there, {here} here")
    return _with_metrics(stored, both), _with_metrics(computed, both), remarks


def _with_metrics(results: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The results with only these plugins' metrics, in subsets too."""
    chosen = dict(results)
    if figures := {k: v for k, v in results.get("metrics", {}).items() if k in keys}:
        chosen["metrics"] = figures
    else:
        chosen.pop("metrics", None)
    if "subsets" in results:
        parts = results["subsets"].items()
        chosen["subsets"] = {name: _with_metrics(part, keys) for name, part in parts}
    return chosen


def _disagreements(key: str, stored: Any, computed: Any) -> Iterator[Disagreement]:
    if isinstance(stored, Mapping) and isinstance(computed, Mapping):
        for name in stored:
            inner = f"{key}.{name}" if key else name
            if name in computed:
                yield from _disagreements(inner, stored[name], computed[name])
            else:
                yield Disagreement(inner, stored[name], None)
    elif isinstance(stored, list) and isinstance(computed, list) and len(stored) == len(computed):
        for i, (one, other) in enumerate(zip(stored, computed, strict=True)):
            yield from _disagreements(f"{key}.{i}", one, other)
    elif not _same(stored, computed):
        yield Disagreement(key, stored, computed)


def _same(stored: Any, computed: Any) -> bool:
    if type(stored) in (int, float) and type(computed) in (int, float):
        size = max(abs(stored), abs(computed))
        return bool(abs(stored - computed) <= RELATIVE * size + ABSOLUTE)
    return bool(stored == computed)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)[:16]
