"""``nme``: what the leaderboard measures, as a loss.

The distance of every visible point from its label, over the face's own length, averaged as in
:mod:`zoo.plugins.losses.pointwise`. The length is that of the headline metric: the distance of the
outer eye corners, raised to 0.05 sqrt(w h) of the visible points' box where it is shorter; for a
scheme without eye corners sqrt(w h) itself. The metric leaves a face out that does not show both
corners; here sqrt(w h), which is longer, serves it, so that it still counts, a little less. A face
whose visible points span no box has no length and costs nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.api import LandmarkScheme, Loss
from zoo.plugins.losses.pointwise import PointLoss, differences, mean_over_points

SHORTEST = 0.05
"""The metric's own: a shorter length is raised to this part of sqrt(w h)."""


def build_nme(*, scheme: LandmarkScheme) -> PointLoss:
    """The core gives the ``scheme`` of the data: it says which points are the eye corners."""
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
