"""The names of a package, of its module and of its plugin, none of which is in use."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from itertools import count

from zoo.api import UsageError
from zoo.registry.entries import Entry, canonical_kind, survey

PREFIX = "landmark_zoo_"
"""Packages may carry it so that people find them; an id need not repeat it."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*")
"""The names of PEP 508 that are also easy to type: small letters, no two separators in a row."""

_ID = re.compile(r"[a-z][a-z0-9_]*")
_FOLDERS = frozenset({"test", "tests", "build", "dist", "runs"})
"""Folders beside the module, which Python could import instead of it."""


@dataclass(frozen=True)
class PackageNames:
    """``my-backbone``, the distribution, with its module and its id, both ``my_backbone``."""

    distribution: str
    module: str
    id: str
    kind: str
    shared_id: bool = False
    """Whether a plugin of another kind has the same id, so that commands need ``--kind``."""


def choose_names(name: str, kind: str) -> PackageNames:
    """The names for a package called ``name`` with one plugin of this kind.

    ``landmark-zoo-tiny`` has the module ``landmark_zoo_tiny`` and the id ``tiny``. Raises
    UsageError, with a name that would do, for a malformed name and for one that would hide a
    module, an installed distribution or a plugin.
    """
    kind = canonical_kind(kind)
    reason = _malformed(name) or _taken(name, kind)
    if reason:
        raise UsageError(f"{reason}; {_suggestion(name, kind)} would do")
    plugin_id = _id_of(name)
    others = {entry.kind for entry in _all_plugins() if entry.id == plugin_id}
    return PackageNames(name, _module_of(name), plugin_id, kind, bool(others - {kind}))


def _malformed(name: str) -> str:
    """Why this is no name for a package; empty if it is one."""
    if _NAME.fullmatch(name):
        return ""
    shown = "".join(c if c.isprintable() else "?" for c in name)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return (
        f'"{shown}" is no name for a package here: it begins with a small letter and goes on with '
        "small letters, digits and single hyphens"
    )


def _taken(name: str, kind: str) -> str:
    """What a well-formed name would collide with; empty if nothing."""
    module, plugin_id = _module_of(name), _id_of(name)
    clash = f"{name}: its module would be {module}, and that is"
    if keyword.iskeyword(module):
        return f"{clash} a word of Python's own"
    if module in sys.stdlib_module_names:
        return f"{clash} a module of Python's own"
    if module in _FOLDERS:
        return f"{clash} the name of a folder beside it"
    for entry in _all_plugins():
        if (entry.kind, entry.id) == (kind, plugin_id):
            return f"{name}: {entry.origin} has a {kind} of the id {plugin_id} already"
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        pass
    else:
        return f"{name}: {name} {found.version} is installed already, and pip would replace it"
    if importlib.util.find_spec(module) is not None:
        return f"{clash} a module that is installed already"
    return ""


def _all_plugins() -> list[Entry]:
    """Every plugin, including those that ZOO_PLUGINS hides."""
    plugins = survey()
    return [*plugins.entries, *plugins.hidden]


def _module_of(name: str) -> str:
    return re.sub(r"[-.]", "_", name)


def _id_of(name: str) -> str:
    module = _module_of(name)
    short = module.removeprefix(PREFIX)
    return short if _ID.fullmatch(short) else module


def _suggestion(name: str, kind: str) -> str:
    """A similar name that is well-formed and not taken."""
    return next(
        candidate
        for candidate in _candidates(name, kind)
        if not _malformed(candidate) and not _taken(candidate, kind)
    )


def _candidates(name: str, kind: str) -> Iterator[str]:
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-") or f"my-{kind}"
    yield plain
    if not plain.startswith("my-"):
        yield f"my-{plain}"
    if not plain.endswith(kind):
        yield f"{plain}-{kind}"
    for number in count(2):
        yield f"my-{kind}-{number}"
