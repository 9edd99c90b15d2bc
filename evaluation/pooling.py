"""One row from the runs of one configuration.

A row's figures are means over seeds, and a seed's figure is the mean over its folds, weighted by
their frames (one fold, for most protocols). ``nme_ioc_std`` is the spread of the seeds' figures:
what another seed would change. The interval is the mean of the seeds' bootstrap bounds: what other
people would change. Folds score different people, so their bounds combine as independent errors do:
the half widths add in squares.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .records import Record

POOLED = ("nme_ioc", "nme_box", "loss", "fr_08", "auc_08")


@dataclass(frozen=True)
class Row:
    """One configuration in one group; the fields are the columns of every format.

    Errors and rates are fractions. None: not to be had, or one seed only for the spread.
    """

    backbone: str
    head: str | None
    loss_name: str | None
    recipe: str | None
    pretrained: bool
    nme_ioc: float | None
    nme_ioc_low: float | None
    nme_ioc_high: float | None
    nme_ioc_std: float | None
    nme_box: float | None
    loss: float | None
    fr_08: float | None
    auc_08: float | None
    parameters: int | None
    gmacs: float | None
    images_per_second: float | None
    """None also where the runs were timed on several devices: speeds do not pool."""
    device: str | None
    seeds: list[int]
    runs: list[str]
    external: bool


def fold_of(record: Record) -> int:
    return int(record["data"].get("fold", record["config"].get("fold", 0)))


def pool(records: Sequence[Record], split: str) -> Row:
    """The row of runs that share a configuration and a group; at least one."""
    by_seed: dict[int | None, list[Record]] = {}
    for record in sorted(records, key=lambda r: (r["seed"] is None, r["seed"] or 0, r["run"])):
        by_seed.setdefault(record["seed"], []).append(record)
    seeds = [_pool_folds(runs, split) for runs in by_seed.values()]

    def over_seeds(key: str) -> float | None:
        return _weighted([(seed[key], 1) for seed in seeds])

    spread = [nme for seed in seeds if (nme := seed["nme_ioc"]) is not None]
    first = next(iter(by_seed.values()))[0]
    config, model = first["config"], first["model"]
    devices = sorted({r["environment"]["device"] for r in records} - {None})
    return Row(
        backbone=first["plugin"]["id"],
        head=_plugin_name(config.get("head")),
        loss_name=_plugin_name(config.get("loss")),
        recipe=config.get("recipe"),
        pretrained=bool(config.get("pretrained", False)),
        **{key: over_seeds(key) for key in (*POOLED, "nme_ioc_low", "nme_ioc_high")},
        nme_ioc_std=statistics.stdev(spread) if len(spread) > 1 else None,
        parameters=model["parameters"],
        gmacs=model.get("gmacs"),
        images_per_second=_mean_speed(records) if len(devices) <= 1 else None,
        device=", ".join(devices) or None,
        seeds=[seed for seed in by_seed if seed is not None],
        runs=[record["run"] for runs in by_seed.values() for record in runs],
        external=bool(first.get("external", False)),
    )


def pool_floor(records: Sequence[Record], split: str) -> dict[str, float | None]:
    """The floor of a group: the same for every run but for the fold, and pooled over folds."""
    folds: dict[int, Mapping[str, Any]] = {}
    for record in records:
        folds.setdefault(fold_of(record), record["results"][split])
    if len(folds) == 1:
        return dict(next(iter(folds.values()))["floor"])
    keys = dict.fromkeys(key for results in folds.values() for key in results["floor"])
    return {key: _weighted([(r["floor"].get(key), r["n"]) for r in folds.values()]) for key in keys}


def _pool_folds(records: Sequence[Record], split: str) -> dict[str, float | None]:
    """One seed's figures. Runs repeated with one seed and fold are averaged first."""
    folds: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        folds.setdefault(fold_of(record), []).append(record["results"][split])
    parts = [_average(results) for results in folds.values()]
    frames = [results[0]["n"] for results in folds.values()]
    if len(parts) == 1:
        return parts[0]
    pooled = {
        key: _weighted([(p[key], n) for p, n in zip(parts, frames, strict=True)]) for key in POOLED
    }
    for bound, sign in (("nme_ioc_low", -1), ("nme_ioc_high", 1)):
        pooled[bound] = None
        if pooled["nme_ioc"] is not None and all(p[bound] is not None for p in parts):
            squares = sum(
                (n / sum(frames) * (p[bound] - p["nme_ioc"])) ** 2  # type: ignore[operator]
                for p, n in zip(parts, frames, strict=True)
            )
            pooled[bound] = pooled["nme_ioc"] + sign * squares**0.5
    return pooled


def _average(results: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    keys = (*POOLED, "nme_ioc_low", "nme_ioc_high")
    return {key: _weighted([(r[key], 1) for r in results]) for key in keys}


def _weighted(values: Sequence[tuple[float | None, float]]) -> float | None:
    """Weighted mean of (value, weight); None where any value is missing: half a mean is none."""
    known = [(value, weight) for value, weight in values if value is not None]
    total = sum(weight for _, weight in known)
    if len(known) < len(values) or total <= 0:
        return None
    return sum(value * weight for value, weight in known) / total


def _mean_speed(records: Sequence[Record]) -> float | None:
    speeds = [record["cost"].get("images_per_second") for record in records]
    known = [speed for speed in speeds if speed is not None]
    return statistics.fmean(known) if known else None


def _plugin_name(value: Any) -> str | None:
    """As a reader knows it: runs store built-ins by their full name, landmark-zoo/linear."""
    return None if value is None else str(value).removeprefix("landmark-zoo/")
