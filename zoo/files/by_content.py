"""Files that are found by their content: in ``ZOO_HOME/files``, each under its sha256.

A published run brings such files along in a folder of its own, under the same names.
"""

from __future__ import annotations

import re
from pathlib import Path

from zoo.api import UsageError
from zoo.files.reading import digest, read_bytes
from zoo.files.whole import write_whole, zoo_home

FOLDER = "files"
"""Its name in ``ZOO_HOME``, and beside a published run."""
PREFIX = "sha256:"
MOST = 1 << 30
"""Bytes of such a file."""
_SUFFIX = r"(?:\.[A-Za-z0-9_-]{1,16})?"
_BROUGHT = re.compile(rf"{FOLDER}/[0-9a-f]{{64}}{_SUFFIX}")


def keep_file(path: str | Path) -> str:
    """Keep a copy of a file that an option of a plugin stands for, as ``--file`` of the command
    line: a run that names its sha256 finds it.

    Args:
        path: The file, of at most 1 GiB.

    Returns:
        What a configuration says of it: ``sha256:`` and its digest.

    Raises:
        zoo.api.UsageError: It is no file that can be read.

    Example:
        >>> import zoo
        >>> zoo.keep_file("photo.png")
        'sha256:...'
    """
    found = digest(path, UsageError)
    if kept_file(found) is None:
        suffix = Path(path).suffix
        name = found + (suffix if re.fullmatch(_SUFFIX, suffix) else "")
        write_whole(zoo_home() / FOLDER / name, read_bytes(path, MOST, UsageError))
    return f"{PREFIX}{found}"


def kept_file(wanted: str) -> Path | None:
    """Where the content of a digest is kept; its suffix is that of the first path that it was kept
    from. None: it is not kept here."""
    return next(iter(sorted((zoo_home() / FOLDER).glob(f"{wanted}*"))), None)


def keep_brought(run: Path) -> None:
    """Keep the files that a published run brought along."""
    for path in sorted((run / FOLDER).glob("*")):
        if is_brought(f"{FOLDER}/{path.name}") and kept_file(path.name[:64]) is None:
            keep_file(path)


def is_brought(name: str) -> bool:
    """Whether a file of a published run, by its path there, is one that an option stands for."""
    return bool(_BROUGHT.fullmatch(name))
