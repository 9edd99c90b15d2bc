"""Calling a plugin with the options that a user wrote."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from .api import UsageError

T = TypeVar("T")


def call_with_options(what: str, build: Callable[..., T], *args: Any, **options: Any) -> T:
    """Call a plugin; an option that it does not take becomes a :class:`UsageError`."""
    try:
        inspect.signature(build).bind(*args, **options)
    except TypeError as error:
        raise UsageError(f"{what}: {error}; its options are {_options(build)}") from error
    return build(*args, **options)


def _options(build: Callable[..., Any]) -> str:
    parameters = inspect.signature(build).parameters.values()
    names = [p.name for p in parameters if p.kind == inspect.Parameter.KEYWORD_ONLY]
    return ", ".join(n for n in names if n not in ("pretrained", "input_size")) or "none"
