"""What every verb prints with: JSON and tables on standard output, remarks on standard error."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
import textwrap
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TextIO

from zoo.api import ZooWarning
from zoo.cli.streams import console

_answers: TextIO | None = None
"""Standard output, where it is kept for JSON."""


@contextlib.contextmanager
def stdout_kept_for_json() -> Iterator[None]:
    """While this lasts, all that a plugin, a library in C or a child process prints goes to
    standard error; :func:`print_json` alone has standard output."""
    global _answers
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # a stream that the caller closed
        yield
        return
    os.dup2(2, 1)
    _answers = os.fdopen(os.dup(kept), "w", encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # a reader that went away
            sys.stdout.flush()
        with contextlib.suppress(OSError, ValueError):
            _answers.close()
        _answers = None
        os.dup2(kept, 1)
        os.close(kept)


def print_json(value: object) -> None:
    """JSON alone on standard output, as every parser reads it: a NaN raises ValueError."""
    print(json.dumps(value, indent=2, allow_nan=False), file=_answers, flush=_answers is not None)


def say(message: str) -> None:
    """A remark for the person at the terminal, on standard error."""
    print(message, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """A remark about something that is not as it should be."""
    say(f"warning: {message}")


def open_closed_streams() -> None:
    """A standard stream that the caller closed (`zoo list >&-`) is None to Python. It becomes one
    that leads nowhere, and takes the number that the next file to be opened would have had."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def warn_in_one_line() -> None:
    """Have every :class:`ZooWarning` of this process said once, as a plain line; other warnings
    stay as they are. One of torchrun's processes speaks, since all load the same plugins.

    Matplotlib logs that its own cache cannot be written (no home folder, or one that is read-only):
    nobody who trains can do anything about that, so only its errors are heard."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    others = warnings.showwarning
    said: set[str] = set()
    speaks = os.environ.get("LOCAL_RANK", "0") == "0"

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, ZooWarning):
            others(message, category, filename, lineno, file, line)
        elif (text := plain(message)) not in said:
            said.add(text)
            if speaks:
                warn(text)

    warnings.showwarning = show
    warnings.simplefilter("always", ZooWarning)
    # of a damaged EXIF block and the like: the picture is read all the same, or refused by name
    warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\.")


def wrapped(lines: Sequence[str]) -> None:
    """Print each line as wide as the terminal is, what is longer indented below it."""
    width = shutil.get_terminal_size().columns
    for line in lines:
        print(textwrap.fill(plain(line), width, subsequent_indent="  ", break_on_hyphens=False))


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Collection[str] = (),
    cut: Collection[str] = (),
) -> None:
    """Print a table: rich's on a terminal, aligned lines elsewhere.

    ``right`` names the columns to align right, ``cut`` those that end in three dots where the
    terminal is too narrow for them; others are wrapped, but for the first, which is a name that
    somebody copies. Where that would break words, each row is a paragraph. Cells may hold anybody's
    text: they are printed as they stand, without markup, and what a terminal would obey is taken
    out.
    """
    cells = [[plain(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _plain_table(title, columns, cells, right)
        return
    cells = _shortened(columns, cells, cut)
    if _least_width(columns, cells) <= shutil.get_terminal_size().columns:
        _rich_table(title, columns, cells, right)
    else:
        _paragraphs(title, columns, cells)


def _least_width(columns: Sequence[str], rows: list[list[str]]) -> int:
    """Characters that a table takes at least: its first column whole, the longest word of each
    other one, and the space between them."""
    names, *others = zip(columns, *rows, strict=True)
    longest = [max(map(len, " ".join(column).split()), default=0) for column in others]
    return max(map(len, names)) + sum(longest) + 3 * len(columns) - 1


def _paragraphs(title: str, columns: Sequence[str], rows: list[list[str]]) -> None:
    """Each row's name, and below it the other cells behind the titles of their columns."""
    wrapper = textwrap.TextWrapper(
        shutil.get_terminal_size().columns, initial_indent="    ", subsequent_indent="    "
    )
    if title:
        print(title)
    for name, *values in rows:
        cells = zip(columns[1:], values, strict=True)
        print(name)
        print(wrapper.fill("; ".join(f"{column} {value}" for column, value in cells if value)))


def _shortened(
    columns: Sequence[str], rows: list[list[str]], cut: Collection[str]
) -> list[list[str]]:
    """The cells of the columns ``cut`` as long as the terminal has room for."""
    if not cut or not rows:
        return rows
    widths = [max(len(row[i]) for row in [list(columns), *rows]) for i in range(len(columns))]
    rest = sum(width for column, width in zip(columns, widths, strict=True) if column not in cut)
    room = shutil.get_terminal_size().columns - rest - 3 * len(columns) - 1
    most = max(20, room // len(cut))
    return [
        [
            f"{cell[: most - 3]}..." if column in cut and len(cell) > most else cell
            for column, cell in zip(columns, row, strict=True)
        ]
        for row in rows
    ]


def facts(values: Mapping[str, object]) -> None:
    """Print names and values, one a line, the values in one column."""
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f"{name:<{width}}  {plain(value)}".rstrip())


def titles_by_key(titles: Mapping[str, str], taken: Collection[str]) -> dict[str, str]:
    """Titles that plugins chose, by key; one that is taken, or that two chose, has its key behind
    it."""
    shown = [*taken, *titles.values()]
    return {
        key: plain(title if shown.count(title) == 1 else f"{title} ({key})")
        for key, title in titles.items()
    }


def plain(text: object) -> str:
    """The text on one line and without control characters, so that no terminal obeys it; a byte of
    a name that is no text as ``\\xfc``."""
    return "".join(c if c.isprintable() else _shown(c) for c in str(text))


def _shown(character: str) -> str:
    byte = ord(character) - 0xDC00  # as Python keeps such bytes
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else " "


def _rich_table(
    title: str, columns: Sequence[str], rows: list[list[str]], right: Collection[str]
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD)
    for i, column in enumerate(columns):
        drawn.add_column(
            Text(column),
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=i == 0,
        )
    for row in rows:
        drawn.add_row(*map(Text, row))
    console().print(drawn)


def _plain_table(
    title: str, columns: Sequence[str], rows: list[list[str]], right: Collection[str]
) -> None:
    if title:
        print(title)
    lines = [list(columns), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        padded = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, cell, width in zip(columns, line, widths, strict=True)
        ]
        print("  ".join(padded).rstrip())
