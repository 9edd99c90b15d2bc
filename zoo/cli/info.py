"""`zoo info`: everything that is known about one plugin."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from zoo.api import UsageError
from zoo.api.errors import did_you_mean
from zoo.cli import output
from zoo.cli.options import Json, Kind, PluginId


def info(
    plugin_id: PluginId,
    kind: Kind = None,
    as_json: Json = False,
) -> None:
    """Describe a plugin, recipe or model: what it is, where it is from, its licences, its values.

    A backbone is built to be described: its parameters and multiply-adds (gmacs, 10^9 a forward)
    are those of the model with the linear head on 68 points, from random weights.
    """
    if kind == "recipe" or (kind is None and _is_recipe(plugin_id)):
        _recipe(plugin_id, as_json)
        return
    if kind is None and _is_model(plugin_id):
        _model(plugin_id, as_json)
        return
    from zoo.registry.errors import UnknownPluginError

    try:
        with contextlib.redirect_stdout(sys.stderr):  # a plugin may print while it is built
            facts = describe(plugin_id, kind)
    except UnknownPluginError as error:
        from zoo.runs.listed import models, recipes

        near = did_you_mean(plugin_id, [*recipes(), *models()])
        if kind is not None or not near:
            raise
        raise UsageError(f"no plugin, recipe or model is called {plugin_id!r}; {near}") from error
    if as_json:
        output.print_json(facts)
    else:
        _print(facts)


def _is_recipe(name: str) -> bool:
    """Whether a name is that of a shipped recipe or of a recipe's file, and of no plugin."""
    from zoo.registry import installed
    from zoo.runs.listed import recipes

    is_recipe = name in recipes() or name.endswith(".toml")
    return is_recipe and not any(entry.answers_to(name) for entry in installed())


def _recipe(name: str, as_json: bool) -> None:
    """Print a recipe's values, each with the comment that says what it is for."""
    from zoo.config.recipes import read_recipe, recipe_names, recipe_text
    from zoo.files.reading import read_text

    values = read_recipe(name)
    if as_json:
        output.print_json({"id": name, "kind": "recipe", "values": values})
        return
    print(f"{name} is a recipe: zoo train BACKBONE --recipe {name}")
    print("--set KEY=VALUE changes any of its values for one run.\n")
    text = recipe_text(name) if name in recipe_names() else read_text(name)
    for line in text.rstrip().splitlines():
        print(output.plain(line))


def _is_model(name: str) -> bool:
    """Whether a name is that of a model of a catalogue, and of no plugin."""
    from zoo.registry import installed
    from zoo.runs.catalogue import is_named

    return is_named(name) and not any(entry.answers_to(name) for entry in installed())


def _model(name: str, as_json: bool) -> None:
    """Print a model's card if the model is on this machine, else what its catalogue says."""
    from zoo.files.reading import read_text
    from zoo.runs.catalogue import CARD, find

    model = find(name)
    facts = {"id": name, "kind": "model", "summary": model.summary, "bytes": model.bytes}
    folder = model.folder()
    if as_json:
        output.print_json(facts | {"here": folder is not None, **model.record})
    elif folder is None:
        _print(facts | dict(model.record))
        print(f"zoo fetch {name} downloads it, with its card")
    else:
        for line in read_text(folder / CARD).rstrip().splitlines():
            print(output.plain(line))


def describe(plugin_id: str, kind: str | None = None) -> dict[str, Any]:
    """What `zoo info` says, ready for JSON. Raises PluginError or UsageError."""
    from zoo.registry import canonical_kind, kind_of, registry

    kind = canonical_kind(kind) if kind else kind_of(plugin_id)
    entry = registry(kind).locate(plugin_id)
    plugin = registry(kind).get(plugin_id)
    facts: dict[str, Any] = {
        "id": entry.id,
        "kind": entry.kind,
        "distribution": entry.distribution,
        "version": entry.version,
        "target": entry.target,
        **_declared(plugin),
    }
    if kind == "backbone":
        from zoo.model import describe as measure

        facts |= measure(entry.qualified)
    return facts


def _declared(plugin: Any) -> dict[str, Any]:
    """The fields of a plugin without its functions; ``can_fetch``: whether it has ``fetch``."""
    values = {field.name: getattr(plugin, field.name) for field in fields(plugin)}
    declared = {k: value for k, value in values.items() if k != "fetch" and not callable(value)}
    if hasattr(plugin, "fetch"):
        declared["can_fetch"] = plugin.fetch is not None
    return declared


def _print(facts: Mapping[str, Any]) -> None:
    """Print one line for each fact, and one for each item of a fact that is a mapping."""
    lines: dict[str, str] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            lines[name] = f"{len(value)}, with the reason"
            lines |= {f"  {key}": _readable(item) for key, item in value.items()}
        else:
            lines[name] = _readable(value)
    output.facts(lines)


def _readable(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple) and value:
        return ", ".join(map(_readable, value))
    return str(value) if value else "-"
