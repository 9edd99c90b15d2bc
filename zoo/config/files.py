"""Options of a model's plugins may not name files.

A run, a record or a repository of somebody else holds options for its plugins, and a text among
them could make a plugin open any file of this machine. Besides, a file that a plugin read would be
missing on another machine. So weights come through ``weights``, which stores their digest. Any
other file that a plugin reads lies in its package, or is an option that the plugin declares to be a
file: its digest is stored, too (:mod:`zoo.registry.file_options`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..api import UsageError
from .config import Config

KINDS = ("backbone", "head", "loss", "augmentation")
"""The kinds that a model consists of and is trained with; a data set may read files."""
_PATH = re.compile(r"[/\\]|^~|^\.\.?$|^[A-Za-z]:")
"""Matches texts that can lead to a file outside of the current folder."""


def require_no_files(config: Config, where: str) -> None:
    """Raises :class:`UsageError` that begins with ``where`` for a plugin's option that names a
    file."""
    for kind in KINDS:
        for name, value in config.plugin_options(kind).items():
            if found := next(filter(_PATH.search, _texts(value)), ""):
                raise UsageError(
                    f"{where}: {kind}.{name} = {found[:80]!r} names a file, and plugins of a model "
                    "open none: weights are given with --weights FILE, and any other file belongs "
                    "into the plugin's package, or is an option that it declares in its `files`"
                )


def _texts(value: Any) -> Iterator[str]:
    """All strings in a value of a configuration."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for item in (*value, *value.values()) for text in _texts(item))
    elif isinstance(value, list | tuple):
        yield from (text for item in value for text in _texts(item))
