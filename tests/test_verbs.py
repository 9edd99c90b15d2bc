"""The verbs of ``zoo``: their signatures say all that they take, and their examples are right."""

from __future__ import annotations

import doctest
import importlib
import inspect
from dataclasses import fields
from typing import get_type_hints

import pytest

import zoo.verbs
from zoo.config.config import Config
from zoo.config.keys import ConfigKeys

NESTED = {"backbone", "recipe", "plateau", "augment", "options", "asked"}
"""Fields of a configuration that are not one keyword with one value."""


def test_the_keys_of_train_are_those_of_a_configuration_with_their_types() -> None:
    types = get_type_hints(Config)
    wanted = {each.name: types[each.name] for each in fields(Config) if each.name not in NESTED}
    assert get_type_hints(ConfigKeys) == wanted


@pytest.mark.parametrize("name", zoo.verbs.__all__)
def test_a_docstring_says_what_each_parameter_is_and_what_comes_back(name: str) -> None:
    verb = getattr(zoo.verbs, name)
    text = inspect.getdoc(verb) or ""
    for parameter in inspect.signature(verb).parameters:
        assert f"{parameter}: " in text, f"Args of {name} lack {parameter}"
    assert "Returns:" in text
    assert "Raises:" in text


@pytest.mark.parametrize(
    "module",
    [
        "zoo.api.errors",
        *("zoo.prediction.face", "zoo.prediction.faces"),
        *("zoo.prediction.predictor", "zoo.prediction.loading"),
    ],
)
def test_examples_in_docstrings_are_right(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried > 0
    assert failed == 0
