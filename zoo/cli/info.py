"""`zoo info`: everything that is known about one plugin."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from zoo.cli import output
from zoo.cli.options import Json, Kind, PluginId


def info(
    plugin_id: PluginId,
    kind: Kind = None,
    as_json: Json = False,
) -> None:
    """Describe one plugin: what it is, where it comes from, its licences.

    A backbone is built to be described: its parameters and multiply-adds (gmacs, 10^9 a forward)
    are those of the model with the linear head on 68 points, from random weights.
    """
    with contextlib.redirect_stdout(sys.stderr):  # a plugin may print while it is built
        facts = describe(plugin_id, kind)
    if as_json:
        output.print_json(facts)
    else:
        _print(facts)


def describe(plugin_id: str, kind: str | None = None) -> dict[str, Any]:
    """What `zoo info` says, ready for JSON. Raises PluginError or UsageError."""
    from zoo.registry import canonical_kind, kind_of, registry

    kind = canonical_kind(kind) if kind else kind_of(plugin_id)
    shelf = registry(kind)
    entry = shelf.locate(plugin_id)
    plugin = shelf.get(plugin_id)
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
    """The fields that a plugin fills in; of those that are code, only whether it can fetch."""
    values = {field.name: getattr(plugin, field.name) for field in fields(plugin)}
    declared = {k: value for k, value in values.items() if k != "fetch" and not callable(value)}
    if hasattr(plugin, "fetch"):
        declared["can_fetch"] = plugin.fetch is not None
    return declared


def _print(facts: Mapping[str, Any]) -> None:
    """One line a fact; a fact that is a mapping has one more for each of its items."""
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
