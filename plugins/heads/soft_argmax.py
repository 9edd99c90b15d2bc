"""``soft_argmax``: one probability map per point; the point is its mean.

This is integral regression (Sun et al., arXiv:1711.08229): the network gives one map per point,
softmax turns it into a probability of each cell, and the point is the mean of the cells' centres.
All of this is differentiable, so a point loss trains it. The mean alone would let the map spread,
so a regulariser keeps it close to a Gaussian about the label: the Jensen-Shannon divergence, as in
DSNT (Nibali et al., arXiv:1801.07372), or the Kullback-Leibler divergence, which is cross-entropy
with that Gaussian as the target.

Before training, the logarithm of a broad Gaussian about the mean shape is added to every map
(``start_at``), as a prior: so the head starts from the mean shape, as the linear head does. The
prior is constant, and is saved with the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.api import FeatureInfo, Head, LandmarkScheme, UsageError
from zoo.geometry import to_landmark_units
from zoo.plugins.heads.grid import Axis, label_fractions
from zoo.plugins.heads.neck import PointMaps, plan_maps
from zoo.plugins.losses.pointwise import PointLoss, mean_over_points

MARGIN = 1
"""Cells beyond the input's edge on every side: a mean lies between the cells' centres, and a point
at the very edge lies half a cell outside the centres of the input's cells."""

PRIOR_SPREAD = 0.15
"""Standard deviation of the Gaussian about the mean shape, as a fraction of the input."""

REACH = 1.5
"""Cells: the score is the probability of the cells whose centre is within this distance of the
point on each axis."""


