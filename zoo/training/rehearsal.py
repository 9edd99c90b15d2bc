"""One step with two made-up pictures, before a run folder is made: what will be trained.

A backbone may give maps that the head leaves alone, a head may train on a loss of its own: only a
step shows it. What no loss reaches is left out of the optimiser and of DistributedDataParallel,
which waits for every gradient. The step is done by copies, and nothing of it stays.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..api import PluginError
from ..model import LandmarkModel, Output
from ..registry import Entry, blaming
from ..scoring.split import PRECISIONS
from .loss import Criterion


@dataclass(frozen=True)
class Rehearsed:
    """What a step of training reached."""

    uses_loss: bool
    """Whether the loss of the configuration was called: a head's own may have no use for it."""
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
    """A step of a model for so many ``points``, on images of ``size`` pixels. ``unfreezes``: a
    frozen backbone is to be trained later.

    Raises :class:`PluginError` that names the plugin which fails, or which computes with parameters
    that its module does not know of: they would be neither trained nor saved.
    """
    device = device or torch.device("cpu")
    twin, criterion = copy.deepcopy(model).to(device), criterion.copy_to(device)
    if unfreezes:
        twin.unfreeze()
    wanted = {name: p for name, p in twin.named_parameters() if p.requires_grad}
    reached: set[str] = set()
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
        torch.manual_seed(0)
        images = torch.rand(2, 3, size, size, device=device)
        target = 0.2 + 0.6 * torch.rand(2, points, 2, device=device)
        visible = torch.ones(2, points, dtype=torch.bool, device=device)
        occluded = torch.tensor([[0.0], [1.0]], device=device).expand(2, points)
        # In eval mode no layer is left out at random. Should a parameter seem idle that is used in
        # training alone, a step in training mode shows that.
        for trains in (False, True):
            twin.train().backbone.train(trains and not twin.frozen)
            with torch.autocast(device.type, PRECISIONS[precision], precision != "fp32"):
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
            reached |= {name for name, p in wanted.items() if p.grad is not None}
            if len(reached) == len(wanted):
                break
    return Rehearsed(bool(criterion.heard), tuple(name for name in wanted if name not in reached))


def _require_points(model: LandmarkModel, output: object, points: int) -> None:
    found = output.get("points") if isinstance(output, dict) else None
    if not isinstance(found, Tensor) or found.shape != (2, points, 2):
        given = tuple(found.shape) if isinstance(found, Tensor) else f"a {type(output).__name__}"
        raise PluginError(
            f"{model.entries['head'].label}: gives {given} for 2 images and {points} points, no "
            f'dict with "points" (2, {points}, 2)'
        )


def _require_outputs(model: LandmarkModel, output: Output) -> None:
    for name, shape in model.outputs.items():
        found, wanted = output.get(name), (2, *shape)
        if found is None or found.shape != wanted:
            given = "no such tensor" if found is None else tuple(found.shape)
            raise PluginError(
                f"{model.entries['head'].label}: declares the output {name}, {wanted} for 2 "
                f"images, and gives {given}"
            )


def _require_known_parameters(
    loss: Tensor, output: Output, model: LandmarkModel, criterion: Criterion, images: Tensor
) -> None:
    known = (*model.parameters(), *criterion.parameters())
    if not loss.requires_grad:
        heard = bool(criterion.heard) and output["points"].requires_grad
        who = f"{criterion.loss.label}: it" if heard else f"{criterion.head.label}: its loss"
        raise PluginError(f"{who} depends on no parameter: nothing to learn")
    if not computes_with_others(loss, known):
        return
    if criterion.heard and computes_with_others(criterion.of_points(*criterion.heard[0]), known):
        found = criterion.loss
    elif computes_with_others(model.backbone(images), known):
        found = model.entries["backbone"]
    else:
        found = criterion.head
    raise PluginError(
        f"{found.label}: computes with parameters that no torch module of its own has, so "
        "they would be neither trained nor saved; what build gives must be a torch.nn.Module that "
        "registers them"
    )


def computes_with_others(found: object, known: Iterable[Tensor]) -> bool:
    """Whether these results depend on tensors that want a gradient besides those that are known."""
    ids = set(map(id, known))
    return any(id(leaf) not in ids for leaf in _leaves(found))


def _leaves(found: object) -> Iterator[Tensor]:
    """The tensors that want a gradient and that these results depend on."""
    results: Iterable[object] = found if isinstance(found, list | tuple) else [found]
    waiting = [r.grad_fn for r in results if isinstance(r, Tensor) and r.grad_fn is not None]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            yield variable
        waiting += [after for after, _ in node.next_functions if after is not None]


def _culprit(
    model: LandmarkModel, criterion: Criterion, images: Tensor, target: Tensor, visible: Tensor
) -> Entry:
    """The plugin through which no gradient comes back: each is tried alone."""

    def fails(run: Callable[[], Tensor]) -> bool:
        try:
            torch.autograd.backward(run())
        except (Exception, SystemExit):
            return True
        return False

    with torch.no_grad():
        features = model.backbone(images)
        output: Output = model.head(features)
    apart = {name: tensor.clone().requires_grad_() for name, tensor in output.items()}
    if criterion.heard:
        points, wanted, shown, _ = criterion.heard[0]
        leaf = points.clone().requires_grad_()
        given = {name: tensor * 1 for name, tensor in apart.items()}
        if fails(lambda: criterion.of_points(leaf * 1, wanted, shown, given)):
            return criterion.loss
    if fails(lambda: criterion(model.head, {n: t * 1 for n, t in apart.items()}, target, visible)):
        return criterion.head
    if fails(lambda: model.head(features)["points"].sum()):
        return criterion.head
    return model.entries["backbone"]
