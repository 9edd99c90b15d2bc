"""`zoo leaderboard`: runs side by side, group by group, each above its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.api import UsageError
from zoo.cli.completion import offer, protocols, runs
from zoo.cli.options import Split
from zoo.cli.output import say

if TYPE_CHECKING:
    from rich.table import Table

    from zoo.evaluation.board.groups import Group

FORMATS = ("table", "md", "csv", "json", "html")
LONGEST_NAME = 36
MOST_DRAWN = 200
"""Rows of a table with lines and colours: longer ones, which nobody sees whole, take seconds."""

MOST_LEFT_OUT = 20
"""Files that are named one by one; a folder that is given twice has as many copies as runs."""


def leaderboard(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="Folders of runs, or record files. Default: runs.",
            show_default=False,
            autocompletion=offer(runs),
        ),
    ] = None,
    split: Split = "val",
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Show only runs of this protocol, such as person.",
            show_default=False,
            autocompletion=offer(protocols),
        ),
    ] = None,
    subset: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Rank on a subset's frames alone, such as blur (WFLW) or common (300-W).",
            show_default=False,
        ),
    ] = "",
    sort: Annotated[
        str, typer.Option(help="Metric that ranks the rows, such as nme_ioc.")
    ] = "nme_ioc",
    format: Annotated[
        str | None,
        typer.Option(
            help="Format: table, md, csv, json or html. Default: that of --out, else table.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write instead of printing.", show_default=False),
    ] = None,
    gallery: Annotated[
        bool,
        typer.Option(
            "--gallery", help="Show the worst and best faces of the best rows in the html page."
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="ROOT",
            help="Folder of the data set, which --gallery needs.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Rank runs that were scored on the same frames; seeds of one configuration share a row."""
    from zoo.api.errors import unknown_name
    from zoo.cli.page import refuse_faces
    from zoo.evaluation.records import without_collector

    suffix = out.suffix.removeprefix(".") if out else ""
    chosen = format or (suffix if suffix in FORMATS else "table")
    if chosen not in FORMATS:
        raise unknown_name("format", chosen, FORMATS)
    refuse_faces(chosen, gallery, data)
    with without_collector():  # the records are gone when it comes back
        groups = _groups(folders or [Path("runs")], split, protocol, sort, subset)
        if chosen == "table" and out is None:
            _print_tables(groups)
        else:
            _put(_text(groups, chosen, sort, gallery, data), out)
        del groups


def _groups(
    folders: list[Path], split: str, protocol: str | None, sort: str, subset: str
) -> list[Group]:
    """The board; what does not count is named."""
    from zoo.evaluation.board.leaderboard import collect

    groups, problems = collect(folders, split, protocol, sort, subset)
    for problem in problems[:MOST_LEFT_OUT]:
        say(f"left out: {problem}")
    more = len(problems) - MOST_LEFT_OUT
    if more > 0:
        say(f"left out: {more} more")
    return groups


def _text(groups: list[Group], chosen: str, sort: str, gallery: bool, data: Path | None) -> str:
    from zoo.cli.page import render_page
    from zoo.evaluation.board.render import to_csv, to_json, to_markdown

    if chosen == "html":
        return render_page(groups, sort, gallery, data)
    return {"table": to_lines, "md": to_markdown, "csv": to_csv, "json": to_json}[chosen](groups)


def to_lines(groups: list[Group]) -> str:
    """Every column in aligned plain text, for files and pipes."""
    from zoo.evaluation.board.render import printable

    blocks = [
        "\n".join([printable(group.heading), *_lines(_columns(group)), *_notes(group)])
        for group in groups
    ]
    return "\n\n".join(blocks) + "\n"


def _lines(columns: list[_Column]) -> list[str]:
    padded = [
        [text.ljust(column.width) for text in (column.title, *column.cells)] for column in columns
    ]
    return ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]


def _print_tables(groups: list[Group]) -> None:
    from rich.text import Text

    from zoo.cli.streams import console as clean_console
    from zoo.evaluation.board.render import printable

    console = clean_console()
    if not console.is_terminal:
        typer.echo(to_lines(groups), nl=False)
        return
    for group in groups:
        # Text, not str: rich would read the brackets of a stranger's text as markup
        console.print(Text(printable(group.heading), style="bold"))
        if len(group.rows) <= MOST_DRAWN:
            console.print(terminal_table(group, console.width))
        else:
            typer.echo("\n".join(_lines(_fitting(_columns(group), console.width))))
        for note in _notes(group):
            console.print(Text(note, style="yellow"))
        console.print()


