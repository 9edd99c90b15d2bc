"""The board as JSON, CSV, Markdown and a data frame: everywhere the same columns.

JSON, CSV and the frame hold fractions; Markdown, which people read, shows percent. In all but JSON,
where the baseline is a field of its group, it is the last row of the group.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..scores.metric_names import METRICS
from .groups import Group
from .pooling import COLUMNS

if TYPE_CHECKING:
    import pandas as pd


GROUP_COLUMNS = ("dataset", "protocol", "region", "split", "fingerprint", "partial")
BASELINE = "baseline (mean shape)"
"""Stands where a row has its backbone."""

PERCENT = {m.key for m in METRICS.values() if m.percent} | {
    "nme_ioc_low",
    "nme_ioc_high",
    "nme_ioc_std",
    "nme_ioc_flip",
    "coverage",
}


def to_json(groups: Sequence[Group]) -> str:
    """A list of groups, each with its baseline and its rows."""
    board = [
        {
            **{key: getattr(group, key) for key in GROUP_COLUMNS},
            "release": group.release,
            "benchmark": group.benchmark.label,
            "subset": group.subset or None,
            "baseline": group.baseline,
            "floor": group.baseline,  # its name in version 0.1, for one more release
            "notes": group.notes,
            "rows": [row.columns() for row in group.rows],
        }
        for group in groups
    ]
    return json.dumps(board, indent=2, allow_nan=False) + "\n"


def to_frame(groups: Sequence[Group]) -> pd.DataFrame:
    """One line a row, and one for the baseline: the group's columns, then the row's."""
    import pandas as pd

    lines = [
        {key: getattr(group, key) for key in GROUP_COLUMNS} | row
        for group in groups
        for row in (*(row.columns() for row in group.rows), baseline_row(group))
    ]
    frame = pd.DataFrame(lines, columns=[*GROUP_COLUMNS, *COLUMNS])
    # types that know of missing values: a baseline has no parameters, which are whole numbers
    flags = ("pretrained", "external", "tied", "pareto", "learned")
    types = {"parameters": "Int64"} | dict.fromkeys(flags, "boolean")
    figures = (PERCENT | (METRICS.keys() - types.keys())) & set(COLUMNS)
    return frame.astype(types | dict.fromkeys(figures, "float64"))


def to_csv(groups: Sequence[Group]) -> str:
    """The frame as text; lists are joined by blanks, what is missing is empty."""
    frame = to_frame(groups)
    for column in ("seeds", "runs"):
        frame[column] = [" ".join(map(str, items)) for items in frame[column]]
    for name in frame.select_dtypes(["object", "string"]).columns:
        frame[name] = [printable(v) if isinstance(v, str) else v for v in frame[name]]
    return frame.to_csv(index=False, lineterminator="\n")


def to_markdown(groups: Sequence[Group]) -> str:
    """A heading and a table for each group."""
    return "\n".join(_markdown_group(group) for group in groups)


def baseline_row(group: Group) -> dict[str, Any]:
    """The baseline in the columns of a row, empty where a mean shape has nothing to say."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {key: value for key, value in group.baseline.items() if key in COLUMNS}
    return row | {"backbone": BASELINE, "seeds": [], "runs": []}


def cell(column: str, value: Any) -> str:
    """What a reader sees: percent with its sign, few digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(printable(str(item)) for item in value)
    if column in PERCENT:
        return f"{100 * value:.2f}%"
    if column == "parameters":
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(str(value))


def printable(text: str) -> str:
    """One line without control characters: a stranger's text must not steer a terminal."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else "?" for c in line)


def _markdown_group(group: Group) -> str:
    rows = [row.columns() for row in group.rows] + [baseline_row(group)]
    lines = [
        f"## {_escape(printable(group.heading))}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
        *(f"| {' | '.join(_escape(cell(c, row[c])) for c in COLUMNS)} |" for row in rows),
        *(f"\n{_escape(printable(note))}." for note in group.notes),
    ]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """Text that Markdown and the HTML in it leave as it is."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*|\[\]])", r"\\\1", text)
