"""Landmark schemes as plain tables, for headers and files; and the schemes known by name."""

from __future__ import annotations

import re

import msgspec

from zoo.api import IBUG68, WFLW98, LandmarkScheme, generic_scheme


def scheme_from_table(table: object) -> LandmarkScheme:
    """The scheme in what ``dataclasses.asdict`` gave, by way of JSON. Raises ValueError for another
    table, in words that name the field."""
    try:
        return msgspec.convert(table, LandmarkScheme)
    except msgspec.ValidationError as error:
        raise ValueError(f"no landmark scheme: {error}") from error


def known_scheme(name: str) -> LandmarkScheme | None:
    """The scheme of a record's ``data.scheme``, where its name says all: ``ibug68``, ``wflw98`` or
    a count of points of which nothing else is known, ``points21``."""
    for scheme in (IBUG68, WFLW98):
        if scheme.name == name:
            return scheme
    count = re.fullmatch(r"points([1-9][0-9]{0,4})", name)
    return generic_scheme(int(count[1])) if count else None
