"""The optimiser of a configuration, and its learning rate at each step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ..config import Config

MOMENTUM = 0.9  # of sgd


def make_optimizer(model: nn.Module, config: Config) -> torch.optim.Optimizer:
    """Biases and norms are not decayed: pulling them to zero regularises nothing."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group | {"initial_lr": config.lr} for group in groups if group["params"]]
    fused = trained[0].device.type in ("cpu", "cuda")
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, config.lr, momentum=MOMENTUM, nesterov=True, fused=fused)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, config.lr, fused=fused)


class Schedule:
    """Linear warm-up, then constant, a cosine to zero, or a plateau schedule on validation loss."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, config: Config, steps_an_epoch: int
    ) -> None:
        self.optimizer = optimizer
        self.kind = config.scheduler
        self.warmup = round(config.warmup_epochs * steps_an_epoch)
        self.warmup_epochs = config.warmup_epochs
        self.steps = config.epochs * steps_an_epoch
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            factor=config.plateau.factor,
            patience=config.plateau.patience,
            min_lr=config.plateau.min_lr,
        )

    def before_step(self, step: int) -> None:
        """Set the rate of step ``step`` (from 0)."""
        if step < self.warmup:
            factor = (step + 1) / self.warmup
        elif self.kind == "cosine":
            done = (step - self.warmup) / max(1, self.steps - self.warmup)
            factor = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        elif self.kind == "plateau" and step > self.warmup:
            return  # the plateau's reductions stand
        else:
            factor = 1.0
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor

    def after_epoch(self, epoch: int, val_loss: float) -> None:
        """``epoch`` (from 1) is over."""
        if self.kind == "plateau" and epoch > self.warmup_epochs:
            self.plateau.step(val_loss)

    @property
    def rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        kept = ("best", "num_bad_epochs", "last_epoch", "cooldown_counter")
        return {key: getattr(self.plateau, key) for key in kept}

    def restore(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            setattr(self.plateau, key, value)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """One step of the weights' exponential moving average; ``step`` counts from 0.

    Warmed up as (1 + t) / (10 + t), so that the random start is soon forgotten. Buffers (batch
    norm's statistics are averages already) are copied.
    """
    decay = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    torch._foreach_copy_(list(average.buffers()), list(model.buffers()))
