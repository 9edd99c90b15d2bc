"""What the Tab key offers after `zoo --install-completion`: plugins, recipes, protocols, runs.

An option names its source: ``typer.Option(autocompletion=offer(runs))``. A shell waits while this
runs, so nothing here imports torch or a plugin; what a family such as timm answers for is not known
without loading it, and is not offered.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

Source = Callable[[str], Iterable[str]]
"""What could be meant by what was typed so far."""


def offer(source: Source) -> Callable[[str], list[str]]:
    """Completes by a source. Nothing that goes wrong is printed into a line that somebody types."""

    def complete(incomplete: str) -> list[str]:
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            return sorted({each for each in source(incomplete) if each.startswith(incomplete)})
        return []

    return complete


def plugins(*kinds: str) -> Source:
    """Ids of installed plugins; where one stands in two distributions, with each of theirs."""

    def source(incomplete: str) -> Iterable[str]:
        from zoo.registry.entries import UNUSABLE, installed

        for entry in installed():
            if entry.kind in kinds and entry.status not in UNUSABLE:
                twice = entry.status == "duplicate" or "/" in incomplete
                yield entry.qualified if twice else entry.id

    return source


def runs(incomplete: str) -> Iterable[str]:
    """Run folders, and the folders on the way to them, ``runs`` and the like at first."""
    for typed, path in _begun(incomplete):
        if path.is_dir():
            yield f"{typed}{'' if _is_run(path) else '/'}"
    if not incomplete:
        yield from (str(path) for path in Path("runs").glob("*") if _is_run(path))


def runs_and_files(incomplete: str) -> Iterable[str]:
    """For `zoo predict`: a run first, then pictures and videos, whose names nobody can foresee."""
    yield from runs(incomplete)
    yield from (typed for typed, path in _begun(incomplete) if path.is_file())


def _begun(incomplete: str) -> Iterable[tuple[str, Path]]:
    """What lies where somebody is typing and goes on as they began, as they would type it. Hidden
    names are left out until a dot is typed."""
    above, _, begun = incomplete.rpartition("/")
    base = Path(above or ("/" if incomplete.startswith("/") else "."))
    before = incomplete[: len(incomplete) - len(begun)]
    for path in base.glob(f"{_literal(begun)}*"):
        if begun or not path.name.startswith("."):
            yield f"{before}{path.name}", path


def _is_run(path: Path) -> bool:
    return (path / "config.toml").is_file() or (path / "record.json").is_file()


def _literal(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def recipes(incomplete: str) -> Iterable[str]:
    """The recipes that the zoo ships, and TOML files."""
    from zoo.config.recipes import recipe_names

    yield from recipe_names()
    above, _, begun = incomplete.rpartition("/")
    for path in Path(above or ".").glob(f"{_literal(begun)}*"):
        if path.suffix == ".toml":
            yield f"{above}/{path.name}" if above else path.name
        elif path.is_dir() and begun:
            yield f"{above}/{path.name}/" if above else f"{path.name}/"


def protocols(incomplete: str) -> Iterable[str]:
    from zoo.evaluation.scores.protocols import PROTOCOLS

    return PROTOCOLS


def keys(incomplete: str) -> Iterable[str]:
    """The keys of a recipe, for ``--set``."""
    from zoo.config import known_keys

    return (f"{key}=" for key in known_keys())


def video_keys(incomplete: str) -> Iterable[str]:
    """The keys of `zoo predict --set`; a detector's own options are known to the detector alone."""
    from dataclasses import fields

    from zoo.media.settings import OneEuro, Tracking

    for kind, settings in (("track", Tracking), ("smooth", OneEuro)):
        yield from (f"{kind}.{each.name}=" for each in fields(settings))
    yield "detector."


def words(*choices: str) -> Source:
    return lambda incomplete: choices
