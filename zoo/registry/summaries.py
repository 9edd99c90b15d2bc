"""The one-line summary of a plugin, read from the source of its module without importing it.

A plugin has it as ``summary``: ``my_net = Backbone(build=build, summary="a small network")``. If
that is no plain string in the source, or if the module has no Python source, nothing is known.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path

from zoo.registry.entries import UNUSABLE, Entry

MOST_BYTES = 1 << 18
"""Only this much of a source is read."""

_TEXT = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
_SUMMARY = re.compile(rf"\bsummary\s*(?::[^=\n]*)?=\s*\(?\s*({_TEXT}(?:\s+{_TEXT})*)")
_CALL = re.compile(r"^(\w+)[ \t]*(?::[^=\n]*)?=[ \t]*(\w+)\(")


def summary_of(entry: Entry) -> str:
    """One line without control characters; empty where nothing is known. Nothing is imported."""
    if entry.status in UNUSABLE:
        return ""
    module, _, target = entry.target.partition(":")
    source = _source(module)
    block = _statement(source, target) if source else ""
    found = _SUMMARY.search(block)
    if found is None and "(" in block:  # such as FAMILY = Family(): the class has it
        named = _CALL.match(block)
        block = _statement(source, named[2], start="class ") if named else ""
        found = _SUMMARY.search(block)
    if found is None:
        return ""
    try:
        text = str(ast.literal_eval(f"({found[1]})"))
    except (ValueError, SyntaxError):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def maker_of(entry: Entry) -> str:
    """The class or function that makes a plugin, such as ``Backbone``; empty if the source does not
    show it. Nothing is imported."""
    module, _, target = entry.target.partition(":")
    named = _CALL.match(_statement(_source(module), target))
    return named[2] if named else ""


def _statement(source: str, name: str, start: str = "") -> str:
    """The statement at the left margin that begins with a name, up to the next one."""
    begin = re.search(rf"^{start}{re.escape(name)}\b.*\n?", source, re.MULTILINE)
    if begin is None:
        return ""
    end = re.compile(r"^[^\s)\]}#]", re.MULTILINE).search(source, begin.end())
    return source[begin.start() : end.start() if end else len(source)]


@cache
def _source(module: str) -> str:
    """The text of a module; empty where it has none that can be found without importing it."""
    try:
        origin = _origin(module)
        if origin is None or not origin.endswith(".py"):
            return ""
        with Path(origin).open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except Exception:  # of another package's finder: a plugin is listed without a summary then
        return ""


def _origin(module: str) -> str | None:
    """The file of a module. Finders look up each package above it, and none is imported."""
    path: list[str] | None = None
    name = origin = None
    for part in module.split("."):
        name = part if name is None else f"{name}.{part}"
        loaded = sys.modules.get(name)
        spec: ModuleSpec | None = getattr(loaded, "__spec__", None) or _spec(name, path)
        if spec is None:
            return None
        origin = spec.origin
        path = list(spec.submodule_search_locations or ())
    return origin


def _spec(name: str, path: list[str] | None) -> ModuleSpec | None:
    found = (finder.find_spec(name, path) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)
