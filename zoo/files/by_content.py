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
"""Name of the folder, in ``ZOO_HOME`` and beside a published run."""
PREFIX = "sha256:"
MOST = 1 << 30
"""Largest size of such a file, in bytes."""
_SUFFIX = r"(?:\.[A-Za-z0-9_-]{1,16})?"
_BROUGHT = re.compile(rf"{FOLDER}/[0-9a-f]{{64}}{_SUFFIX}")


def keep_file(path: str | Path) -> str:
    """Keep a copy of a file that a plugin's option names, as ``--file`` does on the command line. A
    run that names the file's sha256 finds the copy.

    Args:
        path: The file, of at most 1 GiB.

    Returns:
        The value that stands for it in a configuration: ``sha256:`` and its digest.

    Raises:
        zoo.api.UsageError: The file cannot be read.

    Example:
        >>> import zoo
        >>> zoo.keep_file("photo.png")
        'sha256:...'
    """
    sha256 = digest(path, UsageError)
    if kept_file(sha256) is None:
        suffix = Path(path).suffix
        name = sha256 + (suffix if re.fullmatch(_SUFFIX, suffix) else "")
        write_whole(zoo_home() / FOLDER / name, read_bytes(path, MOST, UsageError))
    return f"{PREFIX}{sha256}"


def kept_file(wanted: str) -> Path | None:
    """The kept file whose content has this digest; None where there is none. Its suffix is that of
    the first file with this content that was kept."""
    return next(iter(sorted((zoo_home() / FOLDER).glob(f"{wanted}*"))), None)


def keep_brought(run: Path) -> None:
    """Keep the files that a published run brought along."""
    for path in sorted((run / FOLDER).glob("*")):
        if is_brought(f"{FOLDER}/{path.name}") and kept_file(path.name[:64]) is None:
            keep_file(path)


def is_brought(name: str) -> bool:
    """Whether a path in a published run is that of a file that a plugin's option names."""
    return bool(_BROUGHT.fullmatch(name))
