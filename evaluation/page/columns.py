"""The columns of the page's tables: those of :mod:`..board.columns` that a browser can write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..board.columns import Column
from ..board.columns import columns_of as all_columns_of
from ..board.groups import Group
from ..board.row import Row


def columns_of(group: Group) -> list[Column]:
    """Those that some row of the group fills, the headline first; marks are badges on the page."""
    return [column for column in all_columns_of(group) if column.key != "mark"]


def cell(column: Column, row: Row) -> Any:
    """What JSON holds: a short number, text on one line, or None."""
    value = column.cell(row)
    return rounded(value) if isinstance(value, float) else value


FEW = 11
"""Columns beside the name that fit a screen of 1440 pixels."""


def usual(columns: Sequence[Column], cells: Mapping[str, Sequence[Any]]) -> set[str]:
    """The columns that the table shows before a reader asks: the first that tell rows apart."""
    return {c.key for c in [c for c in columns if _tells(c, cells)][:FEW]}


def _tells(column: Column, cells: Mapping[str, Sequence[Any]]) -> bool:
    values = set(cells[column.key]) - {None}
    if column.key == "coverage":
        return any(value < 1 for value in values)
    if column.key == "images_per_second":  # timed under other loads, and at other batch sizes
        return "throughput" not in cells
    return len(values) > 1 or column.kind not in ("text", "flag")


def rounded(value: float | None) -> float | None:
    """Six significant digits: more than any figure of a board has, and half the bytes."""
    return None if value is None else float(f"{value:.6g}")
