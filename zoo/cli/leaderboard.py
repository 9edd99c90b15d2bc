"""`zoo leaderboard`: runs side by side, group by group, each above its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.api import UsageError
from zoo.cli.completion import offer, protocols, runs
from zoo.cli.options import Split
from zoo.cli.output import say

if TYPE_CHECKING:
    from rich.table import Table

    from zoo.evaluation.board.groups import Group

FORMATS = ("table", "md", "csv", "json", "html", "latex")
SUFFIXES = {".txt": "table", ".tex": "latex"} | {f".{name}": name for name in FORMATS[1:5]}
LONGEST_NAME = 44
"""Characters: a longer name is folded."""

NARROW_NAME = 27
"""Characters to which names are folded where the first columns would not fit otherwise."""

WIDE = 100
"""Characters: in a terminal at least this wide, columns are two blanks apart, else one."""

ALWAYS = 7
"""Names are folded to ``NARROW_NAME`` to show this many columns, never to show more."""

MOST_DRAWN = 200
"""Most rows of a table that is drawn with lines and colours: a longer one would take seconds."""


def leaderboard(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER",
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
        str, typer.Option(help="Metric that ranks the rows: nme_ioc, or the id of a plugin's.")
    ] = "nme_ioc",
    format: Annotated[
        str | None,
        typer.Option(
            help="Format: table, md, csv, json, html or latex. Default: that of --out, else table.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write instead of printing.", show_default=False),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="KEY,KEY",
            help="Columns to show, such as nme,fr_08,parameters; all shows every one.",
            show_default=False,
        ),
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
    """Rank runs that were scored on the same frames; seeds of one configuration share a row.

    A terminal shows as many columns as fit, the most important ones first.
    """
    from zoo.api.errors import unknown_name
    from zoo.cli.page import refuse_faces
    from zoo.evaluation.records import without_collector

    chosen = format or _format_of(out)
    if chosen not in FORMATS:
        raise unknown_name("format", chosen, FORMATS)
    keys = _column_keys(columns, chosen)
    refuse_faces(chosen, gallery, data)
    with without_collector():  # the records are freed before it runs again
        groups = _groups(folders or [Path("runs")], split, protocol, sort, subset)
        if chosen == "table" and out is None:
            _print_tables(groups, keys)
        else:
            _put(_text(groups, chosen, sort, gallery, data, keys), out)
        del groups


def _format_of(out: Path | None) -> str:
    """The format that a file's name asks for; a table where nothing is written."""
    if out is None:
        return "table"
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--out {out}: its name says no format; end it in {', '.join(SUFFIXES)}, or say "
            f"--format {'|'.join(FORMATS)}"
        )
    return SUFFIXES[out.suffix.lower()]


def _column_keys(columns: str | None, chosen: str) -> list[str]:
    """The keys that ``--columns`` names."""
    if columns is None:
        return []
    if chosen in ("json", "html"):
        raise UsageError(f"--columns: {chosen} always has all of them")
    keys = [key.strip() for key in columns.split(",") if key.strip()]
    if not keys:
        raise UsageError("--columns: names no column; such as --columns nme,fr_08,parameters")
    if keys != ["all"]:
        from zoo.evaluation.board.columns import check_column

        for key in keys:
            check_column(key)
    return keys


def _groups(
    folders: list[Path], split: str, protocol: str | None, sort: str, subset: str
) -> list[Group]:
    """The groups of the board. Prints which records are left out."""
    from zoo.evaluation.board.leaderboard import collect, left_out_in_words

    groups, problems = collect(folders, split, protocol, sort, subset)
    for line in left_out_in_words(problems):
        say(line)
    return groups


def _text(
    groups: list[Group],
    chosen: str,
    sort: str,
    gallery: bool,
    data: Path | None,
    columns: Sequence[str],
) -> str:
    from zoo.cli.page import render_page
    from zoo.evaluation.board.render import to_csv, to_json, to_latex, to_markdown

    if chosen == "html":
        return render_page(groups, sort, gallery, data)
    if chosen == "json":
        return to_json(groups)
    write = {"table": to_lines, "md": to_markdown, "csv": to_csv, "latex": to_latex}[chosen]
    return write(groups, columns)


def to_lines(groups: list[Group], columns: Sequence[str] = ()) -> str:
    """Every column, or those named, in aligned plain text, for files and pipes."""
    from zoo.evaluation.board.labels import printable

    blocks = [
        "\n".join([printable(group.heading), *_lines(_Table.of(group, columns)), *_notes(group)])
        for group in groups
    ]
    return "\n\n".join(blocks) + "\n"


