"""Options of plugins that are files: given by a path, kept by their content.

A plugin names such options in its ``files``. What a user gives is a path; a run's configuration
holds ``sha256:`` and the digest, so that two paths of one file are one configuration and no path of
this machine is told. A copy is kept (:mod:`zoo.files.by_content`), where a run that goes on, is
scored or predicts finds it again; on another machine ``--file`` puts it there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..api import UsageError
from ..files.by_content import PREFIX, kept_file
from ..files.reading import digest
from .entries import Entry


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
    kept = kept_file(wanted) if re.fullmatch("[0-9a-f]{64}", wanted) else None
    again = "with --file FILE, in Python with zoo.keep_file(FILE)"
    if kept is None:
        raise UsageError(
            f"{option}: is the file with the sha256 {wanted[:64]}, which is not kept here; name it "
            f"{again}"
        )
    if digest(kept, UsageError) != wanted:
        kept.unlink()
        raise UsageError(f"{option}: {kept} was damaged; name the file again {again}")
    return str(kept)
