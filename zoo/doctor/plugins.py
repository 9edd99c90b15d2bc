"""Plugins: the zoo's own are loaded together, a stranger's each in a process of its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from zoo.api import ZooWarning
from zoo.registry.entries import OURS, Entry, normal, survey
from zoo.registry.trial import check_all

from .diagnosis import Diagnosis
from .probes import ask


def look_at_plugins() -> Iterator[Diagnosis]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ZooWarning)
        found = survey()
    for each in said:
        if issubclass(each.category, ZooWarning):
            yield Diagnosis("plugins", "warn", str(each.message))
    if found.hidden:
        what = f"ZOO_PLUGINS hides {_plugins(len(found.hidden))}"
        yield Diagnosis("plugins", "warn", what, "unset ZOO_PLUGINS")
    for stray in found.strays:
        yield Diagnosis("plugins", "warn", stray, "tell its author")
    yield from _ours()
    strangers = [entry for entry in found.entries if normal(entry.distribution) != normal(OURS)]
    broken = 0
    for entry in check_all(strangers):
        if entry.status != "ok":
            broken += 1
            yield _unwell(entry)
    if strangers:
        well = len(strangers) - broken
        yield Diagnosis("plugins", "ok", f"{well} of {_plugins(len(strangers))} of others load")


def _ours() -> Iterator[Diagnosis]:
    again = f"pip install --force-reinstall --no-deps {OURS}"
    answer, failed = ask("built_ins")
    if failed or not answer["count"]:
        yield Diagnosis("built-ins", "broken", failed or "none is installed", again)
        return
    for each in answer["broken"]:
        what = f"{each['kind']} {each['id']}: {each['reason']}"
        yield Diagnosis("built-ins", "broken", what, again)
    well = answer["count"] - len(answer["broken"])
    if well:
        yield Diagnosis("built-ins", "ok", f"{well} of {_plugins(answer['count'])} load")


def _unwell(entry: Entry) -> Diagnosis:
    """A stranger's plugin disturbs nothing but itself, so it is no more than a warning."""
    what = f"{entry.kind} {entry.id} of {entry.origin}, {entry.status}: {entry.reason}"
    told = "pip install" in entry.reason or "ask for" in entry.reason
    again = "" if told else f"pip install --upgrade {entry.distribution}"
    return Diagnosis("plugins", "warn", what, again)


def _plugins(count: int) -> str:
    return f"{count} plugin{'' if count == 1 else 's'}"
