"""What to say about a name nobody knows: one line, with the close matches."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from zoo.api import UsageError


def unknown_name(what: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for ``name``, which is none of the ``known`` names of a ``what``."""
    names = list(known)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return UsageError(f"no {what} {name!r}: {hint}there are {', '.join(names)}")
