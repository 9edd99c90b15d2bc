"""Options of plugins that are files: a user gives a path, and the zoo keeps the content.

A plugin names such options in its ``files``. A run's configuration holds ``sha256:`` and the digest
instead of the path, so that two paths of one file are one configuration and no path of this machine
is published. The zoo keeps a copy (:mod:`zoo.files.by_content`), which it needs to go on with a
run, to score it and to predict with it. On another machine ``--file`` provides the copy.
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
    sha256 = value.removeprefix(PREFIX)
    kept = kept_file(sha256) if re.fullmatch("[0-9a-f]{64}", sha256) else None
    how = "with --file FILE, in Python with zoo.keep_file(FILE)"
    if kept is None:
        raise UsageError(
            f"{option}: is the file with the sha256 {sha256[:64]}, which is not kept here; name it "
            f"{how}"
        )
    if digest(kept, UsageError) != sha256:
        kept.unlink()
        raise UsageError(f"{option}: {kept} was damaged; name the file again {how}")
    return str(kept)