def terminal_table(group: Group, width: int) -> Table:
    """The most important columns that fit ``width`` characters, the baseline below a line."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = _fitting(_columns(group), width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for i, column in enumerate(columns):
        name = i == 0
        table.add_column(
            Text(column.title),
            justify="left" if name else "right",
            max_width=LONGEST_NAME if name else None,
            overflow="fold",
            no_wrap=not name,
        )
    *rows, baseline = zip(*(column.cells for column in columns), strict=True)
    for cells, row in zip(rows, group.rows, strict=True):
        table.add_row(*map(Text, cells), style="dim" if row.learned is False else None)
    table.add_section()
    table.add_row(*(Text(text, style="dim") for text in baseline))
    return table


def _fitting(columns: list[_Column], width: int) -> list[_Column]:
    while len(columns) > 2 and sum(column.width + 2 for column in columns) > width:
        columns.remove(max(columns, key=lambda column: column.rank))
    return columns


@dataclass(frozen=True)
class _Column:
    title: str
    rank: int
    """The higher, the earlier it goes when the terminal is narrow."""
    cells: list[str]

    @cached_property
    def width(self) -> int:
        from rich.cells import cell_len

        widest = max(cell_len(text) for text in (self.title, *self.cells))
        return min(widest, LONGEST_NAME) if self.rank == 0 else widest


def _columns(group: Group) -> list[_Column]:
    """What people compare, in percent; the last cell of each column is the baseline's."""
    from zoo.evaluation.board.render import baseline_row

    rows = [*(row.columns() for row in group.rows), baseline_row(group)]
    headline = group.headline
    layout: list[tuple[str, int, str]] = [
        ("model", 0, "backbone"),
        ("NME %" if headline == "nme_ioc" else "NME box %", 1, headline),
        ("mark", 2, "mark"),
        ("±", 4, "nme_ioc_std"),
        ("flip %", 9, "nme_ioc_flip"),
        (">8%", 3, "fr_08"),
        ("AUC %", 8, "auc_08"),
        ("found %", 5, "coverage"),
        ("box %", 10, "nme_box"),
        ("loss", 6, "loss"),
        ("params", 7, "parameters"),
        ("GMACs", 11, "gmacs"),
        ("passes", 21, "passes"),
        ("ms", 13, "latency_ms"),
        ("img/s", 14, "throughput"),
        ("scored img/s", 15, "images_per_second"),
        ("seeds", 12, "seeds"),
        ("recipe", 9, "recipe"),
        ("head", 16, "head"),
        ("trained on", 17, "loss_name"),
        ("pretrained", 18, "pretrained"),
        ("benched on", 19, "bench_device"),
        ("device", 20, "device"),
    ]
    if headline == "nme_box":
        layout = [entry for entry in layout if entry[0] not in ("box %", "±")]
    if all(row["coverage"] in (None, 1) for row in rows):
        layout = [entry for entry in layout if entry[2] != "coverage"]
    columns = [_Column(title, rank, _cells(rows, key)) for title, rank, key in layout]
    return [column for column in columns if any(column.cells) or column.rank == 0]


def _cells(rows: list[dict[str, Any]], key: str) -> list[str]:
    from zoo.evaluation.board.render import PERCENT, cell

    if key == "mark":
        return [_mark(row) for row in rows]
    if key == "nme_ioc":
        return [_headline(row) for row in rows]
    if key == "backbone":
        return [cell(key, row[key]) + (" (external)" if row["external"] else "") for row in rows]
    values = [row[key] for row in rows]
    if key == "seeds":
        # a list of ten seeds is as wide as a table: how many there are is what counts here
        return [str(len(seeds)) if seeds else "" for seeds in values]
    if key == "parameters":
        return ["" if count is None else f"{count / 1e6:.2f}M" for count in values]
    if key in PERCENT:
        return ["" if value is None else f"{100 * value:.1f}" for value in values]
    return [cell(key, value) for value in values]


def _mark(row: dict[str, Any]) -> str:
    if row["learned"] is False:
        return "not learned"
    return ("=" if row["tied"] else "") + ("*" if row["pareto"] else "")


def _headline(row: dict[str, Any]) -> str:
    value, low, high = row["nme_ioc"], row["nme_ioc_low"], row["nme_ioc_high"]
    if value is None:
        return ""
    interval = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * value:.1f}{interval}"


def _notes(group: Group) -> list[str]:
    from zoo.evaluation.board.render import printable

    return [printable(f"note: {note}") for note in group.notes]


def _put(text: str, out: Path | None) -> None:
    from zoo.files import write_whole

    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        write_whole(out, text.encode())
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; name a file that can be written") from (
            error
        )
    say(f"wrote {out}")
