"""The board as JSON, CSV, Markdown, LaTeX and a data frame.

JSON, CSV and the frame hold the fields of rows, errors as fractions. Markdown and LaTeX, which
people read, have the columns of :mod:`.columns`, and percent. In all but JSON, where the baseline
is a field of its group, it is the last row of the group.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..scores.metric_names import METRICS
from .columns import BASELINE, PAPER, Column, check_column, columns_of, remarks
from .groups import Group
from .labels import printable
from .row import COLUMNS, Row

if TYPE_CHECKING:
    import pandas as pd


GROUP_COLUMNS = ("dataset", "protocol", "region", "split", "fingerprint", "partial")
PERCENT = {m.key for m in METRICS.values() if m.percent} | {
    "nme_ioc_low",
    "nme_ioc_high",
    "nme_ioc_std",
    "nme_ioc_flip",
    "coverage",
}
"""Fields that are fractions."""

_INTERVAL = ("nme_ioc", "nme_ioc_low", "nme_ioc_high")
_FIELDS = {"nme": _INTERVAL, "nme_ioc": _INTERVAL, "mark": ("tied", "pareto")}
"""Fields of a row behind a column that people read, where that has not the name of one."""


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
            "metrics": [asdict(each) for each in group.metrics],
            "rows": [row.columns() | {"metrics": row.metrics} for row in group.rows],
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
        for row in (*(row.columns() | row.metrics for row in group.rows), baseline_row(group))
    ]
    further = sorted({each.key for group in groups for each in group.metrics})
    frame = pd.DataFrame(lines, columns=[*GROUP_COLUMNS, *COLUMNS, *further])
    # types that know of missing values: a baseline has no parameters, which are whole numbers
    flags = ("pretrained", "external", "tied", "pareto", "learned")
    counts = ("parameters", "passes", "input_size", "epochs")
    types = dict.fromkeys(counts, "Int64") | dict.fromkeys(flags, "boolean")
    figures = (PERCENT | (METRICS.keys() - types.keys())) & set(COLUMNS)
    return frame.astype(types | dict.fromkeys([*figures, *further], "float64"))


def to_csv(groups: Sequence[Group], columns: Sequence[str] = ()) -> str:
    """The frame as text, all of it or the columns named; lists are joined by blanks, what is
    missing is empty."""
    frame = to_frame(groups)
    if columns and tuple(columns) != ("all",):
        fields = [field for key in map(check_column, columns) for field in _FIELDS.get(key, (key,))]
        known = [field for field in fields if field in frame]
        frame = frame[list(dict.fromkeys((*GROUP_COLUMNS, "backbone", "detail", *known)))]
    for column in {"seeds", "runs"} & set(frame):
        frame[column] = [" ".join(map(str, items)) for items in frame[column]]
    for name in frame.select_dtypes(["object", "string"]).columns:
        frame[name] = [printable(v) if isinstance(v, str) else v for v in frame[name]]
    return frame.to_csv(index=False, lineterminator="\n")


def to_markdown(groups: Sequence[Group], columns: Sequence[str] = ()) -> str:
    """A heading and a table for each group, of all columns that people read or of those named."""
    return "\n".join(_markdown_group(group, columns_of(group, columns)) for group in groups)


def to_latex(groups: Sequence[Group], columns: Sequence[str] = ()) -> str:
    r"""A booktabs table for each group: ``\usepackage{booktabs}``."""
    tables = "\n".join(_latex_group(group, columns_of(group, columns or PAPER)) for group in groups)
    return f"% \\usepackage{{booktabs}}\n{tables}"


def cells(group: Group, columns: Sequence[Column], digits: int = 1) -> list[list[str]]:
    """The table of a group as people read it: its rows, and the baseline as the last one."""
    lines = [[column.text(row, digits) for column in columns] for row in group.rows]
    return [*lines, [column.baseline(group, digits) for column in columns]]


def baseline_row(group: Group) -> dict[str, Any]:
    """The baseline in the columns of a row, empty where a mean shape has nothing to say."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {key: value for key, value in group.baseline.items() if key in COLUMNS}
    row |= {each.key: each.baseline for each in group.metrics}
    return row | {"backbone": BASELINE, "seeds": [], "runs": []}


def _markdown_group(group: Group, columns: Sequence[Column]) -> str:
    names = [*(_name(row) for row in group.rows), (BASELINE, "")]
    lines = [
        f"## {_escape(printable(group.heading))}",
        "",
        f"| {' | '.join(['model', *(_escape(column.long_heading) for column in columns)])} |",
        f"| --- |{' ---: |' * len(columns)}",
        *(
            f"| {' | '.join(map(_escape, [f'{name} ({told})' if told else name, *line]))} |"
            for (name, told), line in zip(names, cells(group, columns, 2), strict=True)
        ),
        *(f"\n{_escape(printable(note[:1].upper() + note[1:]))}." for note in group.notes),
    ]
    return "\n".join(lines) + "\n"


def _latex_group(group: Group, columns: Sequence[Column]) -> str:
    names = [*(_name(row) for row in group.rows), (BASELINE, "")]
    *rows, baseline = [
        " & ".join(
            [_latex(name) + (rf" {{\small {_latex(told)}}}" if told else ""), *map(_latex, line)]
        )
        for (name, told), line in zip(names, cells(group, columns, 2), strict=True)
    ]
    return (
        "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{_latex(printable(group.heading))}}}",
                rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
                r"\toprule",
                " & ".join(["model", *(_latex(column.long_heading) for column in columns)])
                + r" \\",
                r"\midrule",
                *(rf"{row} \\" for row in rows),
                r"\midrule",
                rf"{baseline} \\",
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                *(f"% {printable(note)}" for note in group.notes),
            ]
        )
        + "\n"
    )


def _name(row: Row) -> tuple[str, str]:
    return printable(row.backbone), printable(", ".join(remarks(row)))


_LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
    }
)


def _latex(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return text.translate(_LATEX)


def _escape(text: str) -> str:
    """Text that Markdown and the HTML in it leave as it is."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*|\[\]])", r"\\\1", text)
