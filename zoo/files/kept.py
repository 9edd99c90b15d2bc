"""Files that can be made again, kept in ``ZOO_HOME`` because making them takes time."""

from __future__ import annotations

import contextlib
from pathlib import Path

from zoo.files.whole import write_whole

MOST = 16
"""Files of a folder that stay, the newest."""


def keep(place: Path, content: bytes) -> None:
    """Write a file, and let the oldest of its folder go. A folder that takes none is no harm: the
    next process makes the file again."""
    with contextlib.suppress(OSError):
        write_whole(place, content)
        there = sorted(place.parent.iterdir(), key=lambda file: file.stat().st_mtime)
        for old in there[:-MOST]:
            old.unlink(missing_ok=True)
