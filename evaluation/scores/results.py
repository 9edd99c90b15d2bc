"""Computes a split's results from its predictions alone.

All results are computed here: those of a run that was just scored, those of points from another
program, and those for checking a record.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.api import DataError, LandmarkScheme

from .metrics import METRICS, baseline_points, summarise
from .plugin_metrics import measured
from .predictions import Predictions
from .schemes import known_scheme
from .subsets import subsets


def results_of(predictions: Predictions, scheme: LandmarkScheme | None = None) -> dict[str, Any]:
    """All that a record keeps of a split, except the sha256 of the predictions.

    Args:
        predictions: The points and the labels of N faces, in source pixels.
        scheme: The scheme of the points, for predictions that hold none.

    Returns:
        The fields of a record's ``results.<split>``: fractions, None for a figure that does not
        exist. ``floor`` (the baseline) is present if the predictions hold the training split's mean
        shape, ``subsets`` (the figures of each, by :mod:`.subsets`) if they hold frames'
        attributes, ``metrics`` if a plugin's metric is installed.

    Raises:
        ValueError: Neither the predictions nor ``scheme`` names the landmark scheme.
    """
    scheme = _scheme_of(predictions, scheme)
    results = _results(predictions, scheme)
    if predictions.attributes is not None:
        results["subsets"] = {
            name: {k: v for k, v in part.items() if k not in _NOT_IN_SUBSETS}
            for name, rows in sorted(subsets(predictions.attributes).items())
            if (part := _results(predictions.part(rows), scheme))["n"]
        }
    return results


_NOT_IN_SUBSETS = ("regions", "ced", "pose")
"""Results that are not kept for subsets."""


def _results(predictions: Predictions, scheme: LandmarkScheme) -> dict[str, Any]:
    results = _summary(predictions, scheme)
    if predictions.mean_shape is not None:
        results["floor"] = baseline_of(predictions, scheme)
    if plugin_figures := measured(predictions, scheme):
        results["metrics"] = plugin_figures
    return results


def _scheme_of(predictions: Predictions, scheme: LandmarkScheme | None) -> LandmarkScheme:
    scheme = predictions.scheme or scheme
    if scheme is None:
        raise ValueError("the predictions hold no landmark scheme, and none was given")
    return scheme


FLIP_KEYS = ("nme_ioc", "nme_ioc_low", "nme_ioc_high", "nme_box", "fr_08", "auc_08")
"""The figures that a record keeps of predictions with test-time flip."""


def flip_results(predictions: Predictions, scheme: LandmarkScheme | None = None) -> dict[str, Any]:
    """The figures of a split that was predicted with test-time flip: the mean of the points on the
    frames and on their mirror images."""
    results = _summary(predictions, _scheme_of(predictions, scheme))
    return {key: results[key] for key in FLIP_KEYS if key in results}


def scheme_for(path: Path, predictions: Predictions, name: str | None) -> LandmarkScheme:
    """The scheme of stored predictions, or else the scheme with this ``name``, from the record.

    Files of older versions hold no scheme. Raises DataError, with the file, if there is no scheme
    or if it does not fit the points.
    """
    scheme = predictions.scheme or known_scheme(str(name))
    if scheme is None:
        raise DataError(
            f"{path}: an older file, without its landmark scheme; `zoo evaluate RUN` writes it anew"
        )
    count = predictions.points.shape[1]
    if len(scheme) != count:
        raise DataError(
            f"{path}: has {count} points a face, its record's scheme {scheme.name} has "
            f"{len(scheme)}"
        )
    return scheme


def baseline_of(predictions: Predictions, scheme: LandmarkScheme) -> dict[str, Any]:
    """The figures of the training split's mean shape on the same frames."""
    assert predictions.mean_shape is not None
    points = baseline_points(predictions.mean_shape, predictions.regions).astype(np.float32)
    results = _summary(replace(predictions, points=points, scores=None, visibility=None), scheme)
    return {key: v for key, v in results.items() if key in METRICS or key.startswith("nme_")}


def _summary(predictions: Predictions, scheme: LandmarkScheme) -> dict[str, Any]:
    return summarise(
        predictions.points,
        predictions.target,
        predictions.visible,
        predictions.regions,
        scheme,
        predictions.people,
        predictions.ids,
        predictions.occluded,
        predictions.visibility,
    )
