"""Headline errors of single faces, from stored predictions, for paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError

from ..records import Source
from ..scores.clusters import FAILURE
from ..scores.metrics import counted_faces, headline_errors
from ..scores.predictions import Predictions, beside, load
from ..scores.results import scheme_for
from .runs import by_fold, by_seed

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FaceErrors:
    """The faces that are measured, in the order of their ids."""

    ids: tuple[str, ...]
    people: tuple[str | None, ...]
    target: NDArray[np.float32]
    errors: Floats
    """(N,), means over seeds; NaN if a seed missed the face."""
    failed: Floats
    """(N,), the share of seeds in which it failed."""


def faces_of(sources: Sequence[Source], split: str) -> FaceErrors:
    """The faces of the runs of one configuration: seeds averaged, folds put together.

    Each run must have its predictions beside its record. Raises DataError for a file without a
    landmark scheme, and for seeds that were scored on different frames.
    """
    seeds = [
        _join([_mean([_measure(run, split) for run in repeats]) for repeats in by_fold(runs)])
        for runs in by_seed(sources)
    ]
    return _mean(seeds)


def _measure(source: Source, split: str) -> FaceErrors:
    path = beside(source.path, split)
    assert path is not None
    predictions = load(path)
    scheme = scheme_for(path, predictions, source.record.data.scheme)
    errors = headline_errors(predictions.points, predictions.target, predictions.visible, scheme)
    rows = np.flatnonzero(counted_faces(predictions.target, predictions.visible, scheme))
    return _ordered(predictions, rows, np.asarray(errors, np.float64))


def _ordered(p: Predictions, rows: NDArray[np.int64], errors: Floats) -> FaceErrors:
    order = sorted(rows.tolist(), key=lambda i: p.ids[i])
    return FaceErrors(
        ids=tuple(p.ids[i] for i in order),
        people=tuple(p.people[i] for i in order),
        target=np.where(p.visible[..., None], p.target, np.nan)[order].astype(np.float32),
        errors=np.where(np.isfinite(errors), errors, np.nan)[order],
        failed=(~(errors <= FAILURE))[order].astype(np.float64),
    )


def _mean(many: Sequence[FaceErrors]) -> FaceErrors:
    first = many[0]
    if len(many) == 1:
        return first
    if any(faces.ids != first.ids for faces in many):
        raise DataError("seeds of one configuration were scored on different frames")
    return FaceErrors(
        first.ids,
        first.people,
        first.target,
        np.mean([faces.errors for faces in many], axis=0),
        np.mean([faces.failed for faces in many], axis=0),
    )


def _join(folds: Sequence[FaceErrors]) -> FaceErrors:
    if len(folds) == 1:
        return folds[0]
    ids = [id for faces in folds for id in faces.ids]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    people = [person for faces in folds for person in faces.people]
    return FaceErrors(
        tuple(ids[i] for i in order),
        tuple(people[i] for i in order),
        *(
            np.concatenate([getattr(faces, name) for faces in folds])[order]
            for name in ("target", "errors", "failed")
        ),
    )
