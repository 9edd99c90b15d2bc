"""One row from the runs of one configuration.

A row's figures are means over seeds, and a seed's figure is the mean over its folds, weighted by
their frames (one fold, for most protocols). ``nme_ioc_std`` is the standard deviation of the seeds'
figures: it shows how much another seed would change. The interval is the mean of the seeds'
bootstrap bounds: it shows how much other people would change. Folds score different people, so a
seed with folds is bootstrapped over the people of all folds. If records lack the sums by person,
the squares of the folds' half widths are added, as for independent errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter, mul
from typing import Any

from ..records import Record, Source
from ..records.schema import Results
from ..scores.bootstrap import cluster_interval
from ..scores.clusters import Clusters, concatenate
from .row import Row
from .runs import by_fold, by_seed

Figures = dict[str, float | None]
"""The figures of a split's results that are pooled, by the name of a row's field or the key of a
plugin's metric."""

_BOUNDS = ("nme_ioc_low", "nme_ioc_high")
_POOLED = (
    *("nme_ioc", *_BOUNDS, "nme_box", "loss", "fr_08", "auc_08", "coverage"),
    *("nme_seen", "nme_hidden", "hidden_ap", "hidden_f1"),
)
_read_pooled = attrgetter(*_POOLED)


def pool(sources: Sequence[Source], split: str) -> Row:
    """The row of one or more runs that share a configuration and a group."""
    runs = by_seed(sources)
    plugin_keys = tuple(dict.fromkeys(k for s in sources for k in s.record.results[split].metrics))
    seeds = [_pool_folds(seed_runs, split, plugin_keys) for seed_runs in runs]
    pooled = _average(seeds)
    ordered = [source for seed_runs in runs for source in seed_runs]
    records = [source.record for source in ordered]
    first = records[0]
    config = first.config
    devices = sorted({r.environment.device for r in records if r.environment.device is not None})
    bench = _bench(records)
    return Row(
        backbone=first.plugin.id,
        head=_plugin_name(config.head),
        loss_name=_trained_loss(first),
        recipe=config.recipe,
        pretrained=bool(config.pretrained),
        nme_ioc=pooled["nme_ioc"],
        nme_ioc_low=pooled["nme_ioc_low"],
        nme_ioc_high=pooled["nme_ioc_high"],
        nme_box=pooled["nme_box"],
        loss=pooled["loss"],
        fr_08=pooled["fr_08"],
        auc_08=pooled["auc_08"],
        nme_ioc_flip=pooled["nme_ioc_flip"],
        passes=None if first.external else config.passes,
        coverage=pooled["coverage"],
        nme_ioc_std=_std([s["nme_ioc"] for s in seeds if s["nme_ioc"] is not None]),
        parameters=first.model.parameters,
        gmacs=first.model.gmacs,
        images_per_second=_mean_speed(records) if len(devices) <= 1 else None,
        device=", ".join(devices) or None,
        seeds=[seed for seed_runs in runs if (seed := seed_runs[0].record.seed) is not None],
        runs=[record.run for record in records],
        external=first.external,
        latency_ms=bench.get("latency_ms"),
        throughput=bench.get("throughput"),
        bench_device=bench.get("bench_device"),
        input_size=_input_size(records),
        epochs=max((r.epochs for r in records if r.epochs is not None), default=None),
        train_seconds=_train_seconds(runs) if len(devices) <= 1 else None,
        nme_median=pooled["nme_median"],
        nme_seen=pooled["nme_seen"],
        nme_hidden=pooled["nme_hidden"],
        hidden_ap=pooled["hidden_ap"],
        hidden_f1=pooled["hidden_f1"],
        metrics={key: pooled[key] for key in plugin_keys},
        sources=tuple(ordered),
    )


def bound_of(row: Row, split: str, key: str) -> float | None:
    """A bound of a row's interval, such as ``nme_box_low``; None if a run lacks it."""
    if hasattr(row, key):
        bound: float | None = getattr(row, key)
        return bound
    return _mean([source.record.results[split].figure(key) for source in row.sources])


def pool_baseline(sources: Sequence[Source], split: str) -> dict[str, float | None]:
    """The baseline of a group, pooled over folds. All runs of a fold have the same baseline.

    Of each fold, the run with the most figures is used: records of earlier versions lack intervals.
    """
    folds = [
        max((s.record.results[split] for s in fold_runs), key=lambda results: len(results.baseline))
        for fold_runs in by_fold(sources)
    ]
    baselines = [results.baseline for results in folds]
    if len(folds) == 1:
        return dict(baselines[0])
    frames = [results.n for results in folds]
    pooled: dict[str, float | None] = {}
    for key in dict.fromkeys(key for known in baselines for key in known):
        values = [known.get(key) for known in baselines]
        figure = key.removesuffix("_low").removesuffix("_high")
        if figure == key or None in (*values, *(known.get(figure) for known in baselines)):
            pooled[key] = _mean(values, frames)
        else:
            pooled[key] = _joint_bound(baselines, frames, figure, key)
    return pooled


