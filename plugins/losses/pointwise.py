"""``smooth_l1``, ``l1``, ``mse``: a cost for every coordinate, averaged face by face.

Points and target are (B, K, 2) in landmark units, visible is (B, K) bool. The cost is averaged over
a face's visible coordinates, and then over the faces that have any, so a face with few labels
weighs as much as one with all. A point that is not visible may have any value, NaN included: it
changes neither the loss nor the gradient. A batch without a visible point has loss 0 and gradient
0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.api import Loss, UsageError

PointLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def differences(points: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """``points - target``, (B, K, 2), in float32 at least; 0 where a point is not visible."""
    precision = torch.promote_types(points.dtype, torch.float32)
    difference = points.to(precision) - target.to(precision)
    # Replaced before the cost is computed: multiplying a cost of NaN by 0 would give NaN.
    return torch.where(visible.unsqueeze(-1), difference, 0.0)


def mean_over_points(cost: Tensor, visible: Tensor) -> Tensor:
    """The mean of the points' costs (B, K) over a face's visible points, and then over the faces
    that have any; a scalar. Costs of points that are not visible must be finite."""
    count = visible.sum(dim=1)
    face_costs = torch.where(visible, cost, 0.0).sum(dim=1) / count.clamp(min=1)
    return face_costs.sum() / (count > 0).sum().clamp(min=1)


def mean_over_faces(
    cost: Callable[[Tensor], Tensor], points: Tensor, target: Tensor, visible: Tensor
) -> Tensor:
    """The mean of ``cost(difference)``, in float32 at least; a scalar."""
    each = cost(differences(points, target, visible))
    return mean_over_points(each.mean(dim=-1), visible)


def coordinate_loss(cost: Callable[[Tensor], Tensor]) -> PointLoss:
    """The loss that averages ``cost`` of each coordinate's difference."""

    def loss(points: Tensor, target: Tensor, visible: Tensor) -> Tensor:
        return mean_over_faces(cost, points, target, visible)

    return loss


def build_smooth_l1(*, beta: float = 1.0) -> PointLoss:
    """d^2 / (2 beta) for differences d below ``beta`` (landmark units), |d| - beta / 2 above."""
    if not beta > 0:
        raise UsageError(f"smooth_l1: beta is {beta}, it must be above 0; the loss l1 has none")

    def cost(difference: Tensor) -> Tensor:
        return F.smooth_l1_loss(
            difference, torch.zeros_like(difference), reduction="none", beta=beta
        )

    return coordinate_loss(cost)


def build_l1() -> PointLoss:
    """|d|."""
    return coordinate_loss(torch.abs)


def build_mse() -> PointLoss:
    """d^2."""
    return coordinate_loss(torch.square)


smooth_l1 = Loss(
    build=build_smooth_l1,
    reference="Girshick, Fast R-CNN, arXiv:1504.08083",
    summary="squared near 0, linear beyond beta; the loss of the leaderboard's loss column",
)
l1 = Loss(build=build_l1, summary="mean absolute difference")
mse = Loss(build=build_mse, summary="mean squared difference")
