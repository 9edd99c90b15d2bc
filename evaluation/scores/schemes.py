"""Landmark schemes as plain tables, for headers and files; and the schemes known by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from zoo.api import IBUG68, WFLW98, LandmarkScheme, generic_scheme


def scheme_from_table(table: Mapping[str, Any]) -> LandmarkScheme:
    """From what ``dataclasses.asdict`` gave, by way of JSON, which knows lists only.

    Raises LookupError, TypeError or ValueError for another table.
    """
    pupils, flip, corners = table["pupils"], table["flip"], table["eye_corners"]
    return LandmarkScheme(
        name=table["name"],
        names=tuple(table["names"]),
        flip=None if flip is None else tuple(flip),
        eye_corners=None if corners is None else (corners[0], corners[1]),
        pupils=None if pupils is None else (tuple(pupils[0]), tuple(pupils[1])),
        regions={name: tuple(part) for name, part in table["regions"].items()},
        contours=tuple((tuple(line), bool(closed)) for line, closed in table["contours"]),
    )


def known_scheme(name: str) -> LandmarkScheme | None:
    """The scheme of a record's ``data.scheme``, where its name says all: ``ibug68``, ``wflw98`` or
    a count of points of which nothing else is known, ``points21``."""
    for scheme in (IBUG68, WFLW98):
        if scheme.name == name:
            return scheme
    count = re.fullmatch(r"points([1-9][0-9]{0,4})", name)
    return generic_scheme(int(count[1])) if count else None
