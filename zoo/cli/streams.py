"""The streams of the command line: no text that is written to them can control a terminal.

Text from files, records, plugins and hubs appears in tables, remarks and errors, and in Python's
own warnings and tracebacks. All of it goes through two streams, and those clean it. Only rich
writes past them, since it draws with control sequences of its own: :func:`console` cleans its text
before it draws.
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
"""Unicode's categories of characters that a terminal obeys instead of showing them: control
characters, marks that change the direction of writing or have no width, separators of lines and
paragraphs."""


_NO_BREAKS = str.maketrans("", "", "\n\t")


def cleaned(text: str) -> str:
    """The text with a blank for every character that a terminal would obey, except line ends and
    tabs, and with ``?`` for a byte of a name that is no UTF-8."""
    if text.isascii() and text.translate(_NO_BREAKS).isprintable():
        return text
    # a large table has a million characters, but only a hundred different ones
    steering = {ord(c): clean for c in set(text) if (clean := _clean(c)) != c}
    return text.translate(steering) if steering else text


def _clean(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    category = unicodedata.category(character)
    return "?" if category == "Cs" else " " if category in _STEERING else character


class CleanStream:
    """A text stream that writes text :func:`cleaned`; all else is passed on to the stream.

    It has no ``buffer``, since bytes would not be cleaned. A carriage return at the beginning of a
    text stays, since the progress bars of other libraries need it.
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
    """Inside, standard output and standard error are cleaned."""
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
    """A console of rich on standard output, or on standard error, that cleans what it draws."""
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
