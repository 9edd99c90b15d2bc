"""Calling a plugin with the options that a user wrote."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..api import UsageError
from ..api.kinds import KINDS
from . import Entry, bare_id, blaming

T = TypeVar("T")

GIVEN = {kind.name: set(kind.given) for kind in KINDS.values() if kind.given}
"""Parameters of a plugin's ``build`` that the core gives: they are no options of a user's."""


def call_with_options(entry: Entry, build: Callable[..., T], /, *args: Any, **options: Any) -> T:
    """Call a plugin; an option that it does not take becomes a :class:`UsageError` that names
    those it does, as a recipe writes them: ``head.stride``. What the plugin raises becomes a
    :class:`PluginError` that names it."""
    with blaming(entry, "cannot be opened" if entry.kind == "dataset" else "cannot be built"):
        return call_unblamed(entry.kind, entry.qualified, build, *args, **options)


def call_unblamed(
    kind: str, plugin_id: str, build: Callable[..., T], /, *args: Any, **options: Any
) -> T:
    """The same for who looks at what a plugin raises: that stays as it is."""
    try:
        inspect.signature(build).bind(*args, **options)
    except TypeError as error:
        raise _refusal(kind, plugin_id, build, error) from error
    return build(*args, **options)


def require_known(
    kind: str, plugin_id: str, build: Callable[..., Any], options: Mapping[str, Any]
) -> None:
    """Raise :class:`UsageError` for an option that the plugin does not take, without calling it."""
    try:
        inspect.signature(build).bind_partial(**options)
    except TypeError as error:
        raise _refusal(kind, plugin_id, build, error) from error


def _refusal(kind: str, plugin_id: str, build: Callable[..., Any], error: TypeError) -> UsageError:
    known = _options(kind, plugin_id, build)
    return UsageError(f"{kind} {plugin_id}: {error}; its options are {known}")


def _options(kind: str, plugin_id: str, build: Callable[..., Any]) -> str:
    key = f"{kind}.{bare_id(plugin_id)}" if KINDS[kind].several else kind
    parameters = inspect.signature(build).parameters.values()
    names = [p.name for p in parameters if p.kind == inspect.Parameter.KEYWORD_ONLY]
    own = [f"{key}.{name}" for name in names if name not in GIVEN.get(kind, ())]
    return ", ".join(own) or "none"
