"""What is installed, told by metadata alone: no plugin is imported here.

One unreadable distribution, one bad name or two plugins of one id are said, and hide nothing else.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Literal

from zoo.api import UsageError

GROUPS = {
    "backbone": "zoo.backbones",
    "dataset": "zoo.datasets",
    "head": "zoo.heads",
    "loss": "zoo.losses",
    "detector": "zoo.detectors",
}
"""Entry-point group of each kind, the kinds in the order of listing."""

Status = Literal["not loaded", "duplicate", "invalid name", "ok", "broken"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_GROUP_HEADING = re.compile(r"^\s*\[\s*zoo\.", re.MULTILINE)


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
        """``distribution/id``: what a run stores, so that a later namesake breaks no old run."""
        return f"{self.distribution}/{self.id}"

    @property
    def origin(self) -> str:
        return f"{self.distribution} {self.version}"

    def answers_to(self, name: str) -> bool:
        """Whether ``name`` is this id, or this id behind its distribution and a slash."""
        distribution, slash, plain = name.rpartition("/")
        return self.id == plain and (not slash or normal(self.distribution) == normal(distribution))


def installed() -> list[Entry]:
    """Every plugin of every kind, from metadata alone, by kind and id.

    A distribution whose metadata cannot be read is left out with a warning.
    """
    entries: list[Entry] = []
    seen: set[str] = set()
    for found in metadata.distributions():
        try:
            if not _GROUP_HEADING.search(found.read_text("entry_points.txt") or ""):
                continue
            name = found.metadata["Name"]
            if normal(name) not in seen:
                seen.add(normal(name))
                # A checkout's egg-info may stand on the path beside the installed copy. Python
                # takes the first of a name, so that copy's metadata is the one that counts.
                entries += _read(metadata.distribution(name))
        except Exception as error:
            place = getattr(found, "_path", found)
            warnings.warn(f"plugins of {place} are unknown: {one_line(error)}", stacklevel=2)
    kinds = list(GROUPS)
    entries.sort(key=lambda entry: (kinds.index(entry.kind), entry.id, entry.distribution))
    return [_judged(entry, entries) for entry in entries]


def _read(found: metadata.Distribution) -> list[Entry]:
    name, version = found.metadata["Name"], found.metadata["Version"]
    kinds = {group: kind for kind, group in GROUPS.items()}
    return [
        Entry(point.name, kinds[point.group], name, version, point.value)
        for point in found.entry_points
        if point.group in kinds
    ]


def _judged(entry: Entry, entries: list[Entry]) -> Entry:
    """The entry with what its metadata alone gives away: a bad name, or a namesake."""
    if not _NAME.fullmatch(entry.id):
        reason = "an id is a small letter followed by small letters, digits and _"
        return replace(entry, status="invalid name", reason=reason)
    others = [other for other in entries if (other.kind, other.id) == (entry.kind, entry.id)]
    others.remove(entry)
    if any(other.distribution == entry.distribution for other in others):
        return replace(entry, status="duplicate", reason=f"declared twice in {entry.origin}")
    if others:
        reason = f"also in {', '.join(other.origin for other in others)}; ask for {entry.qualified}"
        return replace(entry, status="duplicate", reason=reason)
    return entry


def canonical_kind(kind: str) -> str:
    """``"losses"`` and ``"loss"`` are both ``"loss"``. Raises UsageError for anything else."""
    for name, group in GROUPS.items():
        if kind in (name, group.removeprefix("zoo.")):
            return name

    raise UsageError(f'there is no kind "{kind}"; the kinds are {", ".join(GROUPS)}')


def normal(distribution: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def one_line(error: BaseException) -> str:
    """Type and message of an exception, printable and on one line of at most 300 characters."""
    text = "".join(c if c.isprintable() else " " for c in f"{type(error).__name__}: {error}")
    text = " ".join(text.split()).rstrip(".:")
    return text if len(text) <= 300 else text[:297] + "..."


def unknown(plugin_id: str, entries: list[Entry], what: str) -> str:
    """The message for an id that none of the entries answers to."""
    import difflib

    head, colon, name = plugin_id.partition(":")
    distribution, slash, plain = head.rpartition("/")
    if slash:
        entries = [entry for entry in entries if normal(entry.distribution) == normal(distribution)]
        if not entries:
            return (
                f'no {what} is called "{plugin_id}": {distribution} is not installed or brings '
                f"none; install it, or see `zoo list`"
            )
    close = difflib.get_close_matches(plain, dict.fromkeys(entry.id for entry in entries))
    guesses = [distribution + slash + match + colon + name for match in close]
    hint = f"; did you mean {' or '.join(guesses)}?" if close else ";"
    command = f"zoo list --kind {what}" if what in GROUPS else "zoo list"
    return f'no installed {what} is called "{plugin_id}"{hint} `{command}` lists them all'


def ambiguous(plugin_id: str, found: list[Entry]) -> str:
    """The message for an id that several entries answer to."""
    if len({entry.qualified for entry in found}) == 1:
        targets = " and ".join(entry.target for entry in found)
        return (
            f"{found[0].origin} declares the {found[0].kind} {plugin_id} twice, as {targets}: "
            "its author must rename one"
        )
    return (
        f"{plugin_id} is a {found[0].kind} of {' and of '.join(entry.origin for entry in found)}: "
        f"ask for {' or '.join(entry.qualified for entry in found)}"
    )