def _lines(table: _Table) -> list[str]:
    lines = [table.titles, *table.lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.titles))]
    return [
        (" " * table.gap)
        .join(
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
        for line in lines
    ]


def _print_tables(groups: list[Group], columns: Sequence[str] = ()) -> None:
    from rich.text import Text

    from zoo.cli.streams import console as clean_console
    from zoo.evaluation.board.labels import printable

    console = clean_console()
    if not console.is_terminal:
        typer.echo(to_lines(groups, columns), nl=False)
        return
    for group in groups:
        # Text, not str: rich would read the brackets of a stranger's text as markup
        console.print(Text(printable(group.heading), style="bold"))
        table = _Table.of(group, columns)
        drawn = len(group.rows) <= MOST_DRAWN
        if not columns:
            table = table.fitting(console.width, folds=drawn)
        if drawn:
            console.print(_drawn(table, group))
        else:
            typer.echo("\n".join(_lines(table)))
        for note in [*table.note(), *_notes(group)]:
            console.print(Text(note, style="yellow"))
        console.print()


def terminal_table(group: Group, width: int) -> Table:
    """The most important columns that fit ``width`` characters, the baseline below a line."""
    return _drawn(_Table.of(group).fitting(width), group)


def _drawn(table: _Table, group: Group) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        box=box.SIMPLE_HEAD, show_edge=False, padding=(0, table.gap - 1, 0, 0), pad_edge=False
    )
    for i, title in enumerate(table.titles):
        name = i == 0
        drawn.add_column(
            Text(title),
            justify="left" if name else "right",
            width=table.name_width if name else None,
            overflow="fold",
            no_wrap=not name,
        )
    *rows, baseline = table.lines
    for cells, row in zip(rows, group.rows, strict=True):
        drawn.add_row(*map(Text, cells), style="dim" if row.learned is False else None)
    drawn.add_section()
    drawn.add_row(*(Text(text, style="dim") for text in baseline))
    return drawn


@dataclass(frozen=True)
class _Table:
    """A group as text: the titles, and the cells of each row; the last row is the baseline."""

    titles: list[str]
    lines: list[list[str]]
    keys: list[str]
    """Keys of the columns, without the name's."""
    hidden: Sequence[str] = ()
    """Keys of the columns that the terminal has no room for."""
    name_width: int = LONGEST_NAME
    gap: int = 2

    @classmethod
    def of(cls, group: Group, keys: Sequence[str] = ()) -> _Table:
        from zoo.evaluation.board.columns import BASELINE, columns_of, remarks
        from zoo.evaluation.board.labels import printable
        from zoo.evaluation.board.render import cells

        columns = columns_of(group, keys)
        names = []
        for row in group.rows:
            text = ", ".join(remarks(row))
            names.append(printable(f"{row.backbone} ({text})" if text else row.backbone))
        lines = [
            [name, *line]
            for name, line in zip([*names, BASELINE], cells(group, columns), strict=True)
        ]
        return cls(["model", *(c.heading for c in columns)], lines, [c.key for c in columns])

    def fitting(self, width: int, folds: bool = True) -> _Table:
        """The first columns that fit ``width`` characters, at least one. With ``folds``, names that
        are too long for the rest of the width are folded."""
        widest = [max(map(len, column)) for column in zip(self.titles, *self.lines, strict=True)]
        name = min(widest[0], LONGEST_NAME) if folds else widest[0]
        gap = 1 if width < WIDE else 2
        shown, used = 2, widest[1] + gap
        for i, column in enumerate(widest[2:], start=2):
            used += column + gap
            if used + (min(name, NARROW_NAME) if folds and i <= ALWAYS else name) > width:
                used -= column + gap
                break
            shown += 1
        return _Table(
            self.titles[:shown],
            [line[:shown] for line in self.lines],
            self.keys[: shown - 1],
            hidden=self.keys[shown - 1 :],
            name_width=max(1, min(name, width - used)),
            gap=gap,
        )

    def note(self) -> list[str]:
        if not self.hidden:
            return []
        return [
            f"{len(self.hidden)} more columns have no room: {', '.join(self.hidden)}; "
            "--columns KEY,KEY shows those named, --columns all every one"
        ]


def _notes(group: Group) -> list[str]:
    from zoo.evaluation.board.labels import printable

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
