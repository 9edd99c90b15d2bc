"""Landmark schemes from plain tables, as in files and headers, and from names."""

from __future__ import annotations

import re

import msgspec

from zoo.api import IBUG68, WFLW98, LandmarkScheme, generic_scheme


def scheme_from_table(table: object) -> LandmarkScheme:
    """The scheme in a table from ``dataclasses.asdict`` that went through JSON.

    Raises ValueError, with the field, for any other table.
    """
    try:
        return msgspec.convert(table, LandmarkScheme)
    except msgspec.ValidationError as error:
        raise ValueError(f"no landmark scheme: {error}") from error


def known_scheme(name: str) -> LandmarkScheme | None:
    """The scheme for a record's ``data.scheme``, if the name is enough: ``ibug68``, ``wflw98``, or
    a number of points without further meaning, such as ``points21``."""
    for scheme in (IBUG68, WFLW98):
        if scheme.name == name:
            return scheme
    count = re.fullmatch(r"points([1-9][0-9]{0,4})", name)
    return generic_scheme(int(count[1])) if count else None
