"""The command line's verbs for Python: ``zoo.train``, ``zoo.evaluate``, ``zoo.leaderboard``."""

from .board import bench, compare, evaluate, import_points, leaderboard
from .training import rerun, train, train_folds

__all__ = [
    "bench",
    "compare",
    "evaluate",
    "import_points",
    "leaderboard",
    "rerun",
    "train",
    "train_folds",
]
