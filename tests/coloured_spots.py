"""Models that need no training (fixed points, three coloured spots), and a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zoo.api import IBUG68, generic_scheme
from zoo.config.recipes import resolve
from zoo.model import LandmarkModel, ModelPlan, build_model
from zoo.prediction import FacePlace
from zoo.prediction.torch_model import TorchPredictor
from zoo.runs.folder import RunFolder
from zoo.runs.trained import Header, Trained
from zoo.tensors import save_tensors

SIZE = 32
UNIT = np.array([[0.25, 0.5], [0.75, 0.5], [0.5, 0.9]])
FACES = FacePlace(side=0.5, cx=0.5, cy=0.6)


class Constant(nn.Module):
    """Predicts the same points for every image, and keeps its inputs in ``shown``."""

    def __init__(self, score: bool = False) -> None:
        super().__init__()
        self.score = score
        self.shown: list[Tensor] = []

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        self.shown.append(images)
        points = torch.from_numpy(UNIT).float().expand(len(images), -1, -1)
        scores = {"score": images.mean((1, 2, 3))[:, None].expand(-1, 3)} if self.score else {}
        return {"points": points, **scores}


class Brightest(nn.Module):
    """Predicts each channel's centre of brightness: a perfect model of coloured spots."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        place = (torch.arange(images.shape[-1]) + 0.5) / images.shape[-1]
        mass = images.sum((2, 3)) + 1e-9
        x, y = (images.sum(2) * place).sum(-1) / mass, (images.sum(3) * place).sum(-1) / mass
        return {"points": torch.stack((x, y), -1)}


def predictor(model: nn.Module, region: str = "frame", faces: FacePlace = FACES) -> TorchPredictor:
    config = resolve("any", sets=[f"input_size={SIZE}", f"region={region}"])
    header = Header(config, generic_scheme(3), faces, UNIT)
    model.outputs = {}  # type: ignore[assignment]
    return TorchPredictor(Trained(cast(LandmarkModel, model), header), "cpu")


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def spots(height: int, width: int, points: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """One spot in each channel; its centre may lie between pixels."""
    y, x = np.mgrid[:height, :width]
    squares = [(x - px) ** 2 + (y - py) ** 2 for px, py in points]
    return np.stack([250 * np.exp(-d / (2 * 2.5**2)) for d in squares], -1).round().astype(np.uint8)


def run_folder(path: Path, **changes: Any) -> RunFolder:
    """A run folder as training writes it, of a model that was never trained."""
    config = resolve("timm:test_resnet", sets=[f"input_size={SIZE}"], flags={"data": "/secret"})
    torch.manual_seed(0)
    model = build_model(ModelPlan.of("timm:test_resnet", input_size=SIZE), IBUG68).model
    header = Header(config, IBUG68, FACES, np.zeros((68, 2))).to_dict() | changes
    folder = RunFolder(path)
    path.mkdir()
    folder.write_config(config)
    save_tensors(folder.best, model.state_dict(), header)
    return folder
