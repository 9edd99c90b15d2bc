"""The columns of the page's tables, which a browser formats: from :mod:`..board.columns`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..board.columns import Column
from ..board.columns import columns_of as all_columns_of
from ..board.groups import Group
from ..board.row import Row


def columns_of(group: Group) -> list[Column]:
    """The columns in which some row has a value, the headline first. Marks are badges instead."""
    return [column for column in all_columns_of(group) if column.key != "mark"]


def cell(column: Column, row: Row) -> Any:
    """The cell's value in JSON: a rounded number, text on one line, or None."""
    value = column.cell(row)
    return rounded(value) if isinstance(value, float) else value


FEW = 11
"""Number of columns beside the name that fit on a screen of 1440 pixels."""


def usual(columns: Sequence[Column], cells: Mapping[str, Sequence[Any]]) -> set[str]:
    """Keys of the columns that the table shows at first: the first FEW in which rows differ."""
    return {c.key for c in [c for c in columns if _is_informative(c, cells)][:FEW]}


def _is_informative(column: Column, cells: Mapping[str, Sequence[Any]]) -> bool:
    values = set(cells[column.key]) - {None}
    if column.key == "coverage":
        return any(value < 1 for value in values)
    if column.key == "images_per_second":  # measured under various loads and batch sizes
        return "throughput" not in cells
    return len(values) > 1 or column.kind not in ("text", "flag")


def rounded(value: float | None) -> float | None:
    """Six significant digits: more than any figure of a board shows, in half the bytes."""
    return None if value is None else float(f"{value:.6g}")
