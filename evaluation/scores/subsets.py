"""Subsets of a split: the frames that share an attribute, such as WFLW's six or 300-W's three.

An attribute that is true or false makes one subset with its name: the frames where it is true. A
text makes one subset for each value, ``name=value``, if there are few values. Numbers make none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Attributes = Mapping[str, bool | str | float]

MOST_VALUES = 20
"""A text with more values, such as a name or a date, makes no subsets."""


def subsets(frames: Sequence[Attributes]) -> dict[str, NDArray[np.int64]]:
    """The rows of each subset of N frames, by name of the subset. No subset is empty."""
    found: dict[str, list[int]] = {}
    values: dict[str, set[str]] = {}
    for row, attributes in enumerate(frames):
        for name, value in attributes.items():
            if isinstance(value, str):
                values.setdefault(name, set()).add(value)
                found.setdefault(f"{name}={value}", []).append(row)
            elif value is True:
                found.setdefault(name, []).append(row)
    for name, known in values.items():
        if len(known) > MOST_VALUES:
            for value in known:
                del found[f"{name}={value}"]
    return {name: np.array(rows, np.int64) for name, rows in found.items()}
