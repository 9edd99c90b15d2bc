"""Options of plugins that are files: given by a path, kept by their content.

A plugin names such options in its ``files``. What a user gives is a path; a run's configuration
holds ``sha256:`` and the digest, so that two paths of one file are one configuration and no path of
this machine is told. The content is kept in ``ZOO_HOME/files``, where a run that goes on, is scored
or predicts finds it again; on another machine ``--file`` puts it there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..api import UsageError
from ..files import write_whole, zoo_home
from ..files.reading import digest, read_bytes
from .entries import Entry

PREFIX = "sha256:"
MOST = 1 << 30
"""Bytes of such a file."""


def keep(path: str | Path) -> str:
    """Keep a file's content, and give what a configuration says of it: ``sha256:`` and its digest.
    Raises :class:`UsageError` for what is no file that can be read."""
    found = digest(path, UsageError)
    if not any(_kept(found)):
        write_whole(_place() / f"{found}{Path(path).suffix}", read_bytes(path, MOST, UsageError))
    return f"{PREFIX}{found}"


def located(entry: Entry, plugin: object, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a plugin with a path of this machine for each that is a file. Raises
    :class:`UsageError` that names the option for a file that is not here."""
    found = dict(options)
    for name in getattr(plugin, "files", ()):
        if name in found:
            found[name] = _path(f"{entry.kind}.{name}", found[name])
    return found


def _path(option: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{option} = {value!r}: expected the path of a file")
    if not value.startswith(PREFIX):
        path = Path(os.path.expanduser(value)).resolve()
        if not path.is_file():
            raise UsageError(f"{option} = {value}: no such file")
        return str(path)
    wanted = value.removeprefix(PREFIX)
    kept = _kept(wanted) if re.fullmatch("[0-9a-f]{64}", wanted) else []
    if not kept:
        raise UsageError(
            f"{option}: is the file with the sha256 {wanted[:64]}, which is not kept here; name it "
            "with --file FILE"
        )
    if digest(kept[0], UsageError) != wanted:
        kept[0].unlink()
        raise UsageError(f"{option}: {kept[0]} was damaged; name the file again with --file FILE")
    return str(kept[0])


def _kept(wanted: str) -> list[Path]:
    """Where the content is kept; its suffix is that of the first path that it was kept from."""
    return sorted(_place().glob(f"{wanted}*"))


def _place() -> Path:
    return zoo_home() / "files"
