"""File names: as data sets write them, as disks store them, and as text that can be printed."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from zoo.api import DataError


def find_file(root: Path, relative: str) -> Path | None:
    """The file below ``root`` that a data set calls ``relative``; None where there is none.

    Raises :class:`DataError` as :func:`inside` does, and for a name that no disk takes.
    """
    try:
        paths = (inside(root, name) for name in spellings(relative))
        return next((path for path in paths if path.is_file()), None)
    except OSError as error:
        shown = readable(relative)[:60]
        raise DataError(f"{shown}: is no name of a file ({error.strerror})") from error


def spellings(name: str) -> Iterator[str]:
    """A name as it is written, and as other systems may have stored it: letters with composed or
    decomposed accents, or in the bytes of Windows's Western code page."""
    yield name
    if name.isascii():
        return
    for form in ("NFC", "NFD"):
        yield unicodedata.normalize(form, name)
    for encoding in ("cp1252", "latin-1"):
        try:
            yield os.fsdecode(name.encode(encoding, "surrogateescape"))
        except UnicodeError:  # the encoding lacks some of its letters
            continue


def readable(name: str) -> str:
    """A name as text that can be printed anywhere: a byte that is no UTF-8 becomes ``\\xfc``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def inside(root: Path, relative: str) -> Path:
    """The path below ``root`` that a data set calls ``relative`` (with forward slashes).

    Raises :class:`DataError` for a name that could lead out of ``root``: absolute, with ``..``, a
    backslash or a drive, or no name at all.
    """
    parts = PurePosixPath(relative).parts
    if not parts or relative[0] == "/" or ".." in parts or set(relative) & set("\\:\0"):
        raise DataError(f"{relative!r} is no path below the data set's root")
    return root.joinpath(*parts)
