"""Markdown of the reference, made of the code when the site is built.

A page has a line ``<!-- generated: NAME -->``; conf.py puts the text of the function NAME there.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from textwrap import dedent
from typing import Any

from zoo.api import kinds

MARKER = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
KINDS = {kind.name: kind.title for kind in kinds.KINDS.values()}


def filled(page: str) -> str:
    """The page with the texts that its markers name."""
    makers = {maker.__name__: maker for maker in (commands, keys, checks)}
    return MARKER.sub(lambda marker: makers[marker[1]](), page)


def commands() -> str:
    """What ``--help`` says of every command."""
    from typer.main import get_command

    from zoo.cli import app

    parts = []
    for path, command in _commands("zoo", get_command(app)):
        context = command.make_context(path, [], resilient_parsing=True, terminal_width=88)
        parts.append(f"## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, each in getattr(command, "commands", {}).items():
        if hasattr(each, "commands"):
            yield from _commands(f"{path} {name}", each)
        else:
            yield f"{path} {name}", each


def keys() -> str:
    """Every key of a configuration and of ``zoo predict --set``."""
    from zoo.config import Augment, Config, Plateau, known_keys
    from zoo.config.recipes import read_recipe, recipe_names
    from zoo.media.settings import OneEuro, Tracking

    recipes = {name: read_recipe(name) for name in recipe_names()}
    plain = [key for key in known_keys() if "." not in key]
    parts = ["## Keys of a recipe\n", _table(Config, "", recipes, plain)]
    for title, group, prefix in (
        ("The schedule `plateau`", Plateau, "plateau."),
        ("Augmentation", Augment, "augment."),
        ("`zoo predict`: following faces", Tracking, "track."),
        ("`zoo predict`: smoothing", OneEuro, "smooth."),
    ):
        parts += [f"\n## {title}\n", _table(group, prefix, recipes)]
    return "\n".join(parts)


def _table(
    group: type, prefix: str, recipes: dict[str, dict[str, Any]], only: list[str] | None = None
) -> str:
    from zoo.config.bounds import bounds_of
    from zoo.config.config import CHOICES

    told, bounds = _attribute_docs(group), bounds_of(group)
    rows = ["| key | default | in recipes | what |", "| --- | --- | --- | --- |"]
    for each in fields(group):
        if only is not None and each.name not in only:
            continue
        key = prefix + each.name
        default = _default(each)
        uses = [
            f"{name} {_value(recipe[key])}"
            for name, recipe in recipes.items()
            if key in recipe and _value(recipe[key]) != default
        ]
        what = told.get(each.name, "")
        if not prefix and each.name in CHOICES:
            what += f" One of {', '.join(f'`{choice}`' for choice in CHOICES[each.name])}."
        if each.name in bounds:
            what += f" {str(bounds[each.name]).capitalize()}."
        rows.append(f"| `{key}` | {default} | {', '.join(uses)} | {what.strip()} |")
    return "\n".join(rows) + "\n"


def _default(field: Field[Any]) -> str:
    return "" if field.default is MISSING else _value(field.default)


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    text = str(value).removeprefix("landmark-zoo/")
    return f"`{text}`" if text else "empty"


def _attribute_docs(group: type) -> dict[str, str]:
    """The strings below the fields of a class; of fields that share one, each has it."""
    [definition] = ast.parse(dedent(inspect.getsource(group))).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    waiting: list[str] = []
    for node in definition.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)):
                waiting.append(name)
            case ast.Expr(value=ast.Constant(value=str(text))):
                words = re.sub(r":\w+:`([^`]*)`", r"`\1`", " ".join(text.split()))
                found |= dict.fromkeys(waiting, words.replace("``", "`"))
                waiting = []
    return found


def checks() -> str:
    """What the conformance kit asks of each kind of plugin."""
    from zoo.testing import checks as checks_of

    parts = []
    for kind, title in KINDS.items():
        parts += [f"## {title}\n", "| | check | what is true of a plugin that passes |"]
        parts += ["| --- | --- | --- |"]
        parts += [
            f"| {check.number} | `{check.name}` | {check.summary.replace('``', '`')} |"
            for check in checks_of("anything", kind)
        ]
        parts += [""]
    return "\n".join(parts)
