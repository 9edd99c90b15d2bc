"""The zoo's own folder, and files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from zoo.api import UsageError


def write_whole(path: Path, content: bytes) -> None:
    """Writes ``path`` under a temporary name and renames it: a reader never sees a half."""
    try:
        _replace(path, content)
    except OSError as error:
        if not disk_refuses(error):
            raise
        # it names the temporary file, or none
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only the owner may read; these are like any other output
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_leftovers(path: Path) -> None:
    """What writers of ``path`` that were killed left beside it; for whoever knows that no other
    process writes it now."""
    start = f".{path.name}."
    with contextlib.suppress(FileNotFoundError):
        for left in list(path.parent.iterdir()):
            if left.name.startswith(start) and not left.is_dir():
                left.unlink(missing_ok=True)


def disk_refuses(error: OSError) -> bool:
    """Whether a disk, a quota or a limit is full, or the disk can no longer be written."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def zoo_home() -> Path:
    """``$ZOO_HOME``, by default ``~/.cache/landmark-zoo``: stores, and data sets fetched.

    Raises :class:`UsageError` for a user who has no home folder that is known."""
    home = os.environ.get("ZOO_HOME") or "~/.cache/landmark-zoo"
    path = Path(os.path.expanduser(home))
    if str(path).startswith("~"):
        raise UsageError(f"{home}: no such home folder is known; set ZOO_HOME to a folder of yours")
    return path
