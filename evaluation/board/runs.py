"""The runs of one configuration by seed and by fold, and their sums by person."""

from __future__ import annotations

from collections.abc import Sequence

from ..records import Source
from ..scores.clusters import Clusters


def by_seed(sources: Sequence[Source]) -> list[list[Source]]:
    """The runs of each seed, in the order of seeds; runs without a seed come last."""
    seeds: dict[int | None, list[Source]] = {}
    for source in sorted(sources, key=_seed_order):
        seeds.setdefault(source.record.seed, []).append(source)
    return list(seeds.values())


def by_fold(sources: Sequence[Source]) -> list[list[Source]]:
    """The runs of each fold, in the order of folds."""
    folds: dict[int, list[Source]] = {}
    for source in sources:
        folds.setdefault(source.record.fold, []).append(source)
    return [folds[fold] for fold in sorted(folds)]


def clusters_in(source: Source, split: str, metric: str = "") -> Clusters | None:
    """The sums by person of a run: of its headline errors, or of a plugin's ``metric``. None if its
    record has none."""
    results = source.record.results[split]
    measured = results.metrics.get(metric) if metric else results
    sums = measured.by_person if measured else None
    return None if sums is None else sums.clusters()


def _seed_order(source: Source) -> tuple[bool, int, str]:
    seed = source.record.seed
    return seed is None, seed or 0, source.record.run
