"""Recipes, ``--set`` and flags, and the configuration that they make together.

Flags override ``--set key=value``, which overrides the recipe, which overrides the defaults of
:class:`zoo.config.Config`. The recipes that the zoo ships are the TOML files of this folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from ...api import UsageError
from ...api.errors import unknown_name
from ...api.notices import warn
from ...files.reading import parse_toml, read_toml
from ...registry import bare_id
from ..config import AUGMENTATION, Config
from ..flat import as_list, flatten, from_flat, renamed

_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""A number as Python writes it; TOML wants a digit on both sides of the point."""

LEAST_FACTOR, MOST_FACTOR = 0.001, 10.0
"""A factor on the backbone's rate that is not between these was probably meant as a rate."""


def recipe_names() -> list[str]:
    folder = resources.files("zoo.config.recipes")
    return sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml"))


def read_recipe(name: str) -> dict[str, Any]:
    """Flat keys of a shipped recipe, or of a TOML file."""
    if name in recipe_names():
        return flatten(parse_toml(recipe_text(name), f"recipe {name}", UsageError))
    if Path(name).exists():
        try:
            return flatten(read_toml(name, error=UsageError))
        except UsageError as error:
            raise UsageError(f"recipe {error}") from error
    raise UsageError(
        f"{unknown_name('recipe', name, recipe_names())}; a TOML file of your own is taken by its "
        "path"
    )


def recipe_text(name: str) -> str:
    """A shipped recipe as it stands in its file; its comments say what each value is for."""
    return (resources.files("zoo.config.recipes") / f"{name}.toml").read_text("utf-8")


def parse_set(text: str) -> tuple[str, Any]:
    """``key=value``, the value read as TOML where it is, else as a string. Numbers and booleans as
    Python writes them are read as such too: ``.25``, ``True``."""
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not key:
        raise UsageError(f"--set {text}: expected key=value, such as --set lr=0.001")
    if value in ("True", "False"):
        return key, value == "True"
    try:
        return key, tomllib.loads(f"v = {value}")["v"]
    except (ValueError, RecursionError):
        return key, float(value) if _DECIMAL.fullmatch(value) else value


def dataset_options(sets: Sequence[str]) -> dict[str, Any]:
    """The options of a data set, ``dataset.frames=2``, for verbs that take no other key."""
    options: dict[str, Any] = {}
    for text in sets:
        key, value = parse_set(text)
        kind, _, option = key.partition(".")
        if kind != "dataset" or not option:
            raise UsageError(f"--set {text}: an option of a data set reads dataset.KEY=VALUE")
        options[option] = value
    return options


def resolve(
    backbone: str,
    recipe: str = "seed",
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Config:
    """The configuration of a new run. Flags that are None were not given.

    If another plugin is named than in the recipe, the recipe's options for its own plugin are left
    out: ``--recipe quick --head linear`` has no ``head.width``.
    """
    asked = dict(parse_set(item) for item in sets)
    asked.update({key: value for key, value in (flags or {}).items() if value is not None})
    if backbone:
        asked["backbone"] = backbone
    recipe_keys = read_recipe(recipe)
    kept = {
        key: value
        for key, value in recipe_keys.items()
        if not _is_for_replaced(key, recipe_keys, asked)
    }
    flat = kept | asked
    if not flat.get("backbone"):
        raise UsageError("no backbone named; `zoo list --kind backbone` shows what there is")
    config = replace(from_flat(flat, recipe=recipe), asked=tuple(map(renamed, asked)))
    _warn_of_factor(config)
    return config


def _warn_of_factor(config: Config) -> None:
    """Warn where a rate may have been given as a factor: it almost freezes a backbone."""
    factor = config.backbone_lr_factor
    if not LEAST_FACTOR <= factor <= MOST_FACTOR:
        warn(
            f"backbone_lr_factor = {factor:g} is a factor on lr = {config.lr:g}: the backbone "
            f"trains at {factor * config.lr:g}; for a rate of {factor:g}, give "
            f"{factor / config.lr:g}"
        )


def _is_for_replaced(key: str, recipe_keys: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a recipe's key is an option of a plugin that the user replaced by another."""
    kind, dot, rest = key.partition(".")
    if kind == AUGMENTATION and "augmentations" in asked:
        return rest.partition(".")[0] not in map(bare_id, as_list(asked["augmentations"]))
    if not dot or kind not in recipe_keys or kind not in asked:
        return False
    # an id with its distribution names the same plugin as the id alone
    recipe_id, asked_id = (
        str(plugins[kind]).rpartition("/")[2] for plugins in (recipe_keys, asked)
    )
    return recipe_id != asked_id
