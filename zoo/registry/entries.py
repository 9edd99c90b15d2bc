"""The installed plugins, read from metadata alone: no plugin is imported here.

An unreadable distribution, a bad name and two plugins of one id are reported, and hide no other
plugin. ``ZOO_PLUGINS`` limits the plugins to the built-in ones (``none``), or to those and the
distributions that it names (``zoo-lips,zoo-hands``).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Literal

from zoo.api.errors import did_you_mean, unknown_name
from zoo.api.kinds import KINDS
from zoo.api.notices import warn

OURS = "landmark-zoo"
"""The distribution whose plugins are the built-in ones."""

GROUPS = {kind.name: kind.group for kind in KINDS.values()}
"""Entry-point group of each kind, the kinds in the order of listing."""

_BY_GROUP = {group: kind for kind, group in GROUPS.items()}

Status = Literal["not loaded", "duplicate", "invalid name", "invalid target", "ok", "broken"]

UNUSABLE: tuple[Status, ...] = ("invalid name", "invalid target")
"""Faults that metadata alone shows: there is nothing to load."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TARGET = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)\s*:\s*([^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_GROUP_HEADING = re.compile(r"^\s*\[\s*((?:landmark[-_.])?zoo[-_. ][^\]]*?)\s*\]", re.M | re.I)
"""Heading of a group that is the zoo's, or was meant to be."""


@dataclass(frozen=True)
class Entry:
    """One plugin as its metadata describes it; ``target`` is ``module:object``."""

    id: str
    kind: str
    distribution: str
    version: str
    target: str
    status: Status = "not loaded"
    reason: str = ""

    @property
    def qualified(self) -> str:
        """``distribution/id``. A run stores it, so that no later plugin of its id breaks a run."""
        return f"{self.distribution}/{self.id}"

    @property
    def label(self) -> str:
        """``head distribution/id``: how messages name it."""
        return f"{self.kind} {self.qualified}"

    @property
    def origin(self) -> str:
        return f"{self.distribution} {self.version}"

    def answers_to(self, name: str) -> bool:
        """Whether ``name`` is this id, or this id behind its distribution and a slash."""
        distribution, slash, plain = name.rpartition("/")
        return self.id == plain and (not slash or normal(self.distribution) == normal(distribution))


@dataclass(frozen=True)
class Survey:
    """All plugins of this environment; those that ``ZOO_PLUGINS`` hides are in their own list."""

    entries: list[Entry]
    hidden: list[Entry]
    strays: list[str]
    """A message for each group that is named like the zoo's but that the zoo does not read."""


def installed() -> list[Entry]:
    """Every plugin of every kind, from metadata alone, by kind and id.

    A distribution whose metadata cannot be read is left out with a :class:`ZooWarning`.
    """
    return survey().entries


def survey() -> Survey:
    """See :class:`Survey`. A distribution that is hidden makes no duplicate and no warning."""
    allowed = _allowed()
    shown: list[Entry] = []
    hidden: list[Entry] = []
    strays: list[str] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            groups = _GROUP_HEADING.findall(distribution.read_text("entry_points.txt") or "")
            if not groups:
                continue
            name = distribution.metadata["Name"]
            if not name:
                raise ValueError("no Name in its METADATA")
            if normal(name) in seen:
                continue
            seen.add(normal(name))
            is_allowed = allowed is None or normal(name) in allowed
            # A checkout's egg-info may stand on the path beside the installed copy. Python imports
            # the first of a name, and `metadata.distribution` gives the metadata of that one.
            (shown if is_allowed else hidden).extend(_read(metadata.distribution(name)))
            if is_allowed:
                strays += [_stray(g, name) for g in dict.fromkeys(groups) if g not in _BY_GROUP]
        except Exception as error:
            if allowed != {OURS}:
                place = getattr(distribution, "_path", distribution)
                warn(
                    f"plugins of {place} are unknown, its metadata is damaged: "
                    f"{one_line(error)}; reinstall it or uninstall it"
                )
    for name in sorted((allowed or set()) - seen):
        warn(f"ZOO_PLUGINS names {name}, which is not installed or brings no plugin")
    kinds = list(GROUPS)
    shown.sort(key=lambda entry: (kinds.index(entry.kind), entry.id, entry.distribution))
    namesakes: dict[tuple[str, str], list[Entry]] = {}
    for entry in shown:
        namesakes.setdefault((entry.kind, entry.id), []).append(entry)
    checked = [_checked(entry, namesakes[entry.kind, entry.id]) for entry in shown]
    return Survey(checked, hidden, strays)


