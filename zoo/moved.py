"""Modules that moved: their old names go on working for one release, with a deprecation notice.

To move a module, add its old and its new name to MOVED. Importing the old name then gives the same
module object as the new name, with the old names of RENAMED in it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "zoo.engine.distributed": "zoo.world",
    "zoo.engine.folder": "zoo.runs.folder",
    "zoo.engine.material": "zoo.data.source",
    "zoo.engine.report": "zoo.reporter",
    "zoo.engine.run": "zoo.training.run",
    "zoo.engine.scoring": "zoo.scoring.split",
    "zoo.engine.trained": "zoo.runs.trained",
    "zoo.export.check": "zoo.prediction.agreement",
    "zoo.export.graph": "zoo.prediction.graph",
    "zoo.export.rewording": "zoo.prediction.rewording",
    "zoo.installed": "zoo.registry.entries",
    "zoo.models.catalogue": "zoo.runs.catalogue",
    "zoo.models.packing": "zoo.export.bundle",
    "zoo.recipes": "zoo.config.recipes",
    "zoo.evaluation.benchmark": "zoo.evaluation.records.benchmark",
    "zoo.evaluation.bootstrap": "zoo.evaluation.scores.bootstrap",
    "zoo.evaluation.catalogue": "zoo.evaluation.scores.metric_names",
    "zoo.evaluation.clusters": "zoo.evaluation.scores.clusters",
    "zoo.evaluation.compare": "zoo.evaluation.board.compare",
    "zoo.evaluation.contestants": "zoo.evaluation.board.contestants",
    "zoo.evaluation.curves": "zoo.training.curve",
    "zoo.evaluation.details": "zoo.evaluation.scores.details",
    "zoo.evaluation.external": "zoo.evaluation.scores.points_file",
    "zoo.evaluation.faces": "zoo.evaluation.board.faces",
    "zoo.evaluation.files": "zoo.files",
    "zoo.evaluation.jitter": "zoo.evaluation.scores.jitter",
    "zoo.evaluation.leaderboard": "zoo.evaluation.board.leaderboard",
    "zoo.evaluation.metrics": "zoo.evaluation.scores.metrics",
    "zoo.evaluation.naming": "zoo.api.errors",
    "zoo.evaluation.pooling": "zoo.evaluation.board.pooling",
    "zoo.evaluation.predictions": "zoo.evaluation.scores.predictions",
    "zoo.evaluation.protocols": "zoo.evaluation.scores.protocols",
    "zoo.evaluation.provenance": "zoo.evaluation.records.provenance",
    "zoo.evaluation.render": "zoo.evaluation.board.render",
    "zoo.evaluation.results": "zoo.evaluation.scores.results",
    "zoo.evaluation.schema": "zoo.evaluation.records.schema",
    "zoo.evaluation.schemes": "zoo.evaluation.scores.schemes",
    "zoo.evaluation.significance": "zoo.evaluation.board.significance",
    "zoo.evaluation.verify": "zoo.evaluation.records.verification",
}

RENAMED = {
    "zoo.engine.material": {
        "Material": "zoo.data.source:DataSource",
        "open_material": "zoo.data.source:open_source",
        "own_material": "zoo.runs.own_data:own_source",
    },
    "zoo.engine.report": {"Begun": "zoo.reporter:RunStarted"},
    "zoo.engine.scoring": {"Truth": "zoo.scoring.split:Targets"},
}
"""Names that changed as well: for the old name of a module, its old names and their new places."""

PARENTS = ("zoo.engine", "zoo.models")
"""Packages that no longer exist: importing a name in MOVED still imports them first."""


class MovedModules:
    """Answers an import of an old name with the module that has the new one.

    It has the methods of a finder and a loader without their abstract base classes, since these
    would make every start of the command line load importlib.resources.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in PARENTS:
            return ModuleSpec(fullname, None, is_package=True)
        loader: Any = self
        return ModuleSpec(fullname, loader) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        import pkgutil
        import warnings
        from importlib import import_module

        from zoo.api import ZooDeprecationWarning

        new = MOVED[spec.name]
        module = import_module(new)
        for name, target in RENAMED.get(spec.name, {}).items():
            setattr(module, name, pkgutil.resolve_name(target))
        spec.loader_state = module.__spec__
        warnings.warn(
            f"{spec.name} is now {new}: import that; the old name works for one more release",
            ZooDeprecationWarning,
            stacklevel=2,
        )
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module its own spec back, which importing the old name replaced."""
        spec = module.__spec__
        if spec is not None:
            module.__spec__ = spec.loader_state


def answer_old_names() -> None:
    """Makes ``import`` know the old names. Doing it twice changes nothing."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
