"""The checks with which every list begins: how a plugin is found, imported and described."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from zoo.api import SERVED_API_VERSIONS, PluginError
from zoo.api.errors import did_you_mean
from zoo.testing.failures import CheckFailed
from zoo.testing.subject import Subject


def found_through_metadata(subject: Subject) -> None:
    """An installed distribution announces the plugin, and no other claims its id."""
    try:
        entry = subject.entry
    except PluginError as error:
        raise CheckFailed(str(error)) from error
    if entry.reason:
        raise CheckFailed(f"{entry.qualified}: {entry.status}: {entry.reason}")


def import_leaves_no_trace(subject: Subject) -> None:
    """A fresh process imports it in time, and no random state, default dtype or thread count
    changes."""
    subject.load()
    if subject.arrival.touched:
        raise CheckFailed(f"importing it changes the process: {'; '.join(subject.arrival.touched)}")


def declares_valid_facts(subject: Subject) -> None:
    """Its fields hold what the contract says, and its expected failures name checks that exist."""
    plugin = subject.plugin
    for field in dataclasses.fields(plugin):
        value = getattr(plugin, field.name)
        if wrong := _wrong_value(field.name, value):
            raise CheckFailed(f"{type(plugin).__name__}.{field.name} is {value!r:.80}: {wrong}")
    for name, reason in plugin.expected_failures.items():
        if name not in subject.names:
            question = did_you_mean(str(name), subject.names)
            hint = f"; {question}" if question else ""
            raise CheckFailed(f"expected_failures names {name!r}, and there is no such check{hint}")
        if name == declares_valid_facts.__name__:
            raise CheckFailed(f"{name} cannot be an expected failure: correct the declaration")
        if not isinstance(reason, str) or not reason.strip():
            raise CheckFailed(f"expected_failures gives no reason for {name}")


TEXTS = frozenset(
    ["license", "weights_license", "reference", "weights", "summary", "terms", "title", "unit"]
)


def _wrong_value(name: str, value: object) -> str:
    """What a field should hold, if it holds something else; else empty."""
    if name in TEXTS:
        return "" if isinstance(value, str) else "a text is wanted"
    if name in ("build", "open", "measure"):
        return "" if callable(value) else "a function is wanted"
    if name == "fetch":
        return "" if value is None or callable(value) else "a function or None is wanted"
    if name in ("needs_root", "whole_frame", "by_path", "any_angle", "lower_is_better", "tokens"):
        return "" if isinstance(value, bool) else "True or False is wanted"
    if name == "input_size":
        good = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return "" if good else "a whole number of pixels above 0 is wanted"
    if name == "draws":
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return "" if good else "a whole number, 0 or more, is wanted"
    if name in ("mean", "std", "labelled"):
        return _wrong_triple(name, value)
    if name == "api_version":
        served = ", ".join(map(str, sorted(SERVED_API_VERSIONS)))
        return "" if value in SERVED_API_VERSIONS else f"the versions served are {served}"
    if name == "default_protocol":
        return _wrong_protocol(value)
    if name == "files":
        named = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
        return "" if named else "a tuple of names of options is wanted"
    if name in ("outputs", "needs"):
        return wrong_outputs(name, value)
    if name == "expected_failures":
        return "" if isinstance(value, Mapping) else "a mapping of check names to reasons is wanted"
    raise AssertionError(f"the kit does not know the field {name} of a contract")


def _wrong_triple(name: str, value: object) -> str:
    if not isinstance(value, tuple) or len(value) != 3:
        return "three numbers in a tuple are wanted"
    if any(isinstance(v, bool) or not isinstance(v, float | int) for v in value):
        return "three numbers in a tuple are wanted"
    if name in ("std", "labelled") and not all(
        v > 0 for v in (value if name == "std" else value[:1])
    ):
        return "it divides, so it must be above 0"
    if name == "mean" and not all(0 <= v <= 1 for v in value):
        return "it is of RGB in [0, 1]"
    return ""


def wrong_outputs(name: str, value: object) -> str:
    """What is wrong with ``outputs`` of a head or ``needs`` of a loss; empty: nothing."""
    symbols = '"K"' if name == "outputs" else "names"
    shape = f"a tuple of whole numbers above 0 and {symbols} is wanted"
    if not isinstance(value, Mapping):
        return "a mapping of names to shapes is wanted"
    for output, sides in value.items():
        if not isinstance(output, str) or not output.isidentifier():
            return f"{output!r} is no name"
        if name == "outputs" and output in ("images", "points", "score", "scores"):
            return f"{output} has its meaning already"
        if not isinstance(sides, tuple):
            return f"{output}: {shape}"
        for side in sides:
            known = side == "K" if name == "outputs" else isinstance(side, str)
            if not known and not (type(side) is int and side > 0):
                return f"{output}: {shape}"
    return ""


def _wrong_protocol(value: object) -> str:
    from zoo.evaluation.scores.protocols import PROTOCOLS

    if isinstance(value, str) and value in PROTOCOLS:
        return ""
    return f"the protocols are {', '.join(PROTOCOLS)}"


def require_keyword_only(
    build: Callable[..., Any],
    given: tuple[str, ...] = (),
    wanted: Mapping[str, Any] | None = None,
    filled_in: tuple[str, ...] = (),
) -> None:
    """Options are keyword-only and have defaults.

    ``given``: parameters that come first, by place. ``wanted``: options that must be there, with
    their defaults. ``filled_in``: options that the core passes if they are there; they need no
    default.
    """
    try:
        parameters = list(inspect.signature(build).parameters.values())
    except (TypeError, ValueError) as error:
        raise CheckFailed(
            f"its signature cannot be read ({error}); use a plain function"
        ) from error
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    leading, rest = parameters[: len(given)], parameters[len(given) :]
    if len(leading) < len(given) or any(p.kind not in by_place for p in leading):
        raise CheckFailed(
            f"it must take {', '.join(given)} by place; it takes {_shown(parameters)}"
        )
    keyword = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    if loose := [p.name for p in rest if p.kind not in keyword]:
        star = "".join(f"{name}, " for name in given)
        raise CheckFailed(
            f"{', '.join(loose)} can be given by place; "
            f"put a star before: ({star}*, {loose[0]}=...)"
        )
    options = [p for p in rest if p.kind is inspect.Parameter.KEYWORD_ONLY]
    empty = inspect.Parameter.empty
    if bare := [p.name for p in options if p.default is empty and p.name not in filled_in]:
        raise CheckFailed(
            f"{', '.join(bare)} has no default: a plugin is built without options too"
        )
    open_ended = len(options) < len(rest)
    for name, default in (wanted or {}).items():
        found = [p for p in options if p.name == name]
        if not found and not open_ended:
            raise CheckFailed(f"it must take {name}={default!r}; it takes {_shown(parameters)}")
        if found and found[0].default != default:
            raise CheckFailed(f"{name} must be {default!r} by default, not {found[0].default!r}")


def _shown(parameters: list[inspect.Parameter]) -> str:
    return str(inspect.Signature(parameters))
