"""The constants of tracking and smoothing: ``--set track.KEY=VALUE``, ``smooth.KEY=VALUE``.

This module imports nothing heavy, since shell completion reads the keys from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zoo.api import UsageError
from zoo.api.errors import unknown_name
from zoo.api.notices import deprecated


@dataclass(frozen=True)
class Tracking:
    """When a track is lost, and what is done about it."""

    every: int = 25
    """Frames from one detection to the next while no face is missing; 0: only on loss."""
    retry: int = 2
    """Frames from one detection to the next while a face is missing: no face was found, or a track
    is lost. 0: only on loss."""
    min_score: float = 0.0
    """Mean score of the model at or below which there is no face, and no track begins. Scores
    depend on the model's head and its training, so no value above 0 fits all models; use
    ``--min-confidence`` instead."""
    min_share: float = 0.7
    """Share of a track's usual score below which the model has lost the face. All models score a
    wall below a face. This key and ``min_score`` have no effect for models without scores."""
    max_jump: float = 0.35
    """Farthest move of the face's centre in one frame, in sizes of the face."""
    max_growth: float = 1.4
    """Largest factor by which the face grows or shrinks in one frame."""
    max_outside: float = 0.1
    """Share of points that may lie outside the region that the model saw."""
    leash: float = 0.05
    """How far a region may be from the one that fits the points, in sides of the region. With 0 it
    follows every move of the points."""
    leash_growth: float = 1.1
    """Factor by which a region may be larger or smaller than the one that fits the points."""
    leash_turn: float = 5.0
    """Degrees by which a region may be turned away from the one that fits the points."""
    min_overlap: float = 0.3
    """IoU from which a detected face belongs to a track."""
    max_overlap: float = 0.6
    """IoU above which two tracks are one face: the younger ends."""
    patience: int = 25
    """Frames for which a lost track keeps its number."""
    unseen: int = 3
    """Detections in a row without the face that end a track. This holds for a track that was
    detected only once (a false alarm of the detector), and for models without scores."""


@dataclass(frozen=True)
class OneEuro:
    """The filter's three constants. Speeds are in face sizes per second, so that the same constants
    fit small and large faces. Cutoffs are in hertz, so that they fit any frame rate."""

    min_cutoff: float = 1.5
    """Cutoff in Hz of a point at rest: a lower one steadies points more, and lags more."""
    beta: float = 10.0
    """Hz per face size a second: with a higher one, points follow motion sooner."""
    derivative_cutoff: float = 1.0
    """Cutoff in Hz of the speed, as in the paper."""


def tracking_from(options: Mapping[str, Any]) -> Tracking:
    """The settings of these options. Raises :class:`UsageError` for an unknown key or a value out
    of range."""
    settings = Tracking(**_checked(Tracking(), "track", _by_present_names(options)))
    for key, low in (("max_growth", 1.0), ("leash_growth", 1.0)):
        if getattr(settings, key) < low:
            raise UsageError(f"track.{key} is {getattr(settings, key):g}; it must be at least 1")
    return settings


def _by_present_names(options: Mapping[str, Any]) -> dict[str, Any]:
    new = {"min_confidence": "min_score"}
    for old in new.keys() & options.keys():
        deprecated(
            f"track.{old}", since="0.2", instead=f"it is track.{new[old]}", by=f"--set track.{old}"
        )
    return {new.get(key, key): value for key, value in options.items()}


def smoothing_from(options: Mapping[str, Any]) -> OneEuro:
    """The settings of these options. Raises :class:`UsageError` for an unknown key or a value out
    of range."""
    settings = OneEuro(**_checked(OneEuro(), "smooth", options))
    for key in ("min_cutoff", "derivative_cutoff"):
        value = getattr(settings, key)
        if value <= 0:
            raise UsageError(f"smooth.{key} is {value:g}; it must be above 0 hertz")
    return settings


def _checked(defaults: Tracking | OneEuro, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, converted to the types of the defaults."""
    kinds = {key: type(value) for key, value in asdict(defaults).items()}
    for key, value in options.items():
        if key not in kinds:
            raise unknown_name(f"key of {kind}", key, kinds)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        whole = kinds[key] is int
        if not number or not math.isfinite(value) or value < 0 or (whole and value != int(value)):
            expected = "a whole number" if whole else "a number"
            raise UsageError(f"--set {kind}.{key}={value}: give {expected} that is not below 0")
    return {key: kinds[key](value) for key, value in options.items()}
