"""Everything that a resumed run needs, saved and restored to the bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from ..api import DataError, WeightsError, ZooError
from ..config import Config
from ..model import LandmarkModel
from ..tensors import (
    STATE,
    load_tensors,
    pack_optimizer,
    save_tensors,
    unpack_optimizer,
    with_prefix,
    without_prefix,
)
from ..world import World
from .optim import Schedule


@dataclass
class Progress:
    """How far a run is: plain numbers that go into the state's header."""

    epoch: int = 0
    """Epochs finished."""
    batch: int = 0
    """Steps finished in the current epoch."""
    step: int = 0
    """Steps finished in all."""
    images: int = 0
    """Images seen in all."""
    seconds: float = 0.0
    """Seconds spent in training steps, in all sessions of the run together."""
    best: float | None = None
    """Lowest validation NME so far."""
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def stalled(self, config: Config) -> bool:
        """Whether early stop is due; only a finished epoch changes it. Epochs before the
        unfreezing of the backbone do not count, so that no run stops before it."""
        since = max(self.best_epoch, config.unfreeze_after)
        return bool(config.early_stop) and self.epoch - since >= config.early_stop

    def done(self, config: Config) -> bool:
        return self.epoch >= config.epochs or self.stalled(config)


@dataclass
class TrainState:
    """What training changes."""

    model: LandmarkModel
    average: LandmarkModel | None
    """The weights' moving average, where one is kept."""
    loss: nn.Module | None
    """The point loss, if it is a module and training uses it: it may have parameters and buffers.
    It has no moving average, since predictions do not use it."""
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    scaler: torch.amp.GradScaler
    progress: Progress
    loss_sum: Tensor
    """Sum of the losses of this epoch's images that this process saw: a scalar on the device."""

    @property
    def evaluated(self) -> LandmarkModel:
        """What is validated and kept as best."""
        return self.average if self.average is not None else self.model

    @property
    def loss_parameters(self) -> list[nn.Parameter]:
        """Parameters of the loss that are trained: they are in no DistributedDataParallel."""
        return [] if self.loss is None else [p for p in self.loss.parameters() if p.requires_grad]

    def unfreeze_when_due(self, config: Config) -> bool:
        """Train the backbone too, once its frozen epochs are over; returns whether that is now."""
        due = self.model.frozen and 0 < config.unfreeze_after <= self.progress.epoch
        if due:
            self.model.unfreeze()
        return due

    def save(self, path: Path, config: Config, world_size: int, fingerprint: str) -> None:
        moments, rest = pack_optimizer(self.optimizer)
        tensors = with_prefix("model", self.model.state_dict()) | with_prefix("optimizer", moments)
        if self.average is not None:
            tensors |= with_prefix("average", self.average.state_dict())
        if self.loss is not None:
            tensors |= with_prefix("loss", self.loss.state_dict())
        tensors["loss_sum"] = self.loss_sum
        header = {
            "config": config.to_share(),
            "progress": asdict(self.progress),
            "optimizer": rest,
            "schedule": self.schedule.state(),
            "scaler": self.scaler.state_dict(),
            "world_size": world_size,
            "fingerprint": fingerprint,
        }
        save_tensors(path, tensors, header)

    def restore(self, path: Path, world: World, fingerprint: str) -> None:
        """Raises :class:`WeightsError` for a file that is not this run's state, and
        :class:`DataError` for other data than it was saved with."""
        tensors, header = load_tensors(path, STATE)
        try:
            if header["world_size"] != world.size:
                raise WeightsError(
                    f"{path}: saved by {header['world_size']} process(es), resumed by "
                    f"{world.size}; start as many as before (torchrun --nproc-per-node)"
                )
            if header["fingerprint"] != fingerprint:
                raise DataError(
                    f"{path}: was trained on data with fingerprint {header['fingerprint'][:12]}, "
                    f"this has {fingerprint[:12]}: a run goes on with its own data only"
                )
            self.model.load_state_dict(without_prefix("model", tensors))
            if self.average is not None:
                self.average.load_state_dict(without_prefix("average", tensors))
            loss_tensors = without_prefix("loss", tensors)
            # older states lack the loss, which had no parameters at that time
            if self.loss is not None and (loss_tensors or list(self.loss.parameters())):
                self.loss.load_state_dict(loss_tensors)
            unpack_optimizer(
                self.optimizer, without_prefix("optimizer", tensors), header["optimizer"]
            )
            self.schedule.restore(header["schedule"])
            self.scaler.load_state_dict(header["scaler"])
            if world.first:  # it was saved as the sum over all processes
                self.loss_sum.copy_(tensors["loss_sum"])
            self.progress = msgspec.convert(header["progress"], Progress)
        except ZooError:
            raise
        except Exception as error:  # torch's own readers raise many kinds
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise WeightsError(f"{path}: does not fit this run: {reason}") from error
