"""Figures of plugins' metrics (entry points of ``zoo.metrics``), besides those of the zoo.

All installed metrics are measured whenever a split is scored. If a metric fails, a warning names it
and it has no figure; the other metrics are not affected. A figure is stored with everything that is
needed to show it where the metric is not installed.
"""

from __future__ import annotations

from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.api import LandmarkScheme, Metric, PluginError, ScoredFace, ZooError
from zoo.api.notices import warn
from zoo.registry import Resolved, blaming, registry
from zoo.registry.entries import UNUSABLE

from .bootstrap import interval
from .clusters import cluster
from .metrics import baseline_points, counted_faces, headline_lengths
from .predictions import Predictions

Figure = dict[str, Any]
"""The figure of one metric, as a record stores it."""


def measured(predictions: Predictions, scheme: LandmarkScheme) -> dict[str, Figure]:
    """The figures of all installed metrics, by ``distribution/id``.

    ``value`` is the mean over the faces that were found and that the metric can measure, ``n`` is
    their number. ``low`` and ``high`` are the bounds of its interval, ``by_person`` has the sums
    that a comparison needs, and ``baseline`` is the figure of the training split's mean shape, if
    the predictions hold one.
    """
    figures = {}
    for resolved in _installed():
        try:
            figures[resolved.id] = _figure(resolved, predictions, scheme)
        except ZooError as error:
            warn(str(error))
    return figures


def _installed() -> list[Resolved[Metric]]:
    """The metrics that load. A warning names each metric that does not."""
    loaded, metrics = [], registry("metric")
    for entry in metrics.entries():
        if entry.status in UNUSABLE:
            continue  # `zoo list` reports these
        try:
            loaded.append(metrics.resolve(entry.qualified))
        except ZooError as error:
            warn(str(error))
    return loaded


def _figure(resolved: Resolved[Metric], predictions: Predictions, scheme: LandmarkScheme) -> Figure:
    metric, entry = resolved.plugin, resolved.entry
    values = _values(resolved, predictions.points, predictions, scheme)
    known = np.isfinite(values)
    people = list(compress(predictions.people, known))
    low, high = interval(values[known], people) if people else (None, None)
    figure: Figure = {
        "title": metric.title or entry.id,
        "unit": metric.unit,
        "lower_is_better": metric.lower_is_better,
        "version": entry.version,
        "value": _mean(values[known]),
        "low": low,
        "high": high,
        "n": len(people),
    }
    if people and (sums := _by_person(values, predictions, scheme)):
        figure["by_person"] = sums
    if predictions.mean_shape is not None:
        shape = baseline_points(predictions.mean_shape, predictions.regions)
        baseline = _values(resolved, shape, predictions, scheme)
        figure["baseline"] = _mean(baseline[np.isfinite(baseline)])
    return figure


def _values(
    resolved: Resolved[Metric],
    points: NDArray[Any],
    predictions: Predictions,
    scheme: LandmarkScheme,
) -> NDArray[np.float64]:
    """(N,): the value of each face; NaN for a face that was missed or cannot be measured."""
    target = predictions.target.astype(np.float64)
    visible, occluded = predictions.visible, predictions.occluded
    points = points.astype(np.float64)
    lengths = headline_lengths(target, visible, scheme)
    values = np.full(len(points), np.nan)
    missed = (~np.isfinite(points).all(-1) & visible).any(1)
    for i in np.flatnonzero(counted_faces(target, visible, scheme) & ~missed):
        face = ScoredFace(
            points=points[i].copy(),
            target=target[i].copy(),
            visible=visible[i].copy(),
            scheme=scheme,
            length=float(lengths[i]),
            occluded=None if occluded is None else occluded[i].copy(),
        )
        with blaming(resolved.entry, "cannot measure"):
            found = resolved.plugin.measure(face)
            values[i] = float(found)
        if np.isinf(values[i]):
            raise PluginError(f"{resolved.entry.label}: measures {found} for {predictions.ids[i]}")
    return values


def _by_person(
    values: NDArray[np.float64], predictions: Predictions, scheme: LandmarkScheme
) -> dict[str, Any] | None:
    """The values summed by person, over the same faces as the zoo's own sums."""
    rows = np.flatnonzero(counted_faces(predictions.target, predictions.visible, scheme))
    counted = predictions.part(rows)
    stored = cluster(counted.ids, counted.people, values[rows]).to_record()
    return stored and {name: stored[name] for name in ("key", "sum", "n")}


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None
