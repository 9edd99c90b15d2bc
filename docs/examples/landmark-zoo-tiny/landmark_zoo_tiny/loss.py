"""tiny_loss: squared near 0 and linear far away, smooth in between."""

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.api import Loss, UsageError


def build(*, scale: float = 0.1) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """d^2 / (2 scale) for small differences d, |d| - scale for large ones (landmark units)."""
    if not scale > 0:
        raise UsageError(f"tiny_loss: scale is {scale}, it must be above 0")

    def loss(points: Tensor, target: Tensor, visible: Tensor) -> Tensor:
        # Masked before the cost: a point that is not visible may hold anything, NaN included.
        difference = torch.where(visible.unsqueeze(-1), points - target, 0.0)
        cost = scale * (torch.sqrt(1 + (difference / scale) ** 2) - 1)
        # The mean over each face's visible coordinates, then over the faces with a visible point.
        coordinates = 2 * visible.sum(dim=1)
        face_costs = cost.sum(dim=(1, 2)) / coordinates.clamp(min=1)
        return face_costs.sum() / (coordinates > 0).sum().clamp(min=1)

    return loss


plugin = Loss(
    build=build,
    reference="Charbonnier et al., Two deterministic half-quadratic regularization algorithms "
    "for computed imaging, ICIP 1994",
    summary="squared near 0, linear far away",
    api_version=2,
)
