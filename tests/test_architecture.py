"""Who may import whom: the floors of the house, kept by reading every import in the source.

An import inside a function counts as much as one at the top, except where the question is what
`import` itself brings in.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from zoo.moved import MOVED

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "zoo": "zoo",
    "zoo.plugins": "plugins",
    "zoo.datasets": "datasets",
    "zoo.evaluation": "evaluation",
}

GROUND = ("zoo.api",)
SECOND = (
    *GROUND,
    *(
        "zoo.registry",
        "zoo.registry.installed",
        "zoo.registry.errors",
        "zoo.registry.trial",
        "zoo.threads",
    ),
    *(
        "zoo.files.reading",
        "zoo.files",
        "zoo.files.folders",
        "zoo.files.tables",
        "zoo.files.names",
        "zoo.evaluation.audit.doubts",
    ),
    "zoo.limits",
    *("zoo.geometry", "zoo.images", "zoo.videos", "zoo.fetching"),
)
SCORES = (*SECOND, "zoo.evaluation.scores")
RECORDS = (*SCORES, "zoo.evaluation.records")
BOARD = (*RECORDS, "zoo.evaluation.board")
FOURTH = (
    *SECOND,
    "zoo.evaluation.scores.protocols",
    *("zoo.config.bounds", "zoo.config.augment"),
    *(
        "zoo.data",
        "zoo.memory",
        "zoo.model",
        "zoo.tensors",
        "zoo.config",
        "zoo.registry.call",
        "zoo.config.recipes",
    ),
)
FIFTH = (
    *FOURTH,
    "zoo.evaluation",
    *("zoo.engine", "zoo.tensors", "zoo.prediction", "zoo.models", "zoo.export", "zoo.testing"),
)
ANY = None


@dataclass(frozen=True)
class Floor:
    """What a package and all below it may import: of ours by prefix, of others by name."""

    ours: tuple[str, ...]
    others: tuple[str, ...] | None = ANY


# The longest prefix of a module's name decides; what no line covers is an error, so that a new
# module is given its floor here.
FLOORS = {
    "zoo.api": Floor(GROUND, ("numpy",)),
    "zoo.registry": Floor(SECOND, ()),
    "zoo.registry.installed": Floor(GROUND, ()),
    "zoo.registry.errors": Floor((*GROUND, "zoo.registry.installed"), ()),
    "zoo.registry.trial": Floor(SECOND, ()),
    "zoo.geometry": Floor(GROUND, ("numpy", "cv2")),
    "zoo.files.reading": Floor(GROUND, ()),
    "zoo.files.folders": Floor(GROUND, ()),
    "zoo.files.tables": Floor((*GROUND, "zoo.files.reading"), ("numpy",)),
    "zoo.evaluation.audit.doubts": Floor((), ("numpy",)),
    "zoo.files.names": Floor((*GROUND, "zoo.images"), ()),
    "zoo.images": Floor((*GROUND, "zoo.files.reading"), ("numpy", "PIL", "pillow_heif")),
    "zoo.videos": Floor((*GROUND, "zoo.files.reading"), ("numpy", "cv2")),
    "zoo.config.recipes": Floor((*GROUND, "zoo.files.reading", "zoo.config"), ()),
    "zoo.files": Floor((), ()),
    "zoo.moved": Floor(("zoo.api",), ()),
    "zoo.scaffold": Floor((*GROUND, "zoo.registry.installed", "zoo.scaffold"), ()),
    "zoo.plugins": Floor(
        (
            "zoo.api",
            "zoo.files.reading",
            "zoo.files.tables",
            "zoo.files.names",
            "zoo.geometry",
            "zoo.plugins",
        )
    ),
    "zoo.fetching": Floor((*GROUND, "zoo.files.reading", "zoo.images"), ("requests",)),
    "zoo.datasets": Floor(
        (
            *(
                "zoo.api",
                "zoo.files.reading",
                "zoo.files.tables",
                "zoo.files.names",
                "zoo.geometry",
            ),
            *("zoo.files.folders", "zoo.images", "zoo.videos", "zoo.fetching", "zoo.datasets"),
        )
    ),
    "zoo.evaluation": Floor((), ()),
    "zoo.evaluation.scores": Floor(SCORES, ("numpy", "msgspec")),
    "zoo.evaluation.records": Floor(RECORDS, ("numpy", "msgspec")),
    "zoo.evaluation.board": Floor(BOARD, ("numpy", "pandas")),
    "zoo.evaluation.audit": Floor((*SCORES, "zoo.evaluation.audit"), ("numpy", "cv2")),
    "zoo.evaluation.page": Floor((*BOARD, "zoo.evaluation.page"), ("numpy", "jinja2", "PIL")),
    "zoo.data": Floor(FOURTH),
    "zoo.limits": Floor(GROUND, ()),
    "zoo.memory": Floor((*GROUND, "zoo.limits"), ("torch",)),
    "zoo.model": Floor(FOURTH),
    "zoo.tensors": Floor(FOURTH),
    "zoo.threads": Floor((), ()),
    "zoo.config.bounds": Floor(GROUND, ()),
    "zoo.config.augment": Floor((*GROUND, "zoo.config.bounds"), ()),
    "zoo.config": Floor(FOURTH),
    "zoo.registry.call": Floor(FOURTH),
    "zoo.engine": Floor(FIFTH),
    "zoo.tensors": Floor(FIFTH),
    "zoo.prediction": Floor(FIFTH),
    "zoo.models": Floor(FIFTH),
    "zoo.media": Floor((*SECOND, "zoo.prediction", "zoo.media"), ("numpy", "cv2")),
    "zoo.export": Floor(FIFTH),
    "zoo.testing": Floor(FIFTH),
    "zoo.verbs": Floor(FIFTH),
    "zoo.doctor": Floor((*FOURTH, "zoo.runs.catalogue", "zoo.doctor")),
    "zoo.cli": Floor((*FIFTH, "zoo.media", "zoo.doctor", "zoo.scaffold", "zoo.cli", "zoo")),
    "zoo.__main__": Floor(("zoo.cli",)),
}
PACKAGE = Floor((*FIFTH, "zoo.verbs", "zoo.cli", "zoo.moved"))
"""`zoo/__init__.py` itself, which stands on the roof."""

LIGHT = (
    *(
        "zoo.api",
        "zoo.registry",
        "zoo.registry.installed",
        "zoo.geometry",
        "zoo.evaluation",
        "zoo.cli",
    ),
    *("zoo.prediction.predictor", "zoo.prediction.loading", "zoo.prediction.onnx_model"),
    *("zoo.media", "zoo.runs.catalogue"),
)
"""Importing these brings in no torch."""

TORCH = {"torch", "torchvision", "timm", "torchmetrics", "safetensors.torch"}


@dataclass(frozen=True)
class Import:
    target: str
    line: int
    at_top: bool
    for_types: bool


def modules() -> dict[str, Path]:
    """Every module of the distribution: its name and its file."""
    found = {}
    for package, folder in FOLDERS.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join((package, *parts))] = file
    return found


MODULES = modules()


def imports(name: str, source: str, is_package: bool, known: set[str]) -> Iterator[Import]:
    """All imports of a module, relative ones made absolute, `from package import module` too."""

    def visit(node: ast.AST, at_top: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, at_top, for_types)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    here = name.split(".") if is_package else name.split(".")[:-1]
                    here = here[: len(here) - child.level + 1]
                    base = ".".join([*here, *([base] if base else [])])
                for alias in child.names:
                    full = f"{base}.{alias.name}"
                    target = full if full in known or full in TORCH else base
                    yield Import(target, child.lineno, at_top, for_types)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from visit(child, at_top and not inside, for_types or types)

    yield from visit(ast.parse(source), True, False)


@cache
def read(name: str) -> list[Import]:
    file = MODULES[name]
    return list(imports(name, file.read_text(), file.name == "__init__.py", set(MODULES)))


def covers(prefix: str, name: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def floor_of(name: str) -> Floor | None:
    if name == "zoo":
        return PACKAGE
    homes = [prefix for prefix in FLOORS if covers(prefix, name)]
    return FLOORS[max(homes, key=len)] if homes else None


def trespasses(name: str, found: list[Import]) -> list[str]:
    """The imports of a module that its floor does not allow, in words."""
    floor = floor_of(name)
    if floor is None:
        return [f"{name} stands on no floor: give it one in FLOORS"]
    wrong = []
    for each in found:
        top = each.target.partition(".")[0]
        if top == "zoo":
            # The bare package is no prefix here: it would allow everything below it.
            allowed = any(
                each.target == prefix if prefix == "zoo" else covers(prefix, each.target)
                for prefix in floor.ours
            )
        elif top in sys.stdlib_module_names:
            allowed = True
        else:
            # A type's name costs nothing: the contracts may speak of torch without importing it.
            allowed = floor.others is None or top in floor.others or each.for_types
        if not allowed:
            wrong.append(f"{name}, line {each.line}, imports {each.target}")
    return wrong


@pytest.mark.parametrize("name", MODULES)
def test_every_module_keeps_to_its_floor(name: str) -> None:
    assert trespasses(name, read(name)) == []


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("zoo.evaluation.scores.x", "def f():\n    import torch\n", "torch"),
        ("zoo.evaluation.scores.x", "from zoo.data import store\n", "zoo.data"),
        ("zoo.api.x", "from ..registry import registry\n", "zoo.registry"),
        ("zoo.registry", "from zoo import geometry, model\n", "zoo.model"),
        ("zoo.plugins.heads.x", "from ...engine import fit\n", "zoo.engine"),
        ("zoo.plugins.heads.x", "from zoo.datasets.wflw import wflw\n", "zoo.datasets"),
        ("zoo.engine.x", "from zoo.plugins.heads.linear import linear\n", "zoo.plugins"),
        ("zoo.model", "import zoo.cli.output\n", "zoo.cli"),
        ("zoo.geometry", "import pandas\n", "pandas"),
    ],
)
def test_a_trespass_is_seen(name: str, source: str, target: str) -> None:
    wrong = trespasses(name, list(imports(name, source, False, set(MODULES))))
    assert len(wrong) == 1
    assert target in wrong[0]


def test_a_module_without_a_floor_is_seen() -> None:
    assert trespasses("zoo.attic", []) == ["zoo.attic stands on no floor: give it one in FLOORS"]


def brought_in(name: str) -> set[str]:
    """Everything that importing a module imports, followed through our own modules."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in reached:
            continue
        reached.add(current)
        if current in MODULES:
            waiting += [each.target for each in read(current) if each.at_top and not each.for_types]
            waiting += [current.rpartition(".")[0]] if "." in current else []
    return reached


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
    """Not in a string either: a built-in enters by its entry point, as a stranger's does."""
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


def test_nothing_uses_the_old_name_of_a_module_that_moved() -> None:
    assert [(name, each) for name in MODULES for each in read(name) if each.target in MOVED] == []
