"""The board as JSON, CSV, Markdown, LaTeX and a data frame.

JSON, CSV and the frame hold the fields of rows, with errors as fractions. Markdown and LaTeX are
for people: they have the columns of :mod:`.columns`, with errors in percent. In JSON the baseline
is a field of its group; in the other formats it is the group's last row.
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
"""The fields of columns in :mod:`.columns` that are not named like their field."""


def to_json(groups: Sequence[Group]) -> str:
    """A list of groups, each with its baseline and its rows."""
    board = [
        {
            **{key: getattr(group, key) for key in GROUP_COLUMNS},
            "release": group.release,
            "benchmark": group.benchmark.label,
            "subset": group.subset or None,
            "baseline": group.baseline,
            "floor": group.baseline,  # the old name of version 0.1, kept for one more release
            "notes": group.notes,
            "metrics": [asdict(each) for each in group.metrics],
            "rows": [row.columns() | {"metrics": row.metrics} for row in group.rows],
        }
        for group in groups
    ]
    return json.dumps(board, indent=2, allow_nan=False) + "\n"


def to_frame(groups: Sequence[Group]) -> pd.DataFrame:
    """One line for each row and for the baseline: the columns of the group, then of the row."""
    import pandas as pd

    lines = [
        {key: getattr(group, key) for key in GROUP_COLUMNS} | row
        for group in groups
        for row in (*(row.columns() | row.metrics for row in group.rows), baseline_row(group))
    ]
    metric_keys = sorted({each.key for group in groups for each in group.metrics})
    frame = pd.DataFrame(lines, columns=[*GROUP_COLUMNS, *COLUMNS, *metric_keys])
    # types that allow missing values: the parameters are integers, and a baseline has none
    flags = ("pretrained", "external", "tied", "pareto", "learned")
    counts = ("parameters", "passes", "input_size", "epochs")
    types = dict.fromkeys(counts, "Int64") | dict.fromkeys(flags, "boolean")
    figures = (PERCENT | (METRICS.keys() - types.keys())) & set(COLUMNS)
    return frame.astype(types | dict.fromkeys([*figures, *metric_keys], "float64"))


def to_csv(groups: Sequence[Group], columns: Sequence[str] = ()) -> str:
    """The frame as CSV, with all columns or those named. Lists are joined by blanks, missing values
    are empty."""
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
    """A heading and a table for each group, with all columns that people read or those named."""
    return "\n".join(_markdown_group(group, columns_of(group, columns)) for group in groups)


def to_latex(groups: Sequence[Group], columns: Sequence[str] = ()) -> str:
    r"""A table for each group, which needs ``\usepackage{booktabs}``."""
    tables = "\n".join(_latex_group(group, columns_of(group, columns or PAPER)) for group in groups)
    return f"% \\usepackage{{booktabs}}\n{tables}"


def cells(group: Group, columns: Sequence[Column], digits: int = 1) -> list[list[str]]:
    """The cells of a group's table as text: its rows, and the baseline as the last one."""
    lines = [[column.text(row, digits) for column in columns] for row in group.rows]
    return [*lines, [column.baseline(group, digits) for column in columns]]


def baseline_row(group: Group) -> dict[str, Any]:
    """The baseline as a row; columns that a mean shape does not have are empty."""
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
            f"| {' | '.join(map(_escape, [f'{name} ({remark})' if remark else name, *line]))} |"
            for (name, remark), line in zip(names, cells(group, columns, 2), strict=True)
        ),
        *(f"\n{_escape(note)}" for note in _sentences(group)),
    ]
    return "\n".join(lines) + "\n"


def _latex_group(group: Group, columns: Sequence[Column]) -> str:
    names = [*(_name(row) for row in group.rows), (BASELINE, "")]
    *rows, baseline = [
        " & ".join(
            [
                _latex(name) + (rf" {{\small {_latex(remark)}}}" if remark else ""),
                *map(_latex, line),
            ]
        )
        for (name, remark), line in zip(names, cells(group, columns, 2), strict=True)
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
                *(rf"\par\footnotesize {_latex(note)}" for note in _sentences(group)),
                rf"\label{{tab:{group.dataset}-{group.split}}}",
                r"\end{table}",
            ]
        )
        + "\n"
    )


def _sentences(group: Group) -> list[str]:
    return [printable(f"{note[:1].upper()}{note[1:]}.") for note in group.notes]


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
    """The text with LaTeX's special characters escaped."""
    return text.translate(_LATEX)


def _escape(text: str) -> str:
    """The text with the special characters of Markdown and HTML escaped."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*|\[\]])", r"\\\1", text)
