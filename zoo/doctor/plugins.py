"""Checks of plugins: the zoo's own are loaded together, each other one in its own process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from zoo.api import ZooWarning
from zoo.registry.entries import OURS, Entry, normal, survey
from zoo.registry.trial import check_all

from .diagnosis import Diagnosis
from .probes import ask


def look_at_plugins() -> Iterator[Diagnosis]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ZooWarning)
        plugins = survey()
    for each in caught:
        if issubclass(each.category, ZooWarning):
            yield Diagnosis("plugins", "warn", str(each.message))
    if plugins.hidden:
        what = f"ZOO_PLUGINS hides {_plugins(len(plugins.hidden))}"
        yield Diagnosis("plugins", "warn", what, "unset ZOO_PLUGINS")
    for stray in plugins.strays:
        yield Diagnosis("plugins", "warn", stray, "tell its author")
    yield from _ours()
    others = [entry for entry in plugins.entries if normal(entry.distribution) != normal(OURS)]
    broken = 0
    for entry in check_all(others):
        if entry.status != "ok":
            broken += 1
            yield _not_ok(entry)
    if others:
        working = len(others) - broken
        yield Diagnosis("plugins", "ok", f"{working} of {_plugins(len(others))} of others load")


def _ours() -> Iterator[Diagnosis]:
    fix = f"pip install --force-reinstall --no-deps {OURS}"
    answer, failed = ask("built_ins")
    if failed or not answer["count"]:
        yield Diagnosis("built-ins", "broken", failed or "none is installed", fix)
        return
    for each in answer["broken"]:
        what = f"{each['kind']} {each['id']}: {each['reason']}"
        yield Diagnosis("built-ins", "broken", what, fix)
    working = answer["count"] - len(answer["broken"])
    if working:
        yield Diagnosis("built-ins", "ok", f"{working} of {_plugins(answer['count'])} load")


def _not_ok(entry: Entry) -> Diagnosis:
    """A warning only, since a broken plugin of another distribution affects nothing else."""
    what = f"{entry.kind} {entry.id} of {entry.origin}, {entry.status}: {entry.reason}"
    has_advice = "pip install" in entry.reason or "ask for" in entry.reason
    fix = "" if has_advice else f"pip install --upgrade {entry.distribution}"
    return Diagnosis("plugins", "warn", what, fix)


def _plugins(count: int) -> str:
    return f"{count} plugin{'' if count == 1 else 's'}"
