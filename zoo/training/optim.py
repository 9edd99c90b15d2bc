"""The optimiser of a configuration, the rate of each parameter, and the learning rate at each step.

Every parameter has a factor on ``lr``; parameters of one factor make a group. Parameters that are
frozen at first are in the optimiser from the beginning, in groups of their own: it skips them while
they have no gradient, and their moments begin with the first gradient.

The head trains at ``lr``. A backbone that started from weights (pretrained, or a file's) trains at
``lr * backbone_lr_factor * layer_decay ** k``, where ``k`` counts its blocks from the head: 1 for
the last block, more and more towards the stem, whose filters are the most general and need the
least change (Howard and Ruder, ULMFiT, arXiv:1801.06146; Clark et al., ELECTRA, arXiv:2003.10555).
A backbone that starts from random weights has nothing to keep, and trains at ``lr`` throughout.

A model with timm's ``group_matcher`` defines its own blocks (each layer of a transformer, each
block of a residual network). The blocks of any other model are its top-level children with
parameters, in their order; if it has only one such child, they are the blocks of that child.
Parameters outside of all children belong to the stem.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from ..config import Config
from ..model import LandmarkModel
from ..reporter import Reporter

MOMENTUM = 0.9  # of sgd


def make_optimizer(
    model: LandmarkModel,
    config: Config,
    factors: Mapping[str, float] | None = None,
    others: Iterable[nn.Parameter] = (),
) -> torch.optim.Optimizer:
    """An optimizer of all parameters that are trained, now or later, and ``others``.

    ``factors``: the factor on ``lr`` of each of the model's parameters, by name; the head's is 1.
    Without ``factors`` all are 1. The factor of ``others`` is always 1. Biases and norms are not
    decayed: pulling them to zero regularises nothing.
    """
    resting = {f"backbone.{name}" for name in model.resting} if config.unfreeze_after else set()
    grouped: dict[tuple[bool, float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad or name in resting:
            # in groups of their own: a fused step needs moments for all of a group or for none
            key = name in resting, factors[name] if factors else 1.0, parameter.ndim > 1
            grouped.setdefault(key, []).append(parameter)
    for parameter in others:
        grouped.setdefault((False, 1.0, parameter.ndim > 1), []).append(parameter)
    # the head's groups first: their rate is the one that is reported
    order = sorted(grouped, key=lambda key: (key[0], key[1] != 1.0, -key[1], not key[2]))
    groups: list[dict[str, Any]] = [
        {
            "params": grouped[rests, factor, decays],
            "weight_decay": config.weight_decay if decays else 0.0,
            "initial_lr": config.lr * factor,
            "lr": config.lr * factor,
        }
        for rests, factor, decays in order
    ]
    fused = groups[0]["params"][0].device.type in ("cpu", "cuda")
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
            # one for each group, so that the rates stay in proportion down to the least
            min_lr=[
                config.plateau.min_lr
                * (group["initial_lr"] / optimizer.param_groups[0]["initial_lr"])
                for group in optimizer.param_groups
            ],
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
        """Learning rate of the head; the other rates are in proportion to it."""
        return float(self.optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        kept = ("best", "num_bad_epochs", "last_epoch", "cooldown_counter")
        return {key: getattr(self.plateau, key) for key in kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Raises ValueError for a state that is not one from :meth:`state`."""
        if state.keys() != self.state().keys():
            raise ValueError(f"no state of a schedule: {', '.join(state)}")
        for key, value in state.items():
            if type(value) not in (int, float):
                raise ValueError(f"{key} of the schedule is no number")
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


def rate_factors(
    model: LandmarkModel, config: Config, started: bool, reporter: Reporter
) -> dict[str, float]:
    """Factor of every parameter of the model, by name. ``started``: the backbone starts from
    weights. If it does not, or is never trained, the keys have no effect, and a note says so."""
    changed = [key for key in ("backbone_lr_factor", "layer_decay") if getattr(config, key) != 1.0]
    factors = {name: 1.0 for name, _ in model.named_parameters()}
    if changed and not started:
        reporter.note(
            f"{' and '.join(changed)}: no effect, the backbone starts from random weights and "
            "trains at lr like the head; --pretrained or --weights FILE start it from others"
        )
    elif changed and config.freeze:
        reporter.note(f"{' and '.join(changed)}: no effect, the backbone is frozen")
    elif changed:
        blocks = blocks_of(model.backbone)
        count = 1 + max(blocks.values(), default=0)
        for name, block in blocks.items():
            below_head = count - block
            factors[f"backbone.{name}"] = config.backbone_lr_factor * config.layer_decay**below_head
    return factors


def blocks_of(backbone: nn.Module) -> dict[str, int]:
    """The number of each parameter's block, by the parameter's name: 0 is the stem's."""
    if hasattr(backbone, "group_matcher"):
        from timm.models import group_parameters

        matcher: Any = backbone.group_matcher
        numbers: dict[str, int] = group_parameters(backbone, matcher(coarse=False), reverse=True)
        return numbers
    children = [
        (name, child)
        for name, child in backbone.named_children()
        if next(child.parameters(), None) is not None
    ]
    if len(children) == 1 and not list(backbone.parameters(recurse=False)):
        [(name, child)] = children
        return {f"{name}.{rest}": number for rest, number in blocks_of(child).items()}
    numbers = {name: 0 for name, _ in backbone.named_parameters()}
    for number, (child_name, child) in enumerate(children):
        numbers |= {f"{child_name}.{rest}": number for rest, _ in child.named_parameters()}
    return numbers
