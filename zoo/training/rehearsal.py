"""One training step on two random images, before a run folder is made: it shows what is trained.

A head may ignore maps of the backbone, or train on a loss of its own; only a step shows it.
Parameters that no loss reaches are left out of the optimiser and of DistributedDataParallel, which
waits for every gradient. The step is done on copies and leaves no trace.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..api import PluginError
from ..device import autocast
from ..model import LandmarkModel, Output
from ..registry import Entry, blaming
from .loss import Criterion


@dataclass(frozen=True)
class Rehearsed:
    """What a step of training used."""

    uses_loss: bool
    """Whether the configured loss was called; a loss of the head's own may not call it."""
    idle: tuple[str, ...]
    """Parameters of the model that no loss reaches, by name."""


def rehearse(
    model: LandmarkModel,
    criterion: Criterion,
    points: int,
    size: int,
    *,
    unfreezes: bool = False,
    device: torch.device | None = None,
    precision: str = "fp32",
) -> Rehearsed:
    """Run a step of a model with ``points`` landmarks, on images of ``size`` pixels.
    ``unfreezes``: a frozen backbone is to be trained later.

    Raises :class:`PluginError` that names the plugin which fails, or which computes with parameters
    that its module does not know of: they would be neither trained nor saved.
    """
    device = device or torch.device("cpu")
    twin, criterion = copy.deepcopy(model).to(device), criterion.copy_to(device)
    if unfreezes:
        twin.unfreeze()
    trainable = {name: p for name, p in twin.named_parameters() if p.requires_grad}
    reached: set[str] = set()
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
        torch.manual_seed(0)
        images = torch.rand(2, 3, size, size, device=device)
        target = 0.2 + 0.6 * torch.rand(2, points, 2, device=device)
        visible = torch.ones(2, points, dtype=torch.bool, device=device)
        occluded = torch.tensor([[0.0], [1.0]], device=device).expand(2, points)
        # In eval mode no layer is dropped at random. If a parameter is not reached there, a step in
        # training mode shows whether it is used in training alone.
        for training in (False, True):
            twin.train().backbone.train(training and not twin.frozen)
            with autocast(device, precision):
                output = twin(images)
            _require_points(twin, output, points)
            _require_outputs(twin, output)
            loss = criterion(twin.head, output, target, visible, occluded)
            _require_known_parameters(loss, output, twin, criterion, images)
            try:
                torch.autograd.backward(loss)
            except BaseException as error:  # SystemExit among them
                with blaming(_culprit(twin, criterion, images, target, visible), "has no gradient"):
                    raise error
            reached |= {name for name, p in trainable.items() if p.grad is not None}
            if len(reached) == len(trainable):
                break
    idle = tuple(name for name in trainable if name not in reached)
    return Rehearsed(bool(criterion.calls), idle)


def _require_points(model: LandmarkModel, output: object, points: int) -> None:
    tensor = output.get("points") if isinstance(output, dict) else None
    if not isinstance(tensor, Tensor) or tensor.shape != (2, points, 2):
        shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else f"a {type(output).__name__}"
        raise PluginError(
            f"{model.entries['head'].label}: gives {shape} for 2 images and {points} points, no "
            f'dict with "points" (2, {points}, 2)'
        )


def _require_outputs(model: LandmarkModel, output: Output) -> None:
    for name, shape in model.outputs.items():
        tensor, expected = output.get(name), (2, *shape)
        if tensor is None or tensor.shape != expected:
            actual = "no such tensor" if tensor is None else tuple(tensor.shape)
            raise PluginError(
                f"{model.entries['head'].label}: declares the output {name}, {expected} for 2 "
                f"images, and gives {actual}"
            )


def _require_known_parameters(
    loss: Tensor, output: Output, model: LandmarkModel, criterion: Criterion, images: Tensor
) -> None:
    known = (*model.parameters(), *criterion.parameters())
    if not loss.requires_grad:
        by_loss = bool(criterion.calls) and output["points"].requires_grad
        subject = f"{criterion.loss.label}: it" if by_loss else f"{criterion.head.label}: its loss"
        raise PluginError(f"{subject} depends on no parameter: nothing to learn")
    if not computes_with_others(loss, known):
        return
    if criterion.calls and computes_with_others(criterion.of_points(*criterion.calls[0]), known):
        culprit = criterion.loss
    elif computes_with_others(model.backbone(images), known):
        culprit = model.entries["backbone"]
    else:
        culprit = criterion.head
    raise PluginError(
        f"{culprit.label}: computes with parameters that no torch module of its own has, so "
        "they would be neither trained nor saved; what build gives must be a torch.nn.Module that "
        "registers them"
    )


def computes_with_others(found: object, known: Iterable[Tensor]) -> bool:
    """Whether these results depend on tensors with a gradient other than the known ones."""
    ids = set(map(id, known))
    return any(id(leaf) not in ids for leaf in _leaves(found))


def _leaves(found: object) -> Iterator[Tensor]:
    """The leaf tensors with a gradient that these results depend on."""
    results: Iterable[object] = found if isinstance(found, list | tuple) else [found]
    pending = [r.grad_fn for r in results if isinstance(r, Tensor) and r.grad_fn is not None]
    visited = set()
    while pending:
        node = pending.pop()
        if node in visited:
            continue
        visited.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            yield variable
        pending += [after for after, _ in node.next_functions if after is not None]


def _culprit(
    model: LandmarkModel, criterion: Criterion, images: Tensor, target: Tensor, visible: Tensor
) -> Entry:
    """The plugin whose backward pass fails; each is tried alone."""

    def fails(run: Callable[[], Tensor]) -> bool:
        try:
            torch.autograd.backward(run())
        except (Exception, SystemExit):
            return True
        return False

    with torch.no_grad():
        features = model.backbone(images)
        output: Output = model.head(features)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in output.items()}
    if criterion.calls:
        points, expected, mask, _ = criterion.calls[0]
        leaf = points.clone().requires_grad_()
        copies = {name: tensor * 1 for name, tensor in leaves.items()}
        if fails(lambda: criterion.of_points(leaf * 1, expected, mask, copies)):
            return criterion.loss
    if fails(lambda: criterion(model.head, {n: t * 1 for n, t in leaves.items()}, target, visible)):
        return criterion.head
    if fails(lambda: model.head(features)["points"].sum()):
        return criterion.head
    return model.entries["backbone"]
