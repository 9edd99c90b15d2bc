"""``nme``: the leaderboard's headline metric as a loss.

It is the distance of every visible point from its label, divided by the length of the face, and
averaged as in :mod:`zoo.plugins.losses.pointwise`. The length is that of the metric: the distance
of the outer eye corners, but at least 0.05 sqrt(w h) of the visible points' box; for a scheme
without eye corners, sqrt(w h). The metric leaves out a face without both corners visible. Here such
a face is divided by sqrt(w h), which is longer, so that it counts a little less. A face whose
visible points span no box has no length and costs nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.api import LandmarkScheme, Loss
from zoo.plugins.losses.pointwise import PointLoss, differences, mean_over_points

SHORTEST = 0.05
"""Least length, as a fraction of sqrt(w h), as in the metric."""


def build_nme(*, scheme: LandmarkScheme) -> PointLoss:
    """The zoo passes the ``scheme`` of the data, which says which points are the eye corners."""
    corners = scheme.eye_corners

    def loss(points: Tensor, target: Tensor, visible: Tensor) -> Tensor:
        # vector_norm's gradient at 0 is 0, a subgradient; that of a square root would be NaN
        distance = torch.linalg.vector_norm(differences(points, target, visible), dim=-1)
        length = face_lengths(target.to(distance.dtype), visible, corners)
        measured = visible & (length > 0).unsqueeze(1)
        return mean_over_points(distance / torch.where(length > 0, length, 1)[:, None], measured)

    return loss


def face_lengths(target: Tensor, visible: Tensor, corners: tuple[int, int] | None) -> Tensor:
    """Each face's length, (B,), in the target's units; 0 where its visible points span no box."""
    hidden = ~visible.unsqueeze(-1)
    extent = target.masked_fill(hidden, -torch.inf).amax(1)
    extent = (extent - target.masked_fill(hidden, torch.inf).amin(1)).clamp(min=0)
    scale = extent.prod(1).sqrt()
    if corners is None:
        return scale
    left, right = corners
    apart = torch.linalg.vector_norm(target[:, left] - target[:, right], dim=-1)
    shown = visible[:, left] & visible[:, right] & (scale > 0)
    return torch.where(shown, apart.maximum(SHORTEST * scale), scale)


nme = Loss(
    build=build_nme,
    reference="Sagonas et al., 300 Faces In-The-Wild Challenge, IVC 2016",
    summary="distance over inter-ocular distance: the leaderboard's headline, as a loss",
)
