"""What training minimises: the head's own loss where it has one, else the point loss."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..api import LandmarkScheme, Loss, PluginError, UsageError
from ..geometry import to_landmark_units
from ..model import Output
from ..registry import Entry, Resolved, blaming
from ..registry.call import call_with_options

PointLoss = Callable[..., Tensor]
"""A function of points, target and visible; one that names ``output`` takes the head's output."""


def build_loss(loss: Resolved[Loss], scheme: LandmarkScheme) -> PointLoss:
    """Build the point loss of a plugin. A ``build`` with a parameter ``scheme`` gets the scheme.

    Raises :class:`UsageError` for options that it does not take.
    """
    build, options = loss.plugin.build, dict(loss.options)
    if "scheme" in options:
        raise UsageError("loss.scheme: the data set says it; take it out")
    if "scheme" in inspect.signature(build).parameters:
        options["scheme"] = scheme
    return call_with_options(loss.entry, build, **options)


def in_float32(output: Output) -> Output:
    return {name: tensor.float() for name, tensor in output.items()}


def wants_output(point_loss: PointLoss) -> bool:
    """Whether a loss takes the whole output of the head."""
    call = point_loss.forward if isinstance(point_loss, nn.Module) else point_loss
    return "output" in inspect.signature(call).parameters


def training_loss(
    head: nn.Module, output: Output, points: Tensor, visible: Tensor, point_loss: PointLoss
) -> Tensor:
    """A scalar. ``points`` (B, K, 2) are the labels as fractions of the input."""
    output = in_float32(output)
    target = to_landmark_units(points)
    head_loss: Callable[..., Tensor] | None = getattr(head, "loss", None)
    if head_loss is not None:
        return head_loss(output, target, visible, point_loss)
    return point_loss(to_landmark_units(output["points"]), target, visible)


def visibility_loss(visibility: Tensor, visible: Tensor, occluded: Tensor) -> Tensor:
    """Binary cross-entropy of a head's probabilities that points are seen, (B, K): the mean over a
    face's labelled points, then over the faces whose labels say which points are hidden."""
    known = visible & ~occluded.isnan()
    seen = torch.where(known, 1 - occluded, 0.0)
    entropy = F.binary_cross_entropy(visibility.float(), seen, known.float(), reduction="none")
    count = known.sum(1)
    return (entropy.sum(1) / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


PointLossCall = tuple[Tensor, Tensor, Tensor, Output]
"""Points, target, visible, and the head's output."""


class Criterion:
    """What a training minimises, with the plugins that it is made of: a fault names its own.

    A loss that is a module may have parameters: they are trained beside the model's.
    """

    def __init__(
        self,
        head: Entry,
        loss: Entry,
        point_loss: PointLoss,
        visibility_weight: float = 0.0,
        needs: Collection[str] = (),
    ) -> None:
        """``needs``: names of what the loss takes from the head's output."""
        self.head = head
        self.visibility_weight = visibility_weight
        self.loss = loss
        self.point_loss = point_loss
        self.needs = tuple(needs)
        self.wants_output = wants_output(point_loss)
        self.calls: list[PointLossCall] | None = None
        """The arguments of every call of the point loss; None: they are not kept."""

    def __call__(
        self,
        head: nn.Module,
        output: Output,
        points: Tensor,
        visible: Tensor,
        occluded: Tensor | None = None,
    ) -> Tensor:
        """The :func:`training_loss`. If the data says which points are hidden and the head predicts
        visibility, the :func:`visibility_loss` is added. Raises :class:`PluginError` that names the
        head or the loss."""
        with blaming(self.head, "cannot compute its loss"):
            output = in_float32(output)
            of_points = partial(self._point_loss, output)
            value = training_loss(head, output, points, visible, of_points)
        value = _one_number(value, self.head)
        if occluded is not None and self.visibility_weight and "visibility" in output:
            with blaming(self.head, "gives a visibility that cannot be trained"):
                visibility = visibility_loss(output["visibility"], visible, occluded)
            value = value + self.visibility_weight * visibility
        return value

    def _point_loss(
        self, output: Output, points: Tensor, target: Tensor, visible: Tensor
    ) -> Tensor:
        if missing := [name for name in self.needs if name not in output]:
            raise UsageError(
                f"{self.loss.label}: needs the output {missing[0]} of a head, and "
                f"{self.head.label} gives {', '.join(sorted(output))}; choose another --head, or "
                "another --loss"
            )
        if self.calls is not None:
            detached = {name: tensor.detach() for name, tensor in output.items()}
            self.calls.append((points.detach(), target, visible, detached))
        with blaming(self.loss, "cannot compute"):
            value = self.of_points(points, target, visible, output)
        return _one_number(value, self.loss)

    def of_points(self, points: Tensor, target: Tensor, visible: Tensor, output: Output) -> Tensor:
        """The point loss alone; its result and its errors are not checked."""
        if self.wants_output:
            return self.point_loss(points, target, visible, output=output)
        return self.point_loss(points, target, visible)

    @property
    def module(self) -> nn.Module | None:
        """The loss, where it is a module."""
        return self.point_loss if isinstance(self.point_loss, nn.Module) else None

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the loss that are trained."""
        parameters = () if self.module is None else self.module.parameters()
        return (parameter for parameter in parameters if parameter.requires_grad)

    def copy_to(self, device: torch.device) -> Criterion:
        """A copy on a device that keeps the arguments of its point loss (``calls``)."""
        point_loss = self.point_loss
        if isinstance(point_loss, nn.Module):
            with blaming(self.loss, "cannot be copied"):
                point_loss = copy.deepcopy(point_loss).to(device)
        weight = self.visibility_weight
        twin = Criterion(self.head, self.loss, point_loss, weight, self.needs)
        twin.calls = []
        return twin


def _one_number(value: object, entry: Entry) -> Tensor:
    if isinstance(value, Tensor) and value.numel() == 1:
        return value if value.ndim == 0 else value.reshape(())
    found = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:60]
    raise PluginError(f"{entry.label}: gives {found} for a loss, not a scalar tensor")
