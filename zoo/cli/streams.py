"""The streams of the command line: no text that leaves through them can steer a terminal.

Names and texts of files, records, plugins and hubs stand in tables, remarks and errors, and in what
Python's own warnings and tracebacks print. So it is not each of those that is cleaned, but the two
streams that all of it leaves through. Rich alone, which draws with control sequences of its own,
writes past them: its text is cleaned by :func:`console` before it draws.
"""

from __future__ import annotations

import contextlib
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

_STEERING = ("Cc", "Cf", "Zl", "Zp")
"""Unicode's categories of what is obeyed rather than shown: control characters, marks that turn the
direction of writing or have no width, separators of lines and paragraphs."""


_NO_BREAKS = str.maketrans("", "", "\n\t")


def cleaned(text: str) -> str:
    """The text with a blank for every character that a terminal would obey, line ends and tabs
    apart, and ``?`` for a byte of a name that is no UTF-8."""
    if text.isascii() and text.translate(_NO_BREAKS).isprintable():
        return text
    # a large table is a million characters, of a hundred different ones
    steering = {ord(c): own for c in set(text) if (own := _clean(c)) != c}
    return text.translate(steering) if steering else text


def _clean(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    category = unicodedata.category(character)
    return "?" if category == "Cs" else " " if category in _STEERING else character


class CleanStream:
    """A text stream whose every text is :func:`cleaned`; all else is the stream's own.

    It has no ``buffer``: bytes would pass by. A carriage return that begins a text stays, as bars
    of other libraries are drawn by it.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        if text.startswith("\r"):
            self.stream.write("\r")
        self.stream.write(cleaned(text.removeprefix("\r")))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "detach"):
            raise AttributeError(name)
        return getattr(self.stream, name)


@contextlib.contextmanager
def clean_streams() -> Iterator[None]:
    """Standard output and standard error are clean from here on, until it ends."""
    before = sys.stdout, sys.stderr
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, CleanStream):
            setattr(sys, name, CleanStream(stream))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def console(*, stderr: bool = False) -> Console:
    """A console of rich's on standard output, or error, that cleans what it is given to draw."""
    from rich.console import Console
    from rich.segment import Segment

    class Clean(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                text, style, control = segment
                yield segment if control else Segment(cleaned(text), style)

    stream = sys.stderr if stderr else sys.stdout
    raw = stream.stream if isinstance(stream, CleanStream) else stream
    return Clean(file=cast(TextIO, raw))
