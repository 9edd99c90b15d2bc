"""Headline errors summed by person: enough to compare two models on the same people.

A *cluster* is a person with all their frames, or a single sample that names no person. Clusters are
in the order of a hash, so that their position does not reveal names. The ``key`` of two runs is
equal exactly when they were scored on the same people and frames. A record keeps the sums as
``results.<split>.by_person``; with them a paired bootstrap needs no predictions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 5000
"""A record keeps the sums of at most this many clusters."""

FAILURE = 0.08
"""A face with a larger error, or without a prediction, has failed."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """P clusters; each array is (P,). Means over seeds may be fractional."""

    key: str
    """64 hex digits: sha256 of the clusters and their samples."""
    total: Floats
    """Sum of the headline errors of the faces that were found."""
    found: Floats
    """Number of faces that were found."""
    failed: Floats
    """Number of faces with an error above FAILURE, including missed ones."""
    missed: Floats
    """Number of faces without a prediction."""

    def __len__(self) -> int:
        return len(self.total)

    @property
    def faces(self) -> Floats:
        return np.asarray(self.found + self.missed, np.float64)

    @property
    def nme(self) -> float | None:
        """Mean over the faces that were found."""
        found = float(self.found.sum())
        return float(self.total.sum()) / found if found else None

    def to_record(self) -> dict[str, Any] | None:
        """The JSON of a record; None for more clusters than a record keeps.

        Sums are rounded to nine digits. ``missed`` is present only if a face was missed.
        """
        if len(self) > MOST:
            return None
        stored: dict[str, Any] = {
            "key": self.key,
            "sum": [float(f"{value:.9g}") for value in self.total],
            "n": [int(n) for n in self.found],
            "failed": [int(n) for n in self.failed],
        }
        if self.missed.any():
            stored["missed"] = [int(n) for n in self.missed]
        return stored


def cluster(
    ids: Sequence[str], people: Sequence[str | None], errors: NDArray[np.floating[Any]]
) -> Clusters:
    """Clusters of N faces, from their ids, their people's names and their headline errors (N,), NaN
    for a face that was missed."""
    names = [
        _digest("person", person) if person is not None else _digest("sample", id)
        for id, person in zip(ids, people, strict=True)
    ]
    order = sorted(set(names))
    places = {name: place for place, name in enumerate(order)}
    owner = np.array([places[name] for name in names], np.int64)
    samples: list[list[str]] = [[] for _ in order]
    for id, place in zip(ids, owner, strict=True):
        samples[place].append(_digest("sample", id))
    key = hashlib.sha256()
    for name, digests in zip(order, samples, strict=True):
        key.update("".join((name, *sorted(digests), "\n")).encode())

    errors = np.asarray(errors, np.float64)
    found = np.isfinite(errors)

    def per_cluster(values: NDArray[Any]) -> Floats:
        return np.bincount(owner, weights=values, minlength=len(order)).astype(np.float64)

    return Clusters(
        key=key.hexdigest(),
        total=per_cluster(np.where(found, errors, 0.0)),
        found=per_cluster(found),
        failed=per_cluster(~(errors <= FAILURE)),
        missed=per_cluster(~found),
    )


def unit_of(people: int | None, count: int) -> str:
    """The word for ``count`` clusters: people, or samples if the data set names 0 people."""
    one, many = ("sample", "samples") if people == 0 else ("person", "people")
    return one if count == 1 else many


def average(many: Sequence[Clusters]) -> Clusters | None:
    """The means of several seeds' sums; None if they were scored on different people or frames."""
    first = many[0]
    if len(many) == 1:
        return first
    if any(each.key != first.key for each in many):
        return None
    sums = np.array([(each.total, each.found, each.failed, each.missed) for each in many])
    return Clusters(first.key, *sums.mean(axis=0))


def concatenate(folds: Sequence[Clusters]) -> Clusters:
    """The clusters of several folds, in the order of the folds, which share no people."""
    if len(folds) == 1:
        return folds[0]
    return Clusters(
        hashlib.sha256("\n".join(each.key for each in folds).encode()).hexdigest(),
        *(
            np.concatenate([getattr(each, name) for each in folds])
            for name in ("total", "found", "failed", "missed")
        ),
    )


def _digest(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}\0{name}".encode("utf-8", "surrogateescape")).hexdigest()
