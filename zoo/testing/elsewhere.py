"""A copy of a data set in another place, in folders that list their files in another order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

MOST_FILES = 20_000
"""With more files than this, the copy is one link to the whole root."""


@contextmanager
def moved(root: Path | None) -> Iterator[Path | None]:
    """Give a copy of the root, made of links. Inside, every folder is listed backwards.

    The working directory is another one, too. A root of None stays None.
    """
    here = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder, ExitStack() as stack:
        target = Path(folder).resolve() / "a copy elsewhere"
        copy = None if root is None else _linked(root, target)
        os.chdir(folder)
        stack.callback(os.chdir, here)
        for patch in _backwards():
            stack.enter_context(patch)
        yield copy


def _linked(root: Path, target: Path) -> Path:
    """Make the root's folders anew and link its files; gives the path of the copy."""
    if root.is_file():
        return _linked(root.parent, target) / root.name
    files = [path for path in sorted(root.rglob("*")) if not path.is_dir()][: MOST_FILES + 1]
    if len(files) > MOST_FILES:
        target.symlink_to(root, target_is_directory=True)
        return target
    target.mkdir()
    for path in reversed(files):
        link = target / path.relative_to(root)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    return target


class _Backwards:
    """What os.scandir gives, from the last entry to the first."""

    def __init__(self, entries: Any) -> None:
        with entries:
            self._entries = iter(sorted(entries, key=lambda e: os.fspath(e.name), reverse=True))

    def __iter__(self) -> _Backwards:
        return self

    def __next__(self) -> os.DirEntry[Any]:
        return next(self._entries)

    def __enter__(self) -> _Backwards:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def _backwards() -> list[Any]:
    """Patches under which folders are listed backwards."""
    scandir, listdir = os.scandir, os.listdir

    def scan(*arguments: Any) -> _Backwards:
        return _Backwards(scandir(*arguments))

    def names(*arguments: Any) -> list[Any]:
        return sorted(listdir(*arguments), reverse=True)

    patches = [mock.patch.object(os, "scandir", scan), mock.patch.object(os, "listdir", names)]
    # From 3.13 pathlib's globs keep scandir in a class of the module glob.
    import glob

    for name in ("_Globber", "_GlobberBase", "_StringGlobber"):
        globber = getattr(glob, name, None)
        if "scandir" in vars(globber or object):
            patches.append(mock.patch.object(globber, "scandir", staticmethod(scan)))
    return patches
