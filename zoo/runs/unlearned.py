"""Advice for a run that is no better than the mean shape: what to try next."""

from __future__ import annotations

from pathlib import Path

from ..evaluation.board.baseline import reason, run_has_learned
from .folder import RunFolder

SHOWS_IT = "timm:mobilenetv4_conv_small"
"""A network that the recipe FAST trains within minutes on one CPU core."""

FAST = "quick"
FEW = 20
"""Fewest epochs that are suggested: fewer teach a model too little."""


def unlearned(run: Path) -> list[str]:
    """What to tell of a finished run that has not learned, in two lines; empty for one that has.

    Raises what :meth:`.folder.RunFolder.read_record` raises.
    """
    folder = RunFolder(run)
    results = folder.read_record().results.get("val")
    if results is None or run_has_learned(results) is not False:
        return []
    why = reason(results.baseline, results.headline)
    return [f"{run} has not learned: {why}", f"Try {_advice(folder)}"]


def _advice(folder: RunFolder) -> str:
    config = folder.read_config()
    epochs = max(FEW, 2 * config.epochs)
    dataset = config.dataset.rpartition("/")[2]
    data = f" --data {config.data}" if config.data else ""
    longer = (
        f"--epochs {epochs}"
        if config.scheduler == "cosine"
        else f"zoo train --resume {folder.path} --epochs {epochs}"
    )
    if Path(config.recipe).stem == FAST:
        return (
            f"more epochs ({longer}), a smaller learning rate (--lr {config.lr / 4:g}), and "
            f"`zoo data check {dataset}{data}`, which finds labels that mislead"
        )
    return (
        f"`zoo train {SHOWS_IT} --dataset {dataset}{data} --recipe {FAST}`, which learns fast, "
        f"or more epochs: {longer}"
    )
