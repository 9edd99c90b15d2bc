"""The names of timm's networks, kept in a file for each version of timm.

Importing timm takes seconds. With the file, names can be listed, and an unknown name found, without
that import.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from zoo.api import PluginError, ZooError
from zoo.files import write_whole, zoo_home
from zoo.files.reading import MOST_SETTINGS, read_bytes

HUB = "hf-hub:"
"""Prefix of the name of a repository of the Hugging Face hub."""


def unknown(name: str, near: Sequence[str]) -> PluginError:
    """The error for a name that timm does not have, with similar names as a hint."""
    hint = f"did you mean timm:{', timm:'.join(near)}? " if near else ""
    return PluginError(
        f"timm {version('timm')} has no model {name}; {hint}`zoo list 'timm:*'` lists them all"
    )


def names() -> tuple[list[str], list[str]]:
    """All architectures, and all names with a tag that selects weights.

    Where timm is imported already, they come from timm, since a program may have registered more.
    Otherwise they come from the file, which is written where it is missing or damaged.
    """
    imported = "timm" in sys.modules
    file = None if imported else _file()
    if file is not None and (kept := _kept(file)):
        return kept
    import timm

    found = sorted(timm.list_models()), sorted(timm.list_pretrained())
    if file is not None:
        with contextlib.suppress(OSError):  # without the file, the next call imports timm again
            write_whole(file, json.dumps(found).encode())
    return found


def _file() -> Path | None:
    """The file of names. None for a user without a home folder, and for a development version of
    timm."""
    release = version("timm")
    if "dev" in release:
        return None
    try:
        return zoo_home() / f"timm-names-{release}.json"
    except ZooError:
        return None


def _kept(file: Path) -> tuple[list[str], list[str]] | None:
    try:
        architectures, tagged = msgspec.json.decode(
            read_bytes(file, MOST_SETTINGS), type=tuple[list[str], list[str]]
        )
    except (ZooError, msgspec.DecodeError):
        return None
    return architectures, tagged
