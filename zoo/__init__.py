"""Facial-landmark models that anyone can train, compare and use.

The verbs are imported at their first use, so that ``import zoo`` costs nothing. This import also
sets how PyTorch's threads wait, which must happen before PyTorch is loaded (:mod:`zoo.threads`).
"""

from typing import TYPE_CHECKING, Any

from zoo import threads as threads
from zoo.moved import answer_old_names

if TYPE_CHECKING:
    from zoo import registry as registry
    from zoo.export.export import export_onnx as export_onnx
    from zoo.export.push import push as push
    from zoo.files.by_content import keep_file as keep_file
    from zoo.prediction import load as load
    from zoo.verbs import bench as bench
    from zoo.verbs import compare as compare
    from zoo.verbs import evaluate as evaluate
    from zoo.verbs import import_points as import_points
    from zoo.verbs import leaderboard as leaderboard
    from zoo.verbs import rerun as rerun
    from zoo.verbs import train as train
    from zoo.verbs import train_folds as train_folds

    __version__: str

_LAZY: dict[str, str] = {
    "bench": "zoo.verbs",
    "compare": "zoo.verbs",
    "evaluate": "zoo.verbs",
    "export_onnx": "zoo.export.export",
    "import_points": "zoo.verbs",
    "keep_file": "zoo.files.by_content",
    "leaderboard": "zoo.verbs",
    "load": "zoo.prediction",
    "push": "zoo.export.push",
    "rerun": "zoo.verbs",
    "train": "zoo.verbs",
    "train_folds": "zoo.verbs",
}
"""Public name: the module that defines it."""

__all__ = [*_LAZY, "registry"]

answer_old_names()


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        return str(importlib.import_module("zoo.registry.entries").own_version())
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name == "registry":
        return importlib.import_module("zoo.registry")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "__version__", "registry"} - {"answer_old_names"})
