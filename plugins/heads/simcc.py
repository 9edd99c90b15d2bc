"""``simcc``: each coordinate as a class among bins finer than a pixel.

This is SimCC (Li et al., arXiv:2107.03332). Each point's map is flattened, and one linear layer per
axis, shared by all points, gives the logits of that axis's bins, ``split`` bins per pixel. The
target is a Gaussian over the bins (label smoothing), and the loss is its divergence from the
softmax, as in the paper's second version.

The point is the mean of the softmax; the paper takes the greatest bin. The mean can lie between
bins, and it is differentiable, so that a point loss can train it as well. Wide or double peaks
would spoil a mean; the Gaussian targets prevent them. The bins extend beyond the input by three
sigmas of the target, so that no Gaussian is cut off, which would move the mean inwards.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.api import FeatureInfo, Head, LandmarkScheme, UsageError
from zoo.geometry import to_landmark_units
from zoo.plugins.heads.grid import Axis, label_fractions
from zoo.plugins.heads.neck import PointMaps, plan_maps
from zoo.plugins.heads.soft_argmax import PRIOR_SPREAD
from zoo.plugins.losses.pointwise import PointLoss, mean_over_points

REACH = 1.5
"""Sigmas: the score is the probability, on both axes, of the bins within this distance of the
point."""


class SimCCHead(nn.Module):
    """Features to points (B, K, 2), their scores (B, K) in [0, 1], their ``"covariance"``
    (B, K, 2, 2), and log-probabilities of the bins of x and y, ``"log_bins"`` (B, K, 2, bins), all
    float32."""

    prior: Tensor

    def __init__(
        self, maps: PointMaps, cells: int, bins: Axis, points: int, sigma: float, weight: float
    ) -> None:
        super().__init__()
        self.maps = maps
        self.bins = bins
        self.sigma, self.weight = sigma, weight
        self.classify_x = nn.Linear(cells, bins.count)
        self.classify_y = nn.Linear(cells, bins.count)
        self.register_buffer("prior", torch.zeros(points, 2, bins.count))

    def start_at(self, mean_points: Tensor) -> None:
        """Put a broad Gaussian about each mean point, (K, 2) as fractions of the input."""
        spread = PRIOR_SPREAD * self.bins.input_size / self.bins.cell
        self.prior.copy_(self.bins.log_gaussian(self.bins.to_cells(mean_points), spread))

    def forward(self, features: Tensor | list[Tensor]) -> dict[str, Tensor]:
        flat = self.maps(features).flatten(2)
        with torch.autocast(flat.device.type, enabled=False):
            logits = torch.stack((self.classify_x(flat), self.classify_y(flat)), 2)
            return self.read(logits + self.prior)

    def read(self, logits: Tensor) -> dict[str, Tensor]:
        """The outputs from logits of the bins (B, K, 2, bins)."""
        log_bins = F.log_softmax(logits, -1)
        of_bin = log_bins.exp()
        place = of_bin @ self.bins.places(of_bin)
        with torch.no_grad():
            near = self.bins.near(place, REACH * self.sigma)
            score = torch.where(near, of_bin, 0.0).sum(-1).prod(-1)
        # each axis is classified by itself, so their correlation is unknown and set to 0
        diagonal = torch.eye(2, dtype=place.dtype, device=place.device)
        covariance = self.bins.variance(of_bin, place).unsqueeze(-1) * diagonal
        points = self.bins.to_unit(place)
        return {"points": points, "score": score, "covariance": covariance, "log_bins": log_bins}

    def loss(
        self, output: dict[str, Tensor], target: Tensor, visible: Tensor, point_loss: PointLoss
    ) -> Tensor:
        """The point loss, plus ``weight`` times the Kullback-Leibler divergence of both axes."""
        place = self.bins.to_cells(label_fractions(target, visible))
        log_target = F.log_softmax(self.bins.log_gaussian(place, self.sigma), -1)
        cost = (log_target.exp() * (log_target - output["log_bins"])).sum((2, 3))
        value = point_loss(to_landmark_units(output["points"]), target, visible)
        return value + self.weight * mean_over_points(cost, visible)


def build(
    features: FeatureInfo,
    scheme: LandmarkScheme,
    input_size: int,
    *,
    stride: float = 8,
    width: int = 64,
    split: float = 2.0,
    sigma: float = 0.02,
    weight: float = 0.1,
) -> SimCCHead:
    """A head on maps of ``stride`` input pixels a cell and coarser ones, fused to ``width``
    channels.

    ``split`` is the number of bins per pixel, ``sigma`` that of the target as a fraction of the
    input, and ``weight`` the weight of the classification loss beside the point loss. Raises
    :class:`UsageError` for a stride that the backbone cannot give and for options out of range.
    """
    if not 0 < split < math.inf:
        raise UsageError(f"head simcc: split is {split}, it must be a number of bins above 0")
    in_bins = sigma * input_size * split
    if not 0.5 <= in_bins < math.inf:
        raise UsageError(
            f"head simcc: sigma = {sigma} is {in_bins:.2g} bins at {input_size} px, and less than "
            "half a bin is no smoothing; raise head.sigma or head.split"
        )
    if not 0 <= weight < math.inf:
        raise UsageError(f"head simcc: weight is {weight}, it must be a number from 0")
    maps, axis = plan_maps("simcc", features, len(scheme), input_size, stride=stride, width=width)
    margin = math.ceil(3 * in_bins)
    bins = Axis(math.ceil(input_size * split) + 2 * margin, 1 / split, input_size, margin)
    return SimCCHead(maps, axis.count**2, bins, len(scheme), in_bins, weight)


simcc = Head(
    build=build,
    reference="Li et al., SimCC, ECCV 2022, arXiv:2107.03332",
    summary="each coordinate a class among bins finer than a pixel, read as their mean",
    outputs={"covariance": ("K", 2, 2)},
    api_version=2,
)
