"""The output of all verbs: JSON and tables on standard output, remarks on standard error."""

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

_json_stream: TextIO | None = None
"""Standard output while it is reserved for JSON, else None."""


@contextlib.contextmanager
def stdout_kept_for_json() -> Iterator[None]:
    """Inside, everything that a plugin, a library in C or a child process prints goes to standard
    error. Only :func:`print_json` writes to standard output."""
    global _json_stream
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # a stream that the caller closed
        yield
        return
    os.dup2(2, 1)
    _json_stream = os.fdopen(os.dup(kept), "w", encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # a reader that went away
            sys.stdout.flush()
        with contextlib.suppress(OSError, ValueError):
            _json_stream.close()
        _json_stream = None
        os.dup2(kept, 1)
        os.close(kept)


def print_json(value: object) -> None:
    """Print JSON on standard output. Raises ValueError for a NaN, which not every parser reads."""
    text = json.dumps(value, indent=2, allow_nan=False)
    print(text, file=_json_stream, flush=_json_stream is not None)


def say(message: str) -> None:
    """Print a remark for the user on standard error."""
    print(message, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Print a warning on standard error."""
    say(f"warning: {message}")


def open_closed_streams() -> None:
    """Open the null device for each standard stream that the caller closed (`zoo list >&-`), which
    Python has as None. So the next file that is opened does not get its file descriptor."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def warn_in_one_line() -> None:
    """Print every :class:`ZooWarning` of this process once, as a plain line; other warnings stay as
    they are. Of torchrun's processes only the first prints, since all load the same plugins.

    Of Matplotlib's log only errors are shown. It also logs that its cache cannot be written (no
    home folder, or a read-only one), which does not concern a training."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    show_other = warnings.showwarning
    printed: set[str] = set()
    prints = os.environ.get("LOCAL_RANK", "0") == "0"

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, ZooWarning):
            show_other(message, category, filename, lineno, file, line)
        elif (text := plain(message)) not in printed:
            printed.add(text)
            if prints:
                warn(text)

    warnings.showwarning = show
    warnings.simplefilter("always", ZooWarning)
    # such as a damaged EXIF block: the picture is read all the same, or refused with its name
    warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\.")


def wrapped(lines: Sequence[str]) -> None:
    """Print lines, each wrapped to the terminal's width with its continuation indented."""
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
    terminal is too narrow for them. Others are wrapped, but for the first, which is a name to copy.
    Where wrapping would break words, each row is a paragraph. Cells may hold anybody's text: no
    markup in them is read, and control characters are taken out.
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
    """The rows, with the cells of the columns ``cut`` shortened to the room in the terminal."""
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
    """Print names and values, one pair on each line, the values in one column."""
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f"{name:<{width}}  {plain(value)}".rstrip())


def titles_by_key(titles: Mapping[str, str], taken: Collection[str]) -> dict[str, str]:
    """Titles that plugins chose, by key. A title that is ``taken``, or that two plugins chose, is
    followed by its key."""
    shown = [*taken, *titles.values()]
    return {
        key: plain(title if shown.count(title) == 1 else f"{title} ({key})")
        for key, title in titles.items()
    }


def plain(text: object) -> str:
    """The text on one line and without control characters, which a terminal would obey. A byte of a
    name that is no UTF-8 becomes ``\\xfc``."""
    return "".join(c if c.isprintable() else _shown(c) for c in str(text))


def _shown(character: str) -> str:
    byte = ord(character) - 0xDC00  # Python keeps such bytes as surrogates
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
