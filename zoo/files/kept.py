"""Files that can be made again, kept in ``ZOO_HOME`` because making them takes time."""

from __future__ import annotations

import contextlib
from pathlib import Path

from zoo.files.whole import write_whole

MOST = 16
"""How many files of a folder are kept: the newest ones."""


def keep(place: Path, content: bytes) -> None:
    """Write a file, and delete the oldest files of its folder. An error is ignored: the next
    process makes the file again."""
    with contextlib.suppress(OSError):
        write_whole(place, content)
        files = sorted(place.parent.iterdir(), key=lambda file: file.stat().st_mtime)
        for old in files[:-MOST]:
            old.unlink(missing_ok=True)
