"""One row from the runs of one configuration.

A row's figures are means over seeds, and a seed's figure is the mean over its folds, weighted by
their frames (one fold, for most protocols). ``nme_ioc_std`` is the standard deviation of the seeds'
figures:
what another seed would change. The interval is the mean of the seeds' bootstrap bounds: what other
people would change. Folds score different people, so a seed with folds is bootstrapped over the
people of all of them; where records lack the sums by person, half widths add in squares, as those
of independent errors do.
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
"""What is pooled of a split's results, by the name of a row's field or the key of a plugin's
metric."""

_BOUNDS = ("nme_ioc_low", "nme_ioc_high")
_OWN = (
    *("nme_ioc", *_BOUNDS, "nme_box", "loss", "fr_08", "auc_08", "coverage"),
    *("nme_seen", "nme_hidden", "hidden_ap", "hidden_f1"),
)
_read_own = attrgetter(*_OWN)


def pool(sources: Sequence[Source], split: str) -> Row:
    """The row of runs that share a configuration and a group; at least one."""
    runs = by_seed(sources)
    further = tuple(dict.fromkeys(k for s in sources for k in s.record.results[split].metrics))
    seeds = [_pool_folds(own, split, further) for own in runs]
    pooled = _average(seeds)
    ordered = [source for own in runs for source in own]
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
        seeds=[seed for own in runs if (seed := own[0].record.seed) is not None],
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
        metrics={key: pooled[key] for key in further},
        sources=tuple(ordered),
    )


def bound_of(row: Row, split: str, key: str) -> float | None:
    """A bound of a row's interval, such as ``nme_box_low``; None where a run lacks it."""
    if hasattr(row, key):
        bound: float | None = getattr(row, key)
        return bound
    return _mean([source.record.results[split].figure(key) for source in row.sources])


def pool_baseline(sources: Sequence[Source], split: str) -> dict[str, float | None]:
    """The baseline of a group: the same for every run but for the fold, and pooled over folds.

    The run that says most of a fold is taken for it: earlier versions kept no interval.
    """
    folds = [
        max((s.record.results[split] for s in own), key=lambda results: len(results.baseline))
        for own in by_fold(sources)
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


def _pool_folds(sources: Sequence[Source], split: str, further: Sequence[str]) -> Figures:
    """One seed's figures, those of plugins' metrics too. Runs repeated with one seed and fold are
    averaged first."""
    if len(sources) == 1:
        return _figures(sources[0].record.results[split], further)
    folds = [[s.record.results[split] for s in own] for own in by_fold(sources)]
    parts = [_average([_figures(each, further) for each in results]) for results in folds]
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
    """The interval over the people of all folds; by the folds' half widths where their sums are
    unknown."""
    if mean is None or any(part[bound] is None for part in parts for bound in _BOUNDS):
        return dict.fromkeys(_BOUNDS)
    clusters: list[Clusters] = []
    for results in folds:
        sums = results[0].by_person if len(results) == 1 else None
        if sums is None:
            break
        clusters.append(sums.clusters())
    else:
        whole = concatenate(clusters)
        return dict(zip(_BOUNDS, cluster_interval(whole.total, whole.found), strict=True))
    return {bound: _joint_bound(parts, frames, "nme_ioc", bound) for bound in _BOUNDS}


def _joint_bound(folds: Sequence[Figures], frames: Sequence[int], figure: str, bound: str) -> float:
    """A bound of the mean over folds, whose errors are independent: the squares of their half
    widths add up. All figures and bounds are known."""
    mean = _mean([fold[figure] for fold in folds], frames)
    half = math.hypot(
        *(
            n / sum(frames) * _difference(fold[bound], fold[figure])
            for fold, n in zip(folds, frames, strict=True)
        )
    )
    assert mean is not None
    return mean - half if bound.endswith("_low") else mean + half


def _figures(results: Results, further: Sequence[str]) -> Figures:
    figures = dict(zip(_OWN, _read_own(results), strict=True))
    figures["nme_median"] = results.ced.median if results.ced else None
    figures["nme_ioc_flip"] = results.flip.nme_ioc if results.flip else None
    for key in further:
        figure = results.metrics.get(key)
        figures[key] = figure.value if figure else None
    return figures


def _average(parts: Sequence[Figures]) -> Figures:
    if len(parts) == 1:
        return parts[0]
    return {key: _mean([part[key] for part in parts]) for key in parts[0]}


def _mean(values: Sequence[float | None], weights: Sequence[float] = ()) -> float | None:
    """The mean, weighted where there are weights; None where any value is missing: half a mean is
    none."""
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
    """The difference of two figures that are known to be there."""
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
    """What a seed took, the mean over seeds; None where a run does not say."""
    seeds = [
        [_mean([source.record.cost.train_seconds for source in own]) for own in by_fold(s)]
        for s in runs
    ]
    whole = [None if None in folds else math.fsum(f for f in folds if f) for folds in seeds]
    return _mean(whole)


def _input_size(records: Sequence[Record]) -> int | None:
    """As configured; where that is the backbone's own, as it was benched."""
    first = records[0]
    return first.config.input_size or (first.cost.bench.input_size if first.cost.bench else None)


def _bench(records: Sequence[Record]) -> dict[str, Any]:
    """What ``zoo bench`` measured, where it measured every run, and all alike."""
    known = [record.cost.bench for record in records if record.cost.bench is not None]
    if len(known) < len(records) or len({bench.conditions for bench in known}) != 1:
        return {}
    return {
        "latency_ms": math.fsum(bench.latency_ms for bench in known) / len(known),
        "throughput": math.fsum(bench.images_per_second for bench in known) / len(known),
        "bench_device": known[0].device,
    }


def _trained_loss(record: Record) -> str | None:
    """What was trained on: the configuration's loss, unless the head's own is recorded."""
    recorded, asked = record.model.loss, record.config.loss
    if recorded is None or (asked is not None and asked.endswith(f"/{recorded}")):
        return _plugin_name(asked)
    return recorded


def _plugin_name(value: str | None) -> str | None:
    """As a reader knows it: runs store built-ins by their full name, landmark-zoo/linear."""
    return None if value is None else value.removeprefix("landmark-zoo/")
