"""The constants of tracking and smoothing: ``--set track.KEY=VALUE``, ``smooth.KEY=VALUE``.

Imports nothing heavy: a shell asks here what the keys are.
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
    """Frames from one detection to the next, while all goes well; 0: only on loss."""
    retry: int = 2
    """The same while a face is missing: there is none, or a track is lost. 0: only on loss."""
    min_score: float = 0.0
    """A mean score of the model at or below which there is no face, and no track begins. How models
    score faces depends on their heads and their training, so nothing above 0 fits all; what fits
    is ``--min-confidence``."""
    min_share: float = 0.7
    """Share of a track's usual score below which the model lost the face. All models score a wall
    below a face. Neither has a say where a model gives no scores."""
    max_jump: float = 0.35
    """Farthest move of the face's centre in one frame, in sizes of the face."""
    max_growth: float = 1.4
    """Largest factor of the face's size in one frame, or its inverse."""
    max_outside: float = 0.1
    """Share of points that may lie outside the region that the model saw."""
    leash: float = 0.05
    """How far a region may be from the place where the points want it, in its sides; with 0 it
    follows every move of the points."""
    leash_growth: float = 1.1
    """How much larger or smaller it may be than they want it."""
    leash_turn: float = 5.0
    """Degrees by which it may be turned away from how they want it."""
    min_overlap: float = 0.3
    """IoU from which a found face is a track's."""
    max_overlap: float = 0.6
    """IoU from which two tracks are one face: the younger ends."""
    patience: int = 25
    """Frames that a lost track keeps its number for."""
    unseen: int = 3
    """Detections in a row without it that end a track which never had a second one (a false alarm
    that the model believed), or whose model gives no scores."""


@dataclass(frozen=True)
class OneEuro:
    """The filter's three constants. Speeds are in face sizes a second, so that the same constants
    hold for small and large faces; cutoffs in hertz, so that they hold at any frame rate."""

    min_cutoff: float = 1.5
    """Hz, of a point at rest: lower holds stiller and lags more."""
    beta: float = 10.0
    """Hz a face size a second: higher follows motion sooner."""
    derivative_cutoff: float = 1.0
    """Hz, of the speed: as in the paper."""


def tracking_from(options: Mapping[str, Any]) -> Tracking:
    """Raises :class:`UsageError` for a key that there is not, or a value that cannot be."""
    known = Tracking(**_checked(Tracking(), "track", _by_present_names(options)))
    for key, low in (("max_growth", 1.0), ("leash_growth", 1.0)):
        if getattr(known, key) < low:
            raise UsageError(f"track.{key} is {getattr(known, key):g}; it must be at least 1")
    return known


def _by_present_names(options: Mapping[str, Any]) -> dict[str, Any]:
    now = {"min_confidence": "min_score"}
    for old in now.keys() & options.keys():
        deprecated(
            f"track.{old}", since="0.2", instead=f"it is track.{now[old]}", by=f"--set track.{old}"
        )
    return {now.get(key, key): value for key, value in options.items()}


def smoothing_from(options: Mapping[str, Any]) -> OneEuro:
    """Raises :class:`UsageError` for a key that there is not, or a value that cannot be."""
    known = OneEuro(**_checked(OneEuro(), "smooth", options))
    for key in ("min_cutoff", "derivative_cutoff"):
        if getattr(known, key) <= 0:
            raise UsageError(f"smooth.{key} is {getattr(known, key):g}; it must be above 0 hertz")
    return known


def _checked(defaults: Tracking | OneEuro, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the types of the defaults."""
    kinds = {key: type(value) for key, value in asdict(defaults).items()}
    for key, value in options.items():
        if key not in kinds:
            raise unknown_name(f"key of {kind}", key, kinds)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        whole = kinds[key] is int
        if not number or not math.isfinite(value) or value < 0 or (whole and value != int(value)):
            wanted = "a whole number" if whole else "a number"
            raise UsageError(f"--set {kind}.{key}={value}: give {wanted} that is not below 0")
    return {key: kinds[key](value) for key, value in options.items()}
