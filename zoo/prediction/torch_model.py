"""A run's best model, ready to predict."""

from __future__ import annotations

from pathlib import Path

import torch

from ..api import DataError
from ..api.notices import warn
from ..evaluation.records import load_record
from ..runs.folder import RunFolder
from ..runs.trained import Trained, load_trained
from ..world import pick_device
from .network import Answer, Crops
from .outputs import VISIBILITY
from .predictor import Predictor


class TorchPredictor(Predictor):
    """A trained model on a device: cpu, cuda, mps or, where none is named, the best available."""

    def __init__(self, trained: Trained, device: str = "", name: str = "") -> None:
        self.device = pick_device(device)
        self.model = trained.model.to(self.device).eval()
        self.header = trained.header
        self.name = name or trained.header.config.backbone
        self.scheme = trained.header.scheme
        self.input_size = trained.header.config.input_size
        self.region = trained.header.config.region
        self.faces = trained.header.faces
        self.refine = trained.header.config.refine
        self.mean_shape = trained.header.mean_shape
        self.upright = trained.header.config.upright
        self.outputs = self.model.outputs

    @classmethod
    def of_run(cls, run: Path, device: str = "") -> TorchPredictor:
        """Load a run's best model. Raises what :func:`zoo.runs.trained.load_trained` raises.

        A damaged record is only warned of: nothing but the calibration is read from it.
        """
        folder = RunFolder(run)
        predictor = cls(load_trained(folder), device, run.name)
        if folder.record.is_file():  # a run that is still training has none
            try:
                predictor.calibration = load_record(folder.record).calibration
            except DataError as error:
                warn(f"{error}; faces have no confidence")
        return predictor

    @torch.no_grad()
    def run(self, crops: Crops) -> Answer:
        batch = torch.from_numpy(crops).to(self.device)
        output = self.model(batch.permute(0, 3, 1, 2).float() / 255)
        names = {"points", "score", VISIBILITY, *self.outputs} & output.keys()
        arrays = {name: output[name].float().cpu().numpy() for name in names}
        return Answer(arrays.pop("points"), arrays.pop("score", None), arrays)
