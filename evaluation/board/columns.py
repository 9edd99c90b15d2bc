"""The columns of every table that people read, in order of importance.

A terminal shows the first columns, as many as fit. Markdown, LaTeX and the page use the same
columns. CSV, JSON and the data frame hold the fields of rows instead, see :mod:`.render`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoo.api.errors import unknown_name

from .groups import Group
from .labels import LONGEST_NAME, printable, words
from .metrics import GroupMetric
from .row import Row

BASELINE = "baseline (mean shape)"
"""The baseline's name, in the place of a backbone."""


@dataclass(frozen=True)
class Column:
    """One column.

    ``kind`` says how its values are written: interval (the headline), percent (of a fraction),
    number, count, seconds, text or flag.
    """

    key: str
    """Its name in ``--columns``. Without ``value`` it is also the row's field."""
    title: str
    help: str
    kind: str
    lower_is_better: bool = True
    value: Callable[[Row], Any] | None = None
    name: str = ""
    """A longer title, for tables with enough room."""

    def cell(self, row: Row) -> Any:
        """A number, text on one line, or None."""
        value = self.value(row) if self.value else getattr(row, self.key)
        return words(value, LONGEST_NAME) if isinstance(value, str) else value

    def text(self, row: Row, digits: int = 1) -> str:
        """The cell of a row as text. Percentages have this many ``digits`` and no % sign, which the
        heading has."""
        value = self.cell(row)
        if self.kind == "interval":
            bounds = (row.nme_ioc_low, row.nme_ioc_high) if self.key == "nme_ioc" else ()
            return _interval(value, bounds, digits)
        return _format(self.kind, value, digits)

    def baseline(self, group: Group, digits: int = 1) -> str:
        """The cell of the baseline as text; empty if a mean shape has no such figure."""
        value = group.baseline.get(self.key)
        if self.kind == "interval":
            bounds = [group.baseline.get(f"{self.key}_{end}") for end in ("low", "high")]
            return _interval(value, bounds, digits)
        return _format(self.kind, value, digits)

    @property
    def heading(self) -> str:
        """The title with its unit."""
        return self._with_unit(self.title)

    @property
    def long_heading(self) -> str:
        return self._with_unit(self.name or self.title)

    def _with_unit(self, title: str) -> str:
        percent = self.kind in ("interval", "percent") and "%" not in title
        return f"{title} %" if percent else title


def marks(row: Row) -> str:
    """``=`` for the best row and rows tied with it, ``*`` for the front of error and GMACs."""
    return ("=" if row.tied else "") + ("*" if row.pareto else "")


COLUMNS = (
    Column("nme_ioc", "NME", "mean error over the distance of the outer eye corners", "interval"),
    Column(
        *("mark", "", "= tied with the best, * on the front of error and GMACs", "text"),
        value=marks,
        name="mark",
    ),
    Column("fr_08", "> 8%", "share of faces whose error is above 8%", "percent"),
    Column("loss", "loss", "SmoothL1 in landmark units, whatever was trained with", "number"),
    Column("parameters", "params", "parameters of the model", "count", name="parameters"),
    Column(
        "latency_ms", "ms", "milliseconds for one image, by `zoo bench`", "number", name="ms a face"
    ),
    Column("train_seconds", "train", "time that the training took", "seconds", name="training"),
    Column("nme_median", "median", "half of the faces have a larger error", "percent"),
    Column("nme_ioc_std", "± seeds", "standard deviation of the NME over seeds", "percent"),
    Column(
        *("coverage", "found", "share of faces that were found; errors go over these", "percent"),
        lower_is_better=False,
    ),
    Column("nme_seen", "NME seen", "mean error over points that nothing hides", "percent"),
    Column("nme_hidden", "NME hidden", "mean error over points that something hides", "percent"),
    Column(
        *("hidden_ap", "AP hidden", "average precision of the points told as hidden", "percent"),
        lower_is_better=False,
    ),
    Column(
        *("hidden_f1", "F1 hidden", "F1 of the points told as hidden, at recall .8", "percent"),
        lower_is_better=False,
    ),
    Column("auc_08", "AUC", "area under the error curve up to 8%", "percent", False),
    Column("gmacs", "GMACs", "billions of multiply-adds of one forward", "number"),
    Column("input_size", "input", "pixels of the square that the network sees", "count"),
    Column("epochs", "epochs", "how many were trained", "count"),
    Column("nme_ioc_flip", "NME flip", "NME of points averaged with the mirror image's", "percent"),
    Column("nme_box", "NME box", "mean error over sqrt(w h) of the labelled points", "percent"),
    Column("passes", "passes", "how many passes the network makes over a face", "count"),
    Column(
        *("seeds", "seeds", "runs that differ in their seed alone", "count"),
        lower_is_better=False,
        value=lambda row: len(row.seeds) or None,
    ),
    Column("recipe", "recipe", "the training recipe", "text"),
    Column("head", "head", "from features to points", "text"),
    Column("loss_name", "training loss", "the loss that was trained with", "text"),
    Column("pretrained", "pretrained", "started from published weights", "flag"),
    Column(
        *("throughput", "img/s", "images a second in full batches, by `zoo bench`", "number"),
        lower_is_better=False,
    ),
    Column(
        *("images_per_second", "scored/s", "images a second while it was scored", "number"),
        lower_is_better=False,
    ),
    Column("device", "device", "where it was trained and scored", "text"),
    Column("bench_device", "benched on", "where `zoo bench` measured it", "text"),
)

