"""The verbs of ``zoo``: their signatures name every option."""

from __future__ import annotations

from dataclasses import fields
from typing import get_type_hints

from zoo.config.config import Config
from zoo.config.keys import ConfigKeys

NESTED = {"backbone", "recipe", "plateau", "augment", "options", "asked"}
"""Fields of a configuration that are not one keyword with one value."""


def test_the_keys_of_train_are_those_of_a_configuration_with_their_types() -> None:
    types = get_type_hints(Config)
    expected = {each.name: types[each.name] for each in fields(Config) if each.name not in NESTED}
    assert get_type_hints(ConfigKeys) == expected
