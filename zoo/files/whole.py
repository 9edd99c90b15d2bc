"""The zoo's own folder, and files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from zoo.api import UsageError


def write_whole(path: Path, content: bytes) -> None:
    """Write ``path`` under a temporary name and rename it, so that readers never see half a
    file."""
    try:
        _replace(path, content)
    except OSError as error:
        if not disk_refuses(error):
            raise
        # the error names the temporary file, or no file
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only the owner may read; this one gets the usual permissions
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_leftovers(path: Path) -> None:
    """Delete the temporary files that killed writers of ``path`` left beside it. Call this only
    where no other process can be writing ``path``."""
    start = f".{path.name}."
    with contextlib.suppress(FileNotFoundError):
        for leftover in list(path.parent.iterdir()):
            if leftover.name.startswith(start) and not leftover.is_dir():
                leftover.unlink(missing_ok=True)


def disk_refuses(error: OSError) -> bool:
    """Whether a disk, a quota or a limit is full, or the disk can no longer be written."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def zoo_home() -> Path:
    """``$ZOO_HOME``, by default ``~/.cache/landmark-zoo``: the folder of stores and fetched data.

    Raises :class:`UsageError` where the home folder in its path is not known."""
    home = os.environ.get("ZOO_HOME") or "~/.cache/landmark-zoo"
    path = Path(os.path.expanduser(home))
    if str(path).startswith("~"):
        raise UsageError(f"{home}: no such home folder is known; set ZOO_HOME to a folder of yours")
    return path
