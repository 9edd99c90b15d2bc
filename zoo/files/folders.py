"""Lists the contents of folders. Links to folders are followed, and no folder is entered twice.

A folder that several links lead to, or a link to a folder that contains it, is entered once:
through its own path, where that lies below the root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch, fnmatchcase
from glob import has_magic
from pathlib import Path

from zoo.api.notices import warn


def walk(root: Path, *, hidden: bool = True) -> Iterator[tuple[Path, list[Path]]]:
    """``root`` and every folder below it, each with the entries in it that are no folders, sorted
    by name; nothing where ``root`` is no folder.

    ``hidden``: include names that begin with a dot. A link to a folder that contains ``root`` is
    not followed. A folder that cannot be read, and a link that leads nowhere, is left out with a
    :class:`ZooWarning`.
    """
    entered = {_identity(above) for above in root.resolve().parents if above.exists()}
    waiting, links = [root] if root.is_dir() else [], list[Path]()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        if (identity := _identity(folder)) in entered:
            continue
        entered.add(identity)
        files = []
        for each in _listed(folder, hidden):
            if each.is_symlink() and not each.exists():
                warn(f"{each}: the link leads nowhere")
            elif not each.is_dir():
                files.append(each)
            elif each.is_symlink():
                links.append(each)
            else:
                waiting.append(each)
        yield folder, files


def files_below(root: Path, pattern: str = "*") -> list[Path]:
    """The files below ``root`` whose name matches ``pattern`` regardless of case, sorted by path.
    Links to files are included."""
    lower = pattern.lower()
    found = [f for _, files in walk(root) for f in files if fnmatchcase(f.name.lower(), lower)]
    return sorted(filter(Path.is_file, found), key=lambda path: path.parts)


def matching(pattern: str) -> list[Path]:
    """The files and folders that match a shell pattern; ``**`` stands for any folders.

    If a file or folder has exactly the name in the pattern, the name is taken literally, even with
    brackets in it. As in a shell, only a pattern that begins with a dot matches hidden names.
    """
    path = Path(pattern)
    start = Path(path.anchor)
    parts = path.parts[1:] if path.anchor else path.parts
    return list(dict.fromkeys(_matching(start, parts)))


def _matching(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    if not parts:
        yield folder
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        for each, _ in walk(folder, hidden=False):
            yield from _matching(each, rest or ("*",))
    elif (folder / first).exists():
        yield from _matching(folder / first, rest)
    elif has_magic(first) and folder.is_dir():
        for each in _listed(folder, hidden=first.startswith(".")):
            if fnmatch(each.name, first) and (not rest or each.is_dir()):
                yield from _matching(each, rest)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _listed(folder: Path, hidden: bool) -> list[Path]:
    """The entries of the folder, sorted by name."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        reason = f"{folder}: the folder cannot be read ({error.strerror}) and is left out"
        warn(reason)
        return []
    return [folder / name for name in names if hidden or not name.startswith(".")]
