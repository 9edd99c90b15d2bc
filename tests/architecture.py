"""The layers of the source and all its imports, for the test and the drawn picture.

An import inside a function counts like one at the top.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "zoo": "zoo",
    "zoo.plugins": "plugins",
    "zoo.datasets": "datasets",
    "zoo.evaluation": "evaluation",
}

LAYERS = (
    "zoo.threads",
    "zoo.api",
    "zoo.limits",
    "zoo.files",
    "zoo.images",
    "zoo.videos",
    "zoo.onnx_session",
    "zoo.geometry",
    "zoo.fetching",
    "zoo.runs.listed",
    "zoo.runs.catalogue",
    "zoo.device",
    "zoo.tensors",
    "zoo.registry",
    "zoo.plugins",
    "zoo.datasets",
    "zoo.evaluation",
    "zoo.evaluation.scores",
    "zoo.evaluation.records",
    "zoo.evaluation.board",
    "zoo.evaluation.audit",
    "zoo.evaluation.page",
    "zoo.config",
    "zoo.reporter",
    "zoo.world",
    "zoo.memory",
    "zoo.model",
    "zoo.data",
    "zoo.runs",
    "zoo.scoring",
    "zoo.training",
    "zoo.prediction",
    "zoo.media",
    "zoo.export",
    "zoo.testing",
    "zoo.scaffold",
    "zoo.doctor",
    "zoo.verbs",
    "zoo.cli",
    "zoo.moved",
    "zoo",
    "zoo.__main__",
)
"""Lowest first: a layer imports only layers before it, and itself."""

LIBRARIES = {
    "zoo.threads": (),
    "zoo.limits": (),
    "zoo.api": ("numpy",),
    "zoo.files": ("numpy",),
    "zoo.images": ("numpy", "PIL", "pillow_heif"),
    "zoo.videos": ("numpy", "cv2"),
    "zoo.geometry": ("numpy", "cv2"),
    "zoo.fetching": ("requests", "urllib3"),
    "zoo.registry": (),
    "zoo.evaluation": (),
    "zoo.evaluation.scores": ("numpy", "msgspec"),
    "zoo.evaluation.records": ("numpy", "msgspec"),
    "zoo.evaluation.board": ("numpy", "pandas", "msgspec"),
    "zoo.evaluation.audit": ("numpy", "cv2"),
    "zoo.evaluation.page": ("numpy", "jinja2", "PIL", "msgspec"),
    "zoo.media": ("numpy", "cv2"),
    "zoo.scaffold": (),
}
"""Libraries that a layer may import. A layer without an entry may import any."""

APART = ("zoo.plugins", "zoo.datasets")
"""Rooms that no other layer imports: entry points load them, like plugins of other packages."""

LIGHT = (
    *("zoo.api", "zoo.files", "zoo.registry", "zoo.geometry", "zoo.evaluation", "zoo.cli"),
    *("zoo.prediction.predictor", "zoo.prediction.loading", "zoo.prediction.onnx_model"),
    *("zoo.prediction.own_graph", "zoo.media", "zoo.runs.catalogue"),
)
"""Modules whose import must not load torch."""

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
    """All imports of a module, as absolute names; `from package import module` names the module."""

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


def read(name: str) -> list[Import]:
    file = MODULES[name]
    return list(imports(name, file.read_text(), file.name == "__init__.py", set(MODULES)))


def covers(prefix: str, name: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def layer_of(name: str) -> str | None:
    """The layer that a module stands in: the longest of LAYERS that covers it."""
    if name == "zoo":
        return name
    homes = [layer for layer in LAYERS if layer != "zoo" and covers(layer, name)]
    return max(homes, key=len) if homes else None


def upward_imports(name: str, found: list[Import]) -> list[str]:
    """The imports of a module that its layer does not allow, a message for each."""
    layer = layer_of(name)
    if layer is None:
        return [f"{name} stands in no layer: give it a place in LAYERS"]
    libraries = LIBRARIES.get(layer)
    wrong = []
    for each in found:
        top = each.target.partition(".")[0]
        if top == "zoo":
            target = layer_of(each.target)
            allowed = target is not None and LAYERS.index(target) <= LAYERS.index(layer)
            allowed = allowed and (target not in APART or target == layer)
        else:
            # An import for types costs nothing: contracts name torch's types without loading it.
            allowed = top in sys.stdlib_module_names or each.for_types
            allowed = allowed or libraries is None or top in libraries
        if not allowed:
            wrong.append(f"{name}, line {each.line}, imports {each.target}")
    return wrong


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Import cycles, direct or through other modules: a sorted list of names for each."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting += graph.get(current, ())
        return found

    below = {name: reached(name) for name in graph}
    round_trips = {
        tuple(sorted(m for m in below[name] if name in below.get(m, ()))) for name in below
    }
    return [list(each) for each in sorted(round_trips) if len(each) > 1]


def hidden_modules(package: str) -> list[str]:
    """The modules of a package whose names its ``__init__`` gives to something else."""
    bound: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[package].read_text())):
        match node:
            case ast.ImportFrom(module=str(module)):
                found = {
                    (alias.asname or alias.name, f"{module}.{alias.name}") for alias in node.names
                }
                bound |= {name for name, full in found if full not in MODULES}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.Dict(keys=keys):  # names that are imported lazily
                bound |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return sorted(f"{package}.{name}" for name in bound if f"{package}.{name}" in MODULES)


def brought_in(name: str) -> set[str]:
    """All modules that importing this one loads, as far as the zoo's own modules show."""
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
