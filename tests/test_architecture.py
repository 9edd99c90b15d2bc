"""Which module may import which: a list of layers in order, checked on every import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib

import pytest
from architecture import (
    FOLDERS,
    LIGHT,
    MODULES,
    ROOT,
    TORCH,
    brought_in,
    covers,
    cycles,
    hidden_modules,
    imports,
    read,
    upward_imports,
)


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_go_down(name: str) -> None:
    assert upward_imports(name, read(name)) == []


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("zoo.evaluation.scores.x", "def f():\n    import torch\n", "torch"),
        ("zoo.evaluation.scores.x", "from zoo.data import store\n", "zoo.data"),
        ("zoo.evaluation.scores.x", "from ..board import compare\n", "zoo.evaluation.board"),
        ("zoo.api.x", "from ..registry import registry\n", "zoo.registry"),
        ("zoo.registry", "from zoo import geometry, model\n", "zoo.model"),
        ("zoo.plugins.heads.x", "from ...training import fit\n", "zoo.training"),
        ("zoo.datasets.x", "from zoo.plugins.heads.linear import linear\n", "zoo.plugins"),
        ("zoo.training.x", "from zoo.plugins.heads.linear import linear\n", "zoo.plugins"),
        ("zoo.training.x", "from zoo import load\n", "zoo"),
        ("zoo.model", "import zoo.cli.output\n", "zoo.cli"),
        ("zoo.geometry", "import pandas\n", "pandas"),
    ],
)
def test_an_upward_import_is_found(name: str, source: str, target: str) -> None:
    wrong = upward_imports(name, list(imports(name, source, False, set(MODULES))))
    assert len(wrong) == 1
    assert target in wrong[0]


def test_a_module_without_a_layer_is_found() -> None:
    assert upward_imports("zoo.attic", []) == [
        "zoo.attic stands in no layer: give it a place in LAYERS"
    ]


def test_no_files_import_each_other() -> None:
    # A package's __init__ is left out: it imports what its modules define.
    files = {name for name in MODULES if MODULES[name].name != "__init__.py"}
    graph = {name: {each.target for each in read(name)} & files - {name} for name in sorted(files)}
    assert cycles(graph) == []


def test_a_cycle_is_found() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_no_name_of_a_package_hides_one_of_its_modules() -> None:
    """A function `installed` once hid the module `zoo.registry.installed` beside it."""
    packages = [name for name in MODULES if MODULES[name].name == "__init__.py"]
    assert [hidden for name in packages for hidden in hidden_modules(name)] == []


@pytest.mark.parametrize("name", [m for m in MODULES if any(covers(light, m) for light in LIGHT)])
def test_importing_a_light_module_brings_in_no_torch(name: str) -> None:
    heavy = {m for m in brought_in(name) if any(covers(torch, m) for torch in TORCH)}
    assert heavy == set()


def test_what_an_import_brings_in_is_followed_to_the_end() -> None:
    assert "torch" in brought_in("zoo.model")
    assert "numpy" in brought_in("zoo.evaluation.scores.metrics")


@pytest.mark.parametrize(
    "name", [m for m in MODULES if not covers("zoo.plugins", m) and not covers("zoo.datasets", m)]
)
def test_the_core_names_no_plugin_module(name: str) -> None:
    """Not in a string either: a built-in is loaded by its entry point, like any other plugin."""
    texts = (
        node.value
        for node in ast.walk(ast.parse(MODULES[name].read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    named = [text for text in texts if re.search(r"\bzoo\.(plugins|datasets)\.\w", text)]
    assert named == []


UNIX_ONLY = ("fcntl", "grp", "pwd", "resource")


@pytest.mark.slow
def test_every_module_can_be_imported_where_python_has_no_unix_modules() -> None:
    """As on Windows; `zoo.__main__` is the command itself."""
    names = [name for name in MODULES if name != "zoo.__main__"]
    script = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({UNIX_ONLY}))\n"
        f"for name in {names}:\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_picture_of_the_layers_shows_the_current_imports() -> None:
    sys.path.insert(0, str(ROOT / "docs" / "examples"))
    try:
        from draw_architecture import drawn
    finally:
        sys.path.pop(0)
    picture = ROOT / "docs" / "images" / "architecture.svg"
    assert picture.read_text("utf-8") == drawn(), (
        "run: python docs/examples/draw_architecture.py docs/images/architecture.svg"
    )


def test_every_package_of_the_source_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found = {
        ".".join((name, *file.parent.relative_to(ROOT / folder).parts))
        for name, folder in FOLDERS.items()
        for file in (ROOT / folder).rglob("__init__.py")
    }
    assert found == set(project["tool"]["setuptools"]["packages"])
