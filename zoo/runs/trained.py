"""A trained model: its weights with all that a prediction needs besides them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..api import Backbone, Head, LandmarkScheme, UsageError, WeightsError
from ..config import Config, from_dict
from ..config.files import require_no_files
from ..evaluation.scores.schemes import scheme_from_table
from ..files.by_content import keep_brought
from ..files.reading import read_json, require_regular
from ..geometry import FacePlace as FacePlace
from ..memory import LEAST
from ..model import LandmarkModel, ModelPlan, build_model
from ..registry import Resolved
from ..tensors import file_digest, load_tensors, require_finite
from .folder import RunFolder
from .missing import explain_missing_plugin

SPARE = 512 << 20
"""Bytes of parameters that a network is allowed beyond those that its file holds: `vgg19` is built
with the classifier, of 0.46 GiB, that it leaves out for heads that work on maps."""


@dataclass(frozen=True)
class Header:
    """What the best weights carry in their file, so that the file alone can predict."""

    config: Config
    scheme: LandmarkScheme
    faces: FacePlace
    mean_shape: NDArray[np.float64]
    """(K, 2), of the training split, as fractions of the region: the baseline's prediction."""

    @property
    def upright(self) -> NDArray[np.float64] | None:
        """The shape that turns the crops of further passes upright; None: they are not turned."""
        return self.mean_shape if self.config.upright else None

    def to_dict(self) -> dict[str, Any]:
        return {
            "config": self.config.to_share(),
            "scheme": asdict(self.scheme),
            "faces": asdict(self.faces),
            "mean_shape": self.mean_shape.tolist(),
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Header:
        return cls(
            config=from_dict(table["config"]),
            scheme=scheme_from_table(table["scheme"]),
            faces=msgspec.convert(table["faces"], FacePlace),
            mean_shape=np.array(table["mean_shape"], np.float64),
        )


def model_plan(config: Config, backbone: Resolved[Backbone], head: Resolved[Head]) -> ModelPlan:
    return ModelPlan(
        backbone=backbone,
        head=head,
        input_size=config.input_size,
        pretrained=config.pretrained,
        weights=config.weights,
        freeze=config.freeze or config.unfreeze_after > 0,
    )


@dataclass(frozen=True)
class Trained:
    model: LandmarkModel
    """The network, on the CPU and in eval mode."""
    header: Header


def require_recorded(path: Path) -> None:
    """Raises :class:`WeightsError` where the record beside a run's best weights belongs to others.

    Nothing is checked where a record of an older version does not name its weights, or where a file
    has no record.
    """
    record = RunFolder(path.parent).record
    if path.name != RunFolder(path.parent).best.name or not record.exists():
        return
    table = read_json(record, error=WeightsError)
    model = table.get("model") if isinstance(table, dict) else None
    recorded = model.get("best_sha256") if isinstance(model, dict) else None
    if recorded is not None and (actual := file_digest(path)) != recorded:
        raise WeightsError(
            f"{path}: is damaged, or of another training: its sha256 is {actual[:12]}, and "
            f"{record.name} beside it is of {str(recorded)[:12]}; copy the run again"
        )


def best_of(folder: RunFolder) -> Path:
    """The file of a run's best weights. Raises :class:`UsageError` for a folder that is no run, and
    :class:`WeightsError` for a run that has none yet."""
    folder.read_config()
    if os.path.lexists(folder.best):
        return require_regular(folder.best, error=WeightsError)
    if folder.record.is_file() or folder.history.is_file():
        raise WeightsError(
            f"{folder.path}: has no best.safetensors, though it was trained: put that back from a "
            "copy of the folder"
        )
    raise WeightsError(
        f"{folder.path}: has no best.safetensors: its first epoch is not done. "
        f"Go on with: zoo train --resume {folder.path}"
    )


def read_best(path: Path) -> tuple[dict[str, Tensor], Header]:
    """What a file of best weights holds. Raises :class:`WeightsError` that names a file without
    them, or one that does not belong to the record beside it."""
    require_recorded(path)
    tensors, table = load_tensors(path)
    try:
        return tensors, Header.from_dict(table)
    except (LookupError, TypeError, ValueError, msgspec.ValidationError, UsageError) as error:
        raise WeightsError(f"{path}: its header is not a run's: {error}") from error


def _room_for(tensors: Mapping[str, Tensor]) -> int:
    """Most bytes that the parameters of a network with these tensors can take. They may be stored
    in half of their size, and a few buffers are not stored."""
    return SPARE + sum(max(2 * tensor.nbytes, LEAST) for tensor in tensors.values())


def load_trained(folder: RunFolder, plan: ModelPlan | None = None) -> Trained:
    """The best weights of a run, as a network of its own plugins, or of a ``plan`` that has them.

    Raises :class:`WeightsError` naming a file that does not fit, and :class:`PluginError` naming
    what to install where a plugin is gone.
    """
    tensors, header = read_best(best_of(folder))
    config = header.config
    require_no_files(config, str(folder.best))
    keep_brought(folder.path)
    if plan is None:
        with explain_missing_plugin(folder):
            plan = model_plan(config, config.plugin("backbone"), config.plugin("head"))
    # the weights are all in the file: nothing is downloaded or read for the start
    model = build_model(plan.without_start(), header.scheme, _room_for(tensors)).model
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[1 if "\n" in str(error) else 0].strip()
        raise WeightsError(
            f"{folder.best}: does not fit {header.config.backbone}: {reason}"
        ) from error
    require_finite(model, str(folder.best))
    model.eval()
    return Trained(model, header)