PAPER = ("nme_ioc", "mark", "nme_median", "fr_08", "loss", "parameters", "gmacs", "latency_ms")
"""Columns that fit on the page of a paper."""


def columns_of(group: Group, wanted: Sequence[str] = ()) -> list[Column]:
    """The columns in which some row has a value, the headline first, or else the ``wanted`` ones.

    Wanted columns keep their order. Raises UsageError for a column that does not exist.
    """
    columns = list(COLUMNS)
    place = 1 + next(i for i, column in enumerate(columns) if column.key == "fr_08")
    columns[place:place] = map(_metric_column, group.metrics)
    known = {column.key: column for column in columns}
    if group.headline == "nme_box":
        box = replace(known["nme_box"], kind="interval")
        others = {k: c for k, c in known.items() if not k.startswith(("nme_box", "nme_ioc"))}
        known = {"nme_box": box} | others
    if wanted and tuple(wanted) != ("all",):
        keys = dict.fromkeys(group.headline if key in ("nme", "nme_ioc") else key for key in wanted)
        return [known[key] for key in keys if check_column(key) in known]
    filled = {
        key: any(c.cell(row) not in (None, "") for row in group.rows) for key, c in known.items()
    }
    return [column for key, column in known.items() if filled[key] or key == group.headline]


def _metric_column(metric: GroupMetric) -> Column:
    percent = metric.unit == "%"
    title = metric.title if percent else f"{metric.title} {metric.unit}".rstrip()
    return Column(
        metric.key,
        words(title, LONGEST_NAME),
        words(f"{metric.key}, a plugin's metric"),
        "percent" if percent else "number",
        metric.lower_is_better,
        value=lambda row: row.metrics.get(metric.key),
    )


def check_column(key: str) -> str:
    """Returns the key. Raises UsageError, with close matches, if there is no such column.

    Keys of plugins' metrics, ``distribution/id``, are not checked: only the records know them.
    """
    keys = ("nme", *(column.key for column in COLUMNS))
    if key not in keys and "/" not in key:
        raise unknown_name("column", printable(key), keys)
    return key


def remarks(row: Row) -> list[str]:
    """The remarks beside a row's name: its distinguishing detail, and warnings for the reader."""
    parts = [row.detail] if row.detail else []
    if row.external:
        parts.append("external")
    if row.coverage is not None and row.coverage < 1:
        parts.append(f"found {100 * row.coverage:.1f}%")
    if row.learned is False:
        parts.append("not learned")
    return parts


def _interval(value: Any, bounds: Sequence[Any], digits: int) -> str:
    if value is None:
        return ""
    known = [bound for bound in bounds if bound is not None]
    interval = ", ".join(f"{100 * bound:.{digits}f}" for bound in known)
    return f"{100 * value:.{digits}f}" + (f" [{interval}]" if len(known) == 2 else "")


def _format(kind: str, value: Any, digits: int) -> str:
    if value is None:
        return ""
    if kind == "percent":
        return f"{100 * value:.{digits}f}"
    if kind == "seconds":
        return duration(value)
    if kind == "count":
        return f"{_three_digits(value / 1e6)}M" if value >= 1e5 else f"{value:,}"
    if kind == "flag":
        return "yes" if value else "no"
    if kind == "number" and isinstance(value, float):
        return _three_digits(value)
    return printable(str(value))


def _three_digits(value: float) -> str:
    """Three significant digits with trailing zeros, so that the numbers of a column line up."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def duration(seconds: float) -> str:
    """Such as ``52 s``, ``18 min`` or ``1.4 h``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 99.5 else f"{minutes / 60:.1f} h"
