"""Calling a plugin with the options that a user wrote."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

from ..api import UsageError
from ..api.kinds import KINDS
from . import Entry, bare_id, blaming

T = TypeVar("T")

GIVEN = {kind.name: set(kind.given) for kind in KINDS.values() if kind.given}
"""Parameters of a plugin's ``build`` that the core passes: no options for a user to set."""


def call_with_options(entry: Entry, build: Callable[..., T], /, *args: Any, **options: Any) -> T:
    """Call a function of a plugin with a user's options. Raises :class:`UsageError` for an option
    that it does not take; the message lists those that it takes, as a recipe writes them:
    ``head.stride``. What the plugin raises becomes a :class:`PluginError` that names it."""
    with blaming(entry, "cannot be opened" if entry.kind == "dataset" else "cannot be built"):
        return call_unblamed(entry.kind, entry.qualified, build, *args, **options)


def call_unblamed(
    kind: str, plugin_id: str, build: Callable[..., T], /, *args: Any, **options: Any
) -> T:
    """As :func:`call_with_options`, but what the plugin raises stays as it is."""
    try:
        inspect.signature(build).bind(*args, **options)
    except TypeError as error:
        raise _refusal(kind, plugin_id, build, error) from error
    _require_types(kind, plugin_id, build, options)
    return build(*args, **options)


def require_known(
    kind: str, plugin_id: str, build: Callable[..., Any], options: Mapping[str, Any]
) -> None:
    """Raise :class:`UsageError` for an option that the plugin does not take, without calling it."""
    try:
        inspect.signature(build).bind_partial(**options)
    except TypeError as error:
        raise _refusal(kind, plugin_id, build, error) from error
    _require_types(kind, plugin_id, build, options)


def _refusal(kind: str, plugin_id: str, build: Callable[..., Any], error: TypeError) -> UsageError:
    known = _options(kind, plugin_id, build)
    return UsageError(f"{kind} {plugin_id}: {error}; its options are {known}")


def _require_types(
    kind: str, plugin_id: str, build: Callable[..., Any], options: Mapping[str, Any]
) -> None:
    """Raise :class:`UsageError` for a value of another type than its parameter's annotation. Only
    annotations made of bool, int, float, str and None are checked."""
    parameters = inspect.signature(build).parameters
    for name, value in options.items():
        if name not in parameters or name in GIVEN.get(kind, ()):
            continue
        types = [part.strip() for part in _annotation(parameters[name]).split("|")]
        if not all(part in _WORDS for part in types) or _fits(value, types):
            continue
        words = " or ".join(_WORDS[part] for part in types)
        raise UsageError(f"{_key(kind, plugin_id)}.{name} = {value!r}: must be {words}")


_WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "None": "left out",
}
_TYPES = {"bool": bool, "int": Integral, "float": Real, "str": str, "None": type(None)}


def _annotation(parameter: inspect.Parameter) -> str:
    """The text of a parameter's annotation, whether or not it was evaluated."""
    annotation = parameter.annotation
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _fits(value: object, types: Sequence[str]) -> bool:
    if isinstance(value, bool):
        return "bool" in types
    return any(isinstance(value, _TYPES[name]) for name in types)


def _key(kind: str, plugin_id: str) -> str:
    """The key under which a recipe has the options of a plugin."""
    return f"{kind}.{bare_id(plugin_id)}" if KINDS[kind].several else kind


def _options(kind: str, plugin_id: str, build: Callable[..., Any]) -> str:
    key = _key(kind, plugin_id)
    parameters = inspect.signature(build).parameters.values()
    names = [p.name for p in parameters if p.kind == inspect.Parameter.KEYWORD_ONLY]
    options = [f"{key}.{name}" for name in names if name not in GIVEN.get(kind, ())]
    return ", ".join(options) or "none"
