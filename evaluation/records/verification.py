"""Does a record say what its predictions give? Every figure again, from one .npz file.

No data set, no model and no torch: the file holds points, labels and scheme. Figures may differ by
a part in a million, which is more than another machine's floating point changes and less than any
edit that matters.
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
    """As `zoo evaluate` gives them, worked out from the predictions."""
    disagreements: list[Disagreement]
    remarks: list[str]
    """What could not be compared, and why."""
    compared: bool = True
    """Whether there was a record to compare with."""


def verify(run: Path, split: str) -> Verdict:
    """Work out a split's results from its predictions, and hold the record against them.

    Args:
        run: The folder of a run.
        split: ``val`` or ``test``; its predictions are in ``predictions/<split>.npz``.

    Returns:
        The results, and what the record says otherwise.

    Raises:
        DataError: The run has no such predictions, or they cannot be read.
    """
    path = run / "predictions" / f"{split}.npz"
    if not path.is_file():
        there = sorted(p.stem for p in path.parent.glob("*.npz"))
        have = f"it has those of {', '.join(there)}" if there else "it has none"
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
    own = results | {"predictions": digest(path)}
    stored, own, remarks = _with_comparable_metrics(stored, own)
    if further := record.raw["results"][split].get("metrics", {}) | results.get("metrics", {}):
        results["metrics"] = further
    lacking = sorted(own.keys() - stored.keys())
    unchecked = sorted(stored.keys() - own.keys())
    if lacking:
        remarks.append(f"its record lacks {', '.join(lacking)}; `zoo evaluate {run}` adds them")
    if unchecked:
        remarks.append(f"{', '.join(unchecked)} cannot be worked out from {path.name} alone")
    shared = {key: stored[key] for key in stored if key in own}
    return Verdict(results, list(_disagreements("", shared, own)), remarks)


def _with_comparable_metrics(
    stored: dict[str, Any], own: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Both results with those metrics of plugins that one version of a plugin measured, and what
    else either has, in words."""
    then, now = stored.get("metrics", {}), own.get("metrics", {})
    both = [key for key in then if key in now and then[key]["version"] == now[key]["version"]]
    remarks = [f"its record lacks {key}" for key in now if key not in then]
    for key in then:
        if key not in now:
            remarks.append(f"{key} is taken from its record: the metric is not installed here")
        elif key not in both:
            there, here = then[key]["version"], now[key]["version"]
            remarks.append(f"{key} is not compared: {there} measured it there, {here} here")
    return _with_metrics(stored, both), _with_metrics(own, both), remarks


def _with_metrics(results: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Results with no other metrics of plugins, those of subsets too."""
    chosen = dict(results)
    if figures := {k: v for k, v in results.get("metrics", {}).items() if k in keys}:
        chosen["metrics"] = figures
    else:
        chosen.pop("metrics", None)
    if "subsets" in results:
        parts = results["subsets"].items()
        chosen["subsets"] = {name: _with_metrics(part, keys) for name, part in parts}
    return chosen


def _disagreements(key: str, stored: Any, own: Any) -> Iterator[Disagreement]:
    if isinstance(stored, Mapping) and isinstance(own, Mapping):
        for name in stored:
            inner = f"{key}.{name}" if key else name
            if name in own:
                yield from _disagreements(inner, stored[name], own[name])
            else:
                yield Disagreement(inner, stored[name], None)
    elif isinstance(stored, list) and isinstance(own, list) and len(stored) == len(own):
        for i, (one, other) in enumerate(zip(stored, own, strict=True)):
            yield from _disagreements(f"{key}.{i}", one, other)
    elif not _same(stored, own):
        yield Disagreement(key, stored, own)


def _same(stored: Any, own: Any) -> bool:
    if type(stored) in (int, float) and type(own) in (int, float):
        size = max(abs(stored), abs(own))
        return bool(abs(stored - own) <= RELATIVE * size + ABSOLUTE)
    return bool(stored == own)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)[:16]
