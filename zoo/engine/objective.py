"""What training minimises: the head's own loss where it has one, else the point loss."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from ..geometry import UNIT_SCALE, UNIT_SHIFT, UNIT_SPREAD
from ..model import Output

PointLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def landmark_units(points: Tensor) -> Tensor:
    """Fractions of the input to the seed's units."""
    return (UNIT_SCALE * points - UNIT_SHIFT) / UNIT_SPREAD


def training_loss(
    head: nn.Module, output: Output, points: Tensor, visible: Tensor, point_loss: PointLoss
) -> Tensor:
    """A scalar. ``points`` (B, K, 2) are the labels as fractions of the input."""
    output = {name: tensor.float() for name, tensor in output.items()}
    target = landmark_units(points)
    own: Callable[..., Tensor] | None = getattr(head, "loss", None)
    if own is not None:
        return own(output, target, visible, point_loss)
    return point_loss(landmark_units(output["points"]), target, visible)