def expectation(values: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The mean of a map (..., h, w) under the product of probabilities x (..., w), y (..., h)."""
    return (y.unsqueeze(-2) @ values @ x.unsqueeze(-1)).squeeze((-2, -1))


class _JensenShannon(torch.autograd.Function):
    """The Jensen-Shannon divergence, with a gradient of its own.

    The gradient in log p is p (log p - log m) / 2, a single product. Autograd through the
    logarithms would take longer than the rest of the head.
    """

    @staticmethod
    def forward(ctx: Any, log_p: Tensor, log_x: Tensor, log_y: Tensor) -> Tensor:
        p, x, y = log_p.exp(), log_x.exp(), log_y.exp()
        p_plus_q = torch.addcmul(p, y.unsqueeze(-1), x.unsqueeze(-2))
        log_m = p_plus_q.clamp_(min=torch.finfo(p.dtype).tiny).log_().sub_(math.log(2))
        of_p = (log_p - log_m).mul_(p)
        of_q = (x * log_x).sum(-1) + (y * log_y).sum(-1) - expectation(log_m, x, y)
        ctx.save_for_backward(of_p)
        return (of_p.sum((-2, -1)) + of_q) / 2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        [of_p] = ctx.saved_tensors
        return gradient[..., None, None] / 2 * of_p, None, None


def jensen_shannon(log_map: Tensor, log_x: Tensor, log_y: Tensor) -> Tensor:
    """(KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, from 0 to ln 2. p is the map (..., h, w),
    q the product of x (..., w) and y (..., h); all are given as logs of probabilities."""
    cost: Tensor = _JensenShannon.apply(log_map, log_x, log_y)
    return cost


def kullback_leibler(log_map: Tensor, log_x: Tensor, log_y: Tensor) -> Tensor:
    """KL(q || p), with p and q as in :func:`jensen_shannon`: the cross-entropy with q as the
    target, minus q's entropy."""
    x, y = log_x.exp(), log_y.exp()
    entropy = -(x * log_x).sum(-1) - (y * log_y).sum(-1)
    return -expectation(log_map, x, y) - entropy


Divergence = Callable[[Tensor, Tensor, Tensor], Tensor]
DIVERGENCES: dict[str, Divergence] = {"js": jensen_shannon, "kl": kullback_leibler}


class SoftArgmaxHead(nn.Module):
    """Features to points (B, K, 2), their scores (B, K) in [0, 1], the ``"covariance"``
    (B, K, 2, 2) of the map, and log-probabilities of the cells, ``"log_map"`` (B, K, h, w), all
    float32."""

    prior_x: Tensor
    prior_y: Tensor

    def __init__(
        self,
        maps: PointMaps,
        axis: Axis,
        points: int,
        sigma: float,
        regulariser: str,
        weight: float,
    ) -> None:
        super().__init__()
        self.maps = maps
        self.axis = axis
        self.sigma, self.weight = sigma, weight
        self.divergence = DIVERGENCES[regulariser]
        self.register_buffer("prior_x", torch.zeros(points, axis.count))
        self.register_buffer("prior_y", torch.zeros(points, axis.count))

    def start_at(self, mean_points: Tensor) -> None:
        """Put a broad Gaussian about each mean point, (K, 2) as fractions of the input."""
        spread = PRIOR_SPREAD * self.axis.input_size / self.axis.cell
        place = self.axis.to_cells(mean_points)
        self.prior_x.copy_(self.axis.log_gaussian(place[:, 0], spread))
        self.prior_y.copy_(self.axis.log_gaussian(place[:, 1], spread))

    def forward(self, features: Tensor | list[Tensor]) -> dict[str, Tensor]:
        logits = self.maps(features) + self.prior_x[:, None] + self.prior_y[..., None]
        with torch.autocast(logits.device.type, enabled=False):
            return self.read(logits)

    def read(self, logits: Tensor) -> dict[str, Tensor]:
        """The outputs from maps of logits (B, K, h, w)."""
        log_map = F.log_softmax(logits.flatten(2), -1).reshape(logits.shape)
        of_cell = log_map.exp()
        places = self.axis.places(of_cell)
        place = torch.stack((of_cell.sum(2) @ places, of_cell.sum(3) @ places), -1)
        with torch.no_grad():
            near = self.axis.near(place, REACH).to(of_cell.dtype)
            columns = (of_cell * near[:, :, 1, :, None]).sum(2)
            score = (columns * near[:, :, 0]).sum(-1)
        covariance = self.axis.covariance(of_cell, place)
        points = self.axis.to_unit(place)
        return {"points": points, "score": score, "covariance": covariance, "log_map": log_map}

    def loss(
        self, output: dict[str, Tensor], target: Tensor, visible: Tensor, point_loss: PointLoss
    ) -> Tensor:
        """The point loss, plus ``weight`` times the divergence from a Gaussian about the label."""
        value = point_loss(to_landmark_units(output["points"]), target, visible)
        if not self.weight:
            return value
        place = self.axis.to_cells(label_fractions(target, visible))
        log_x, log_y = F.log_softmax(self.axis.log_gaussian(place, self.sigma), -1).unbind(2)
        cost = self.divergence(output["log_map"], log_x, log_y)
        return value + self.weight * mean_over_points(cost, visible)


def build(
    features: FeatureInfo,
    scheme: LandmarkScheme,
    input_size: int,
    *,
    stride: float = 8,
    width: int = 64,
    sigma: float = 1.0,
    regulariser: str = "js",
    weight: float = 1.0,
) -> SoftArgmaxHead:
    """A head on maps of ``stride`` input pixels a cell and coarser ones, fused to ``width``
    channels.

    ``sigma``, in cells, is that of the Gaussian to which the ``regulariser`` (``js`` or ``kl``)
    pulls the maps; ``weight`` is its weight beside the point loss, and 0 leaves it out. Raises
    :class:`UsageError` for a stride that the backbone cannot give and for options out of range.
    """
    if regulariser not in DIVERGENCES:
        raise UsageError(
            f"head soft_argmax: regulariser is {regulariser!r}, expected {' or '.join(DIVERGENCES)}"
        )
    if not 0.5 <= sigma < math.inf:
        raise UsageError(f"head soft_argmax: sigma is {sigma}, it must be at least half a cell")
    if not 0 <= weight < math.inf:
        raise UsageError(f"head soft_argmax: weight is {weight}, it must be a number from 0")
    maps, axis = plan_maps(
        "soft_argmax",
        features,
        len(scheme),
        input_size,
        stride=stride,
        width=width,
        margin=MARGIN,
    )
    return SoftArgmaxHead(maps, axis, len(scheme), sigma, regulariser, weight)


soft_argmax = Head(
    build=build,
    reference="Sun et al., arXiv:1711.08229; Nibali et al., arXiv:1801.07372",
    summary="the mean place under a probability map a point, drawn to a Gaussian",
    outputs={"covariance": ("K", 2, 2)},
    api_version=2,
)