def _pool_folds(sources: Sequence[Source], split: str, plugin_keys: Sequence[str]) -> Figures:
    """One seed's figures, with those of plugins' metrics. Several runs with the same seed and fold
    are averaged first."""
    if len(sources) == 1:
        return _figures(sources[0].record.results[split], plugin_keys)
    folds = [[run.record.results[split] for run in fold] for fold in by_fold(sources)]
    parts = [_average([_figures(each, plugin_keys) for each in results]) for results in folds]
    if len(parts) == 1:
        return parts[0]
    frames = [results[0].n for results in folds]
    pooled = {key: _mean([part[key] for part in parts], frames) for key in parts[0]}
    return pooled | _fold_bounds(folds, parts, frames, pooled["nme_ioc"])


def _fold_bounds(
    folds: Sequence[Sequence[Results]],
    parts: Sequence[Figures],
    frames: Sequence[int],
    mean: float | None,
) -> dict[str, float | None]:
    """The interval over the people of all folds; from the folds' half widths if sums by person are
    missing."""
    if mean is None or any(part[bound] is None for part in parts for bound in _BOUNDS):
        return dict.fromkeys(_BOUNDS)
    clusters: list[Clusters] = []
    for results in folds:
        sums = results[0].by_person if len(results) == 1 else None
        if sums is None:
            break
        clusters.append(sums.clusters())
    else:
        joint = concatenate(clusters)
        return dict(zip(_BOUNDS, cluster_interval(joint.total, joint.found), strict=True))
    return {bound: _joint_bound(parts, frames, "nme_ioc", bound) for bound in _BOUNDS}


def _joint_bound(folds: Sequence[Figures], frames: Sequence[int], figure: str, bound: str) -> float:
    """A bound of the mean over folds: the squares of the folds' half widths are added, since their
    errors are independent. No figure or bound may be None."""
    mean = _mean([fold[figure] for fold in folds], frames)
    half = math.hypot(
        *(
            n / sum(frames) * _difference(fold[bound], fold[figure])
            for fold, n in zip(folds, frames, strict=True)
        )
    )
    assert mean is not None
    return mean - half if bound.endswith("_low") else mean + half


def _figures(results: Results, plugin_keys: Sequence[str]) -> Figures:
    figures = dict(zip(_POOLED, _read_pooled(results), strict=True))
    figures["nme_median"] = results.ced.median if results.ced else None
    figures["nme_ioc_flip"] = results.flip.nme_ioc if results.flip else None
    for key in plugin_keys:
        figure = results.metrics.get(key)
        figures[key] = figure.value if figure else None
    return figures


def _average(parts: Sequence[Figures]) -> Figures:
    if len(parts) == 1:
        return parts[0]
    return {key: _mean([part[key] for part in parts]) for key in parts[0]}


def _mean(values: Sequence[float | None], weights: Sequence[float] = ()) -> float | None:
    """The mean, weighted if there are weights; None if any value is missing."""
    if len(values) == 1:
        return values[0]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    if not weights:
        return sum(known) / len(known)
    total = sum(weights)
    return sum(map(mul, known, weights)) / total if total > 0 else None


def _difference(one: float | None, other: float | None) -> float:
    """The difference of two figures, neither of which may be None."""
    assert one is not None
    assert other is not None
    return one - other


def _std(values: Sequence[float]) -> float | None:
    """Standard deviation of a sample; None for one value."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def _mean_speed(records: Sequence[Record]) -> float | None:
    speeds = [record.cost.images_per_second for record in records]
    known = [speed for speed in speeds if speed is not None]
    return math.fsum(known) / len(known) if known else None


def _train_seconds(runs: Sequence[Sequence[Source]]) -> float | None:
    """The training time of a seed (all folds), averaged over seeds; None if a run does not say."""
    seeds = [
        [_mean([run.record.cost.train_seconds for run in fold]) for fold in by_fold(seed_runs)]
        for seed_runs in runs
    ]
    totals = [None if None in folds else math.fsum(f for f in folds if f) for folds in seeds]
    return _mean(totals)


def _input_size(records: Sequence[Record]) -> int | None:
    """The configured input size, or else the one that ``zoo bench`` recorded."""
    first = records[0]
    return first.config.input_size or (first.cost.bench.input_size if first.cost.bench else None)


def _bench(records: Sequence[Record]) -> dict[str, Any]:
    """Results of ``zoo bench``; empty unless every run was measured under the same conditions."""
    known = [record.cost.bench for record in records if record.cost.bench is not None]
    if len(known) < len(records) or len({bench.conditions for bench in known}) != 1:
        return {}
    return {
        "latency_ms": math.fsum(bench.latency_ms for bench in known) / len(known),
        "throughput": math.fsum(bench.images_per_second for bench in known) / len(known),
        "bench_device": known[0].device,
    }


def _trained_loss(record: Record) -> str | None:
    """The training loss: that of the configuration, unless the record has the head's own loss."""
    recorded, configured = record.model.loss, record.config.loss
    if recorded is None or (configured is not None and configured.endswith(f"/{recorded}")):
        return _plugin_name(configured)
    return recorded


def _plugin_name(value: str | None) -> str | None:
    """The name without ``landmark-zoo/``: records store built-ins as landmark-zoo/linear."""
    return None if value is None else value.removeprefix("landmark-zoo/")
