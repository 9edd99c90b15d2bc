"""``second_face``: adds another face beside the labelled one, farther from the picture's middle.

Where a picture shows two faces, a model without a box should give the one nearer to the middle. Few
training pictures show two, so a network does not learn which one is meant. This augmentation makes
such pictures: beyond a line, the picture's face is shown a second time, mirrored and resized, as if
a second person stood beside the first or in front. Points that it covers keep their labels, as
hidden points do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.api import Augmentation, AugmentedBatch, UsageError
from zoo.device import send

LEAN = math.radians(50)
"""Largest angle between the horizontal and the line from one face to the other."""

LINE = (0.5, 1.5)
"""Place of the line between the faces: 0 is the mean of the labelled points, 1 the outermost of
them. Below 1, the second face covers some points."""

ZOOM = (0.7, 1.25)
"""Size of the second face, relative to the first."""

SHADE = 0.2
"""The second face is lighter or darker by up to this factor."""

EDGE = 64.0
"""Sharpness of the soft edge between the faces, which is a few times 1 / ``EDGE`` of a picture
wide."""


def build(*, share: float = 0.3) -> Callable[[AugmentedBatch], AugmentedBatch]:
    """Adds a second face to a ``share`` of the pictures, from 0 to 1. Raises :class:`UsageError`
    for a share out of this range."""
    if not 0 <= share <= 1:
        raise UsageError(f"second_face: share = {share}: must lie in 0 to 1")

    def augment(batch: AugmentedBatch) -> AugmentedBatch:
        chosen, angle, line, zoom, shade = batch.draws.unbind(1)
        lean = LEAN * (2 * angle - 1)
        drawn = torch.stack(
            (
                lean.cos(),
                lean.sin(),
                LINE[0] + (LINE[1] - LINE[0]) * line,
                ZOOM[0] + (ZOOM[1] - ZOOM[0]) * zoom,
                1 + SHADE * (2 * shade - 1),
                (chosen < share).float(),
            ),
            1,
        )
        drawn = send(drawn, batch.images.device)
        line, zoom, shade, chosen = drawn[:, 2:].unbind(1)
        middle, toward, reach = _direction(batch.points, batch.visible, drawn[:, :2])
        other = middle + (reach * (line + zoom))[:, None] * toward
        second = _mirrored_at(batch.images, middle, other, zoom) * shade[:, None, None, None]
        far = _far_side(batch.images.shape[-1], middle, toward, reach * line)
        far = far * (chosen * batch.visible.any(1))[:, None, None]
        return replace(batch, images=batch.images.lerp(second.clamp(0, 1), far[:, None]))

    return augment


def _direction(points: Tensor, visible: Tensor, toward: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean of the visible points (B, 2); the direction to the second face (B, 2), away from the
    picture's middle; and how far the points extend in this direction (B,)."""
    visible_points = points.masked_fill(~visible[..., None], 0)
    middle = visible_points.sum(1) / visible.sum(1, keepdim=True).clamp(min=1)
    away = ((middle - 0.5) * toward).sum(1, keepdim=True) >= 0
    toward = torch.where(away, toward, -toward)
    along = ((points - middle[:, None]) * toward[:, None]).sum(2)
    return middle, toward, along.masked_fill(~visible, 0).amax(1)


def _mirrored_at(images: Tensor, middle: Tensor, other: Tensor, zoom: Tensor) -> Tensor:
    """Each picture, mirrored left to right, resized and moved from ``middle`` to ``other``."""
    place = _places(images.shape[-1], images.device)
    offset = (place[None] - other[:, None, None]) / zoom[:, None, None, None]
    mirrored = torch.stack((-offset[..., 0], offset[..., 1]), 3)
    grid = 2 * (middle[:, None, None] + mirrored) - 1
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _far_side(size: int, middle: Tensor, toward: Tensor, line: Tensor) -> Tensor:
    """(B, S, S): 1 beyond the line at the distance ``line`` from ``middle``, 0 before it."""
    beyond = (_places(size, middle.device)[None] - middle[:, None, None]) * toward[:, None, None]
    return ((beyond.sum(3) - line[:, None, None]) * EDGE).sigmoid()


def _places(size: int, device: torch.device) -> Tensor:
    """(S, S, 2): x and y of each pixel's middle, as fractions of the picture."""
    along = (torch.arange(size, device=device) + 0.5) / size
    return torch.stack(torch.meshgrid(along, along, indexing="xy"), 2)


second_face = Augmentation(
    build=build,
    draws=5,
    summary="a second face beside the labelled one, farther from the middle",
)
