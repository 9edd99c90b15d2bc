"""``timm:NAME``: any image model of timm, as a giver of feature maps.

NAME is an architecture (``resnet18``), one with a tag that picks its weights
(``resnet18.a1_in1k``), or a repository of the Hugging Face hub (``hf-hub:timm/resnet18.a1_in1k``).
A model keeps timm's names for its tensors, so a file downloaded by hand fits it.

Importing timm takes seconds, so its names are kept in a file, one for each version of timm: a list
of them imports nothing.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec

from zoo.api import Backbone, ZooError
from zoo.files import write_whole, zoo_home
from zoo.files.reading import MOST_SETTINGS, read_bytes


class TimmFamily:
    """All architectures of the installed timm."""

    summary = "any image model of timm that gives feature maps, as timm:NAME"

    def names(self, pattern: str) -> list[str]:
        """Architectures that match a shell pattern; with a dot in it, tagged names as well."""
        architectures, tagged = _names()
        among = architectures + tagged if "." in pattern else architectures
        return sorted(set(fnmatch.filter(among, pattern or "*")))

    def resolve(self, name: str) -> Backbone:
        """The backbone of that name, as :func:`timm_networks.resolve` says."""
        from zoo.plugins.backbones import timm_networks

        return timm_networks.resolve(name)


def _names() -> tuple[list[str], list[str]]:
    """timm's own where it is imported already, since a program may have added to them; else those
    of the file, which is written where it is missing or damaged."""
    extended = "timm" in sys.modules
    file = None if extended else _file()
    if file is not None and (kept := _kept(file)):
        return kept
    from zoo.plugins.backbones import timm_networks

    found = timm_networks.list_names()
    if file is not None:
        with contextlib.suppress(OSError):  # a list that is not kept is made again
            write_whole(file, json.dumps(found).encode())
    return found


def _file() -> Path | None:
    """None for a user without a home folder."""
    try:
        return zoo_home() / f"timm-names-{version('timm')}.json"
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


timm_family = TimmFamily()
