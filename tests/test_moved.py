"""Modules that moved can be imported by their old names, with a deprecation notice."""

from __future__ import annotations

import importlib
import sys
import warnings

import pytest

import zoo.evaluation
from zoo.api import ZooDeprecationWarning
from zoo.data.source import DataSource
from zoo.moved import MOVED, answer_old_names
from zoo.reporter import RunStarted
from zoo.runs.own_data import own_source


@pytest.fixture
def forgotten(monkeypatch):
    """Make every old name look as if it had not been imported yet."""
    for old in MOVED:
        monkeypatch.delitem(sys.modules, old, raising=False)


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_the_old_name_gives_the_module_itself(old, new):
    module = importlib.import_module(new)
    spec = module.__spec__
    with pytest.warns(ZooDeprecationWarning, match=f"{old} is now {new}") as notices:
        exec(compile(f"import {old}", "author.py", "exec"), {})
    assert sys.modules[old] is module
    assert [notice.filename for notice in notices] == ["author.py"]
    assert module.__spec__ is spec
    assert module.__name__ == new


@pytest.mark.usefixtures("forgotten")
def test_names_that_changed_besides_are_in_the_old_module():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZooDeprecationWarning)
        from zoo.engine.material import Material, own_material
        from zoo.engine.report import Begun
    assert (Material, own_material, Begun) == (DataSource, own_source, RunStarted)


@pytest.mark.usefixtures("forgotten")
def test_old_names_are_imported_in_every_way():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZooDeprecationWarning)
        from zoo.evaluation.compare import sentence
        from zoo.evaluation.protocols import PROTOCOLS
    from zoo.evaluation.board import compare
    from zoo.evaluation.scores import protocols

    assert sentence is compare.sentence
    assert PROTOCOLS is protocols.PROTOCOLS
    assert zoo.evaluation.protocols is protocols


def test_a_name_that_never_was_is_still_unknown():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'zoo\.evaluation\.attic'"):
        importlib.import_module("zoo.evaluation.attic")


def test_the_old_names_are_answered_once():
    before = list(sys.meta_path)
    answer_old_names()
    assert sys.meta_path == before
