"""``gaussian_nll``, ``star``: losses that use the covariance that a head predicts for each point.

Both take the ``"covariance"`` (B, K, 2, 2) that the head gives with its points, and train it too.
They are averaged as in :mod:`zoo.plugins.losses.pointwise`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.api import Loss, UsageError
from zoo.geometry import UNIT_SCALE, UNIT_SPREAD
from zoo.plugins.losses.pointwise import differences, mean_over_points

UNITS = UNIT_SCALE / UNIT_SPREAD
"""Width of the input in landmark units."""
FLAT = 1e-6
"""Keeps half the difference of two eigenvalues above 0: a circle has no direction."""
SMALL = 1e-5
"""Added to an eigenvalue before a division by its square root, as in the paper's code."""

OutputLoss = Callable[[Tensor, Tensor, Tensor, Mapping[str, Tensor]], Tensor]
NEEDS: Mapping[str, tuple[int | str, ...]] = {"covariance": ("K", 2, 2)}


def build_gaussian_nll() -> OutputLoss:
    """(d^T C^-1 d + ln det C) / 2 for a point with the error d, in landmark units, and the
    covariance C in squared landmark units: the negative logarithm of the Gaussian's density at the
    label, less ln 2 pi. A larger covariance lowers the cost of an error, but has a cost itself."""

    def loss(
        points: Tensor, target: Tensor, visible: Tensor, output: Mapping[str, Tensor]
    ) -> Tensor:
        x, y = differences(points, target, visible).unbind(-1)
        xx, xy, yy = parts(output["covariance"] * UNITS**2)
        determinant = xx * yy - xy * xy
        distance = (yy * x * x - 2 * xy * x * y + xx * y * y) / determinant
        return mean_over_points((distance + determinant.log()) / 2, visible)

    return loss


def build_star(*, weight: float = 1.0, beta: float = 0.01) -> OutputLoss:
    """smooth_l1(d1) / sqrt(l1) + smooth_l1(d2) / sqrt(l2) + ``weight`` (l1 + l2).

    l1 and l2 are the eigenvalues of the covariance, d1 and d2 the components of the error along its
    axes. So an error counts less in the direction in which annotators disagree, such as along the
    jaw. All lengths are in halves of the input, as in the paper, and so is ``beta``, below which
    smooth_l1 is a parabola. The last term keeps the eigenvalues from growing. No gradient goes
    through the axes, since they have none where both eigenvalues are the same.

    Raises :class:`UsageError` for a beta that is not above 0, or a weight below 0.
    """
    if not 0 < beta < math.inf:
        raise UsageError(f"star: beta is {beta}, it must be a number above 0")
    if not 0 <= weight < math.inf:
        raise UsageError(f"star: weight is {weight}, it must be a number from 0")

    def loss(
        points: Tensor, target: Tensor, visible: Tensor, output: Mapping[str, Tensor]
    ) -> Tensor:
        x, y = (differences(points, target, visible) * (2 / UNITS)).unbind(-1)
        xx, xy, yy = parts(output["covariance"] * 4)
        mean, half = (xx + yy) / 2, (xx - yy) / 2
        radius = (half * half + xy * xy + FLAT**2).sqrt()  # eigenvalues are mean +- radius
        # for a major axis at the angle a, cos 2a and sin 2a give the squared error along both axes
        cos, sin = (half / radius).detach(), (xy / radius).detach()
        middle, turned = (x * x + y * y) / 2, (cos * (x * x - y * y)) / 2 + sin * x * y
        cost = weight * 2 * mean
        for square, value in ((middle + turned, mean + radius), (middle - turned, mean - radius)):
            cost = cost + smooth_root(square, beta) / (value.clamp(min=0) + SMALL).sqrt()
        return mean_over_points(cost, visible)

    return loss


def parts(covariance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three numbers of symmetric matrices (..., 2, 2): xx, xy, yy."""
    return covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]


def smooth_root(square: Tensor, beta: float) -> Tensor:
    """smooth_l1 of a length, from its square, so that there is a gradient at 0 too."""
    root = square.clamp(min=beta * beta).sqrt()
    return torch.where(square < beta * beta, F.relu(square) / (2 * beta), root - beta / 2)


gaussian_nll = Loss(
    build=build_gaussian_nll,
    reference="Kumar et al., LUVLi Face Alignment, CVPR 2020, arXiv:2004.02980",
    summary="the Gaussian about a point, of the covariance that the head gives, at the label",
    needs=NEEDS,
    api_version=2,
)
star = Loss(
    build=build_star,
    reference="Zhou et al., STAR Loss, CVPR 2023, arXiv:2306.02763",
    summary="errors along both axes of the covariance that the head gives, each over its spread",
    needs=NEEDS,
    api_version=2,
)
