"""The columns of the page's tables: what they are called, what they mean, how they sort."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ..board.groups import Group
from ..board.pooling import Row
from ..board.render import printable

LONGEST = 300
"""Characters of a value on a card: longer ones are no facts of a run."""

LONGEST_NAME = 120
"""Characters of a name or a word in a table."""


@lru_cache(maxsize=1 << 16)
def words(text: str, longest: int = LONGEST) -> str:
    """``printable`` text of bounded length; records of one board repeat one another a lot."""
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


@dataclass(frozen=True)
class Column:
    """One column; ``kind`` says how the browser writes it: percent (of a fraction), interval (the
    headline), number, count, text or flag."""

    key: str
    title: str
    help: str
    kind: str
    lower_is_better: bool = True
    value: Callable[[Row], Any] | None = None
    """Takes the value from a row; by default it is the row's field named ``key``."""

    def cell(self, row: Row) -> Any:
        """What JSON holds: a short number, text on one line, or None."""
        value = self.value(row) if self.value else getattr(row, self.key)
        if isinstance(value, str):
            return words(value, LONGEST_NAME)
        return rounded(value) if isinstance(value, float) else value


COLUMNS = (
    Column("nme_ioc", "NME", "mean error over the distance of the outer eye corners", "interval"),
    Column("nme_ioc_std", "± seeds", "standard deviation of the NME over seeds", "percent"),
    Column("nme_ioc_flip", "NME flip", "NME of points averaged with the mirror image's", "percent"),
    Column("fr_08", "> 8%", "share of faces whose error is above 8%", "percent"),
    Column("auc_08", "AUC", "area under the error curve up to 8%", "percent", False),
    Column(
        "coverage",
        "found",
        "share of faces that were found; errors go over these",
        "percent",
        False,
    ),
    Column("nme_box", "NME box", "mean error over sqrt(w h) of the labelled points", "percent"),
    Column("loss", "loss", "SmoothL1 in landmark units, whatever was trained with", "number"),
    Column("parameters", "params", "parameters of the model", "count"),
    Column("gmacs", "GMACs", "billions of multiply-adds of one forward", "number"),
    Column("passes", "passes", "how many passes the network makes over a face", "count"),
    Column("latency_ms", "ms", "milliseconds for one image, by `zoo bench`", "number"),
    Column(
        "throughput", "img/s", "images a second in full batches, by `zoo bench`", "number", False
    ),
    Column("images_per_second", "scored/s", "images a second while it was scored", "number", False),
    Column(
        *("seeds", "seeds", "runs that differ in their seed alone", "number", False),
        value=lambda row: len(row.seeds) or None,
    ),
    Column("recipe", "recipe", "the training recipe", "text"),
    Column("head", "head", "from features to points", "text"),
    Column("loss_name", "trained on", "the training loss", "text"),
    Column("pretrained", "pretrained", "started from published weights", "flag"),
    Column("device", "device", "where it was trained and scored", "text"),
    Column("bench_device", "benched on", "where `zoo bench` measured it", "text"),
)


def columns_of(group: Group) -> list[Column]:
    """Those that some row of the group fills, the headline first."""
    columns = [c for c in COLUMNS if group.headline == "nme_ioc" or not c.key.startswith("nme_")]
    if group.headline == "nme_box":
        box = next(c for c in COLUMNS if c.key == "nme_box")
        columns.insert(0, replace(box, kind="interval"))
    filled = [any(column.cell(row) is not None for row in group.rows) for column in columns]
    return [column for i, column in enumerate(columns) if filled[i] or i == 0]


def usual(column: Column, group: Group) -> bool:
    """Whether the table shows it before a reader asks: not where it tells no rows apart."""
    values = {value for row in group.rows if (value := column.cell(row)) is not None}
    if column.key == "coverage":
        return any(value < 1 for value in values)
    if column.key == "images_per_second":  # timed under other loads, and at other batch sizes
        return all(row.throughput is None for row in group.rows)
    return len(values) > 1 or column.kind not in ("text", "flag")


def rounded(value: float | None) -> float | None:
    """Six significant digits: more than any figure of a board has, and half the bytes."""
    return None if value is None else float(f"{value:.6g}")
