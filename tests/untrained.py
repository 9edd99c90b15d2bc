"""Run folders without training: a network with random weights, and the other files of a run.

Its batch norms have the statistics of some pictures. Otherwise activations in a deep network would
grow until two programs no longer agreed on their last digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import board_samples
import numpy as np
import torch
from torch import nn

from zoo.api import IBUG68, LandmarkScheme
from zoo.config.recipes import resolve
from zoo.evaluation.records import save_record
from zoo.model import build_model
from zoo.prediction import FacePlace
from zoo.prediction.agreement import random_crops
from zoo.runs.folder import RunFolder
from zoo.runs.trained import Header
from zoo.tensors import save_tensors
from zoo.training.plan import make_plan

FACES = FacePlace(side=0.5, cx=0.5, cy=0.6)


def make_run(
    path: Path,
    backbone: str = "timm:test_resnet",
    head: str = "linear",
    size: int = 64,
    sets: Sequence[str] = (),
    scheme: LandmarkScheme = IBUG68,
    record: bool = True,
) -> Path:
    """A run folder at ``path``; returns it. ``sets`` as after ``zoo train --set``."""
    flags: dict[str, Any] = {"head": head, "dataset": "synthetic", "input_size": size}
    plan = make_plan(resolve(backbone, "seed", sets, flags))
    config = plan.config
    torch.manual_seed(0)
    model = build_model(plan.model, scheme).model
    shape = np.random.default_rng(0).uniform(0.2, 0.8, (len(scheme), 2))
    if hasattr(model.head, "start_at"):
        model.head.start_at(torch.from_numpy(shape.astype(np.float32)))
    _set_batch_norms(model, size)
    folder = RunFolder(path)
    path.mkdir(parents=True)
    folder.write_config(config)
    save_tensors(folder.best, model.state_dict(), Header(config, scheme, FACES, shape).to_dict())
    if record:
        folder_record = board_samples.record(
            board_samples.predict({"a": [0.1, 0.2], "b": [0.3]}),
            backbone,
            data={"license": "drawn: no terms"},
            model={"parameters": 1000, "gmacs": 0.5, "license": "MIT", "weights": "none"},
            run=path.name,
        )
        save_record(folder_record, folder.record)
    return path


@torch.no_grad()
def _set_batch_norms(model: nn.Module, size: int) -> None:
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the plain mean over all batches
    model.train()
    crops = np.concatenate(list(random_crops(size, seed=1)))
    model(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
    model.eval()
