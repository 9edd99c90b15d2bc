"""``--set track.KEY=VALUE`` and ``smooth.KEY=VALUE``: the constants of tracking and smoothing."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from zoo.api import UsageError

from .smoothing import OneEuro
from .tracking import Tracking


def tracking_from(options: Mapping[str, Any]) -> Tracking:
    """Raises :class:`UsageError` for a key that there is not, or a value that cannot be."""
    known = Tracking(**_checked(Tracking(), "track", options))
    for key, low in (("max_growth", 1.0), ("leash_growth", 1.0)):
        if getattr(known, key) < low:
            raise UsageError(f"track.{key} is {getattr(known, key):g}; it must be at least 1")
    return known


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
            close = difflib.get_close_matches(key, kinds, n=1)
            hint = f"did you mean {kind}.{close[0]}?" if close else f"there are {', '.join(kinds)}"
            raise UsageError(f"--set {kind}.{key}: no such key; {hint}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        whole = kinds[key] is int
        if not number or not math.isfinite(value) or value < 0 or (whole and value != int(value)):
            wanted = "a whole number" if whole else "a number"
            raise UsageError(f"--set {kind}.{key}={value}: give {wanted} that is not below 0")
    return {key: kinds[key](value) for key, value in options.items()}
