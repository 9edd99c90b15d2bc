"""What the Tab key offers after `zoo --install-completion`: plugins, recipes, protocols, runs.

An option names its source: ``typer.Option(autocompletion=offer(runs))``. A shell waits while this
runs, so nothing here imports torch or a plugin. The members of a family such as timm are known only
after it is loaded, so they are not offered.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

Source = Callable[[str], Iterable[str]]
"""Gives candidates for the text that was typed so far."""


def offer(source: Source) -> Callable[[str], list[str]]:
    """The completion function of a source. It prints no warning and no error, since those would
    land in the line that the user is typing."""

    def complete(incomplete: str) -> list[str]:
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            return sorted({each for each in source(incomplete) if each.startswith(incomplete)})
        return []

    return complete


def plugins(*kinds: str) -> Source:
    """Ids of installed plugins; an id in two distributions is offered as ``distribution/id``."""

    def source(incomplete: str) -> Iterable[str]:
        from zoo.registry.entries import UNUSABLE, installed

        for entry in installed():
            if entry.kind in kinds and entry.status not in UNUSABLE:
                qualify = entry.status == "duplicate" or "/" in incomplete
                yield entry.qualified if qualify else entry.id

    return source


def runs(incomplete: str) -> Iterable[str]:
    """Run folders, and other folders, which may hold some. Before anything is typed, also the runs
    in the folder ``runs``."""
    for text, path in _matching_paths(incomplete):
        if path.is_dir():
            yield f"{text}{'' if _is_run(path) else '/'}"
    if not incomplete:
        yield from (str(path) for path in Path("runs").glob("*") if _is_run(path))


def runs_and_files(incomplete: str) -> Iterable[str]:
    """For `zoo predict`: runs, and every file, since a picture or video may have any name."""
    yield from runs(incomplete)
    yield from (text for text, path in _matching_paths(incomplete) if path.is_file())


def _matching_paths(incomplete: str) -> Iterable[tuple[str, Path]]:
    """Paths that begin with the typed text, each as it would be typed and as a path. Hidden names
    are left out until a dot is typed."""
    folder, _, begun = incomplete.rpartition("/")
    base = Path(folder or ("/" if incomplete.startswith("/") else "."))
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
    for text, path in _matching_paths(incomplete):
        if path.suffix == ".toml":
            yield text
        elif path.is_dir() and incomplete:
            yield f"{text}/"


def protocols(incomplete: str) -> Iterable[str]:
    from zoo.evaluation.scores.protocols import PROTOCOLS

    return PROTOCOLS


def keys(incomplete: str) -> Iterable[str]:
    """The keys of a recipe, for ``--set``."""
    from zoo.config import known_keys

    return (f"{key}=" for key in known_keys())


def video_keys(incomplete: str) -> Iterable[str]:
    """The keys of `zoo predict --set`. Of a detector's keys only ``detector.`` is offered: the rest
    is known only after the detector is loaded."""
    from dataclasses import fields

    from zoo.media.settings import OneEuro, Tracking

    for kind, settings in (("track", Tracking), ("smooth", OneEuro)):
        yield from (f"{kind}.{each.name}=" for each in fields(settings))
    yield "detector."


def words(*choices: str) -> Source:
    return lambda incomplete: choices
