"""A configuration from flat keys, such as ``augment.flip``, and as the TOML of a run folder.

A key that is unknown, or whose value has another type than its field, is an error that names it.
"""

from __future__ import annotations

import math
import os
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

from zoo.api.errors import unknown_name

from ..api import UsageError, notices
from ..files.reading import parse_toml
from .config import AUGMENTATION, GROUPS, PLUGIN_KINDS, Config

_NO_KEYS = ("options", "recipe", "asked")
"""Fields that no recipe sets."""


def known_keys() -> list[str]:
    """Every key that a recipe or ``--set`` may hold, options of plugins apart."""
    plain = [f.name for f in fields(Config) if f.name not in (*GROUPS, *_NO_KEYS)]
    return plain + [f"{g}.{f.name}" for g, cls in GROUPS.items() for f in fields(cls)]


def renamed(key: str) -> str:
    """The name that a key has now."""
    from ..evaluation.records.record_files import RENAMED

    return RENAMED.get(key, key)


def from_flat(flat: Mapping[str, Any], recipe: str, warns: bool = True) -> Config:
    """A checked configuration from flat keys. Raises :class:`UsageError` that names the key.

    An earlier name of a key is accepted. ``warns``: whether it gives a warning, since a user has
    written it now.
    """
    plain: dict[str, Any] = {"recipe": recipe}
    groups: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    options: dict[str, dict[str, Any]] = {}
    keys = known_keys()
    for key, value in flat.items():
        head, _, rest = key.partition(".")
        if head in PLUGIN_KINDS and rest:
            _refuse_unstorable(key, value)
            options.setdefault(head, {})[rest] = value
        elif head == AUGMENTATION and rest:
            _refuse_unstorable(key, value)
            name, _, option = rest.partition(".")
            if not option and not isinstance(value, Mapping):
                raise UsageError(f"{key} = {value!r}: its options read {key}.KEY=VALUE")
            values = {option: value} if option else value
            options.setdefault(AUGMENTATION, {}).setdefault(name, {}).update(values)
        elif (name := renamed(key)) in keys and key not in keys:
            if name in flat:
                raise UsageError(f"{key} is an earlier name of {name}: give one of them")
            if warns:
                notices.deprecated(key, since="0.2", instead=f"write {name}", by="configuration")
            plain[name] = _typed(Config, name, key, value)
        elif key not in keys:
            raise unknown_name("key", key, keys)
        elif rest:
            groups[head][rest] = _typed(GROUPS[head], rest, key, value)
        else:
            plain[key] = _typed(Config, key, key, value)
    if "backbone" not in plain:
        raise UsageError("the key backbone is missing: nothing says what to train")
    return Config(
        **plain,
        **{name: cls(**groups[name]) for name, cls in GROUPS.items()},
        options=options,
    )


def _typed(cls: type, name: str, key: str, value: Any) -> Any:
    """The value in the field's type; a whole number is accepted for a fraction."""
    expected = _types(cls)[name]
    if expected == tuple[str, ...]:
        return tuple(_scalar(str, key, item) for item in as_list(value))
    if typing.get_origin(expected) is tuple:
        parts = typing.get_args(expected)
        if isinstance(value, list | tuple) and len(value) == len(parts):
            return tuple(_scalar(part, key, item) for part, item in zip(parts, value, strict=True))
        raise UsageError(f"{key} = {value!r}: expected {len(parts)} numbers, such as [0.1, 2.0]")
    return _scalar(expected, key, value)


def as_list(value: Any) -> Sequence[Any]:
    """The values of a key that takes several; a single value is a list of one."""
    return value if isinstance(value, list | tuple) else [value]


@cache
def _types(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _scalar(expected: type, key: str, value: Any) -> Any:
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise UsageError(f"{key}: a number of {len(str(value))} digits is too large") from error
    if expected is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value) is not expected:
        raise UsageError(f"{key} = {value!r}: expected {expected.__name__}")
    return value


def _refuse_unstorable(key: str, value: Any) -> None:
    """Refuse an option of a plugin that config.toml and the record cannot hold. They hold texts,
    booleans, finite numbers of at most 64 bits, and lists and tables of these."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            _refuse_unstorable(f"{key}.{name}", item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_unstorable(key, item)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{key} = {value!r}: must be finite")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise UsageError(f"{key} = {value!r}: must be a number of 64 bits")
    elif not isinstance(value, str):
        kind = type(value).__name__
        raise UsageError(f"{key} = {value!r}: expected a text, a number, or a list, not a {kind}")


def flatten(table: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten one level: a table below that is the value of a plugin's option."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update({f"{key}.{name}": item for name, item in value.items()})
        else:
            flat[key] = value
    return flat


def dumps(config: Config) -> str:
    """TOML that :func:`loads` reads back equal."""
    import tomli_w  # here, since predicting from an ONNX file imports this module without it

    return tomli_w.dumps(config.to_dict())


def loads(text: str, where: str) -> Config:
    """The configuration of a run folder's config.toml."""
    table = parse_toml(text, where, UsageError)
    try:
        return from_dict(table)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def from_dict(table: Mapping[str, Any]) -> Config:
    """The configuration that :meth:`Config.to_dict` gave. Raises :class:`UsageError`."""
    if not isinstance(table, Mapping):
        raise UsageError(f"a configuration is a table of keys, not {table!r:.40}")
    plain = dict(table)
    recipe, options = plain.pop("recipe", "seed"), plain.pop("options", {})
    if not isinstance(recipe, str):
        raise UsageError(f"recipe = {recipe!r:.40}: expected a name")
    if not isinstance(options, Mapping) or not all(
        isinstance(o, Mapping) for o in options.values()
    ):
        raise UsageError(f"options = {options!r:.40}: expected a table for each kind of plugin")
    return from_flat(flatten(plain) | flatten(options), recipe=recipe, warns=False)