def hidden() -> list[Entry]:
    """The plugins that ``ZOO_PLUGINS`` hides."""
    return [] if _allowed() is None else survey().hidden


def _allowed() -> set[str] | None:
    """The distributions whose plugins are shown, by their names as in PEP 503; None: all."""
    text = os.environ.get("ZOO_PLUGINS", "")
    names = {normal(name.strip()) for name in text.split(",")} - {""}
    return (names - {"none"}) | {OURS} if names else None


def _read(distribution: metadata.Distribution) -> list[Entry]:
    name = distribution.metadata["Name"]
    version = distribution.metadata["Version"] or "unknown"
    try:
        points = list(distribution.entry_points)
    except TypeError as error:  # Python's message is about its internals
        raise ValueError("a line of its entry_points.txt lacks the = ") from error
    return [
        Entry(point.name, _BY_GROUP[point.group], name, version, _target(point.value))
        for point in points
        if point.group in _BY_GROUP
    ]


def _stray(group: str, distribution: str) -> str:
    plain = re.sub("[-_ ]", ".", group.lower()).removeprefix("landmark.")
    question = did_you_mean(plain, _BY_GROUP, most=1, cutoff=0.8)
    return (
        f"{distribution} declares plugins in the entry-point group {group}, which the zoo does not "
        f"read; {question or 'its groups are ' + ', '.join(_BY_GROUP)}"
    )


def _target(value: str) -> str:
    """``module:object`` without the blanks and the extras in brackets that packaging allows."""
    parts = _TARGET.fullmatch(re.sub(r"\[.*\]\s*$", "", value).strip())
    return f"{parts[1]}:{parts[2]}" if parts else value


def _checked(entry: Entry, namesakes: list[Entry]) -> Entry:
    """The entry with the status that metadata alone shows: a bad name, a bad target or a duplicate.
    ``namesakes``: all entries of its kind and id, itself among them."""
    if not _NAME.fullmatch(entry.id):
        reason = "an id is a small letter followed by small letters, digits and _"
        return replace(entry, status="invalid name", reason=reason)
    if not _TARGET.fullmatch(entry.target):
        reason = f'"{entry.target}" does not read module:object, as an entry point must'
        return replace(entry, status="invalid target", reason=reason)
    others = list(namesakes)
    others.remove(entry)
    if any(other.distribution == entry.distribution for other in others):
        return replace(entry, status="duplicate", reason=f"declared twice in {entry.origin}")
    if others:
        reason = f"also in {', '.join(other.origin for other in others)}; ask for {entry.qualified}"
        return replace(entry, status="duplicate", reason=reason)
    return entry


def canonical_kind(kind: str) -> str:
    """``"losses"`` and ``"loss"`` are both ``"loss"``. Raises UsageError for anything else."""
    for each in KINDS.values():
        if kind in (each.name, each.plural):
            return each.name

    raise unknown_name("kind of plugin", kind, GROUPS)


def normal(distribution: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution; None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def absent_requirement(error: BaseException) -> str:
    """The requirement of this distribution whose absence raised ``error``; empty for other errors.
    It may be absent on purpose: prediction from an ONNX file needs no torch."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    module = error.name.partition(".")[0]
    package = normal({"PIL": "pillow", "cv2": "opencv-python-headless"}.get(module, module))
    try:
        lines = metadata.requires(OURS) or []
    except metadata.PackageNotFoundError:
        return ""
    required = {normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}
    return package if package in required and version_of(package) is None else ""


def one_line(error: BaseException) -> str:
    """Type and message of an exception, printable and on one line of at most 300 characters."""
    text = "".join(c if c.isprintable() else " " for c in f"{type(error).__name__}: {error}")
    text = " ".join(text.split()).rstrip(".:")
    return text if len(text) <= 300 else text[:297] + "..."


def bare_id(plugin_id: str) -> str:
    """An id without its distribution: ``landmark-zoo/timm:resnet18`` gives ``timm:resnet18``."""
    return plugin_id.rpartition("/")[2]


def own_version() -> str:
    """The version of landmark-zoo that is installed.

    Raises:
        ImportError: It is on the path and not installed.
    """
    try:
        return metadata.version(OURS)
    except metadata.PackageNotFoundError:
        raise ImportError(
            "landmark-zoo is on the path but not installed, so its version and its plugins are "
            "unknown: run `pip install -e .` in its folder"
        ) from None
