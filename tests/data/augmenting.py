"""Helpers of the tests of augmentation: pictures with spots at their points, and chosen draws."""

from __future__ import annotations

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from zoo.api import LandmarkScheme
from zoo.config import Augment
from zoo.data import augment as module
from zoo.data.augment import Augmenter

TRIANGLE = LandmarkScheme(name="triangle", names=("left", "right", "top"), flip=(1, 0, 2))
quick = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 10**6)


def draws_with(count: int, **columns: float | list[float]) -> Tensor:
    """Draws of one half, the middle of every range, except for the named columns."""
    draws = torch.full((count, len(module._DRAWS)), 0.5)
    for name, value in columns.items():
        draws[:, module._DRAWS.index(name)] = torch.as_tensor(value)
    return draws


def blobs(points: Tensor, side: int, sigma: float = 2.0) -> Tensor:
    """uint8 (B, S, S, 3) with a spot at each of the three points (B, 3, 2), a channel each."""
    place = (torch.arange(side) + 0.5) / side
    x, y = points[:, None, None, :, 0], points[:, None, None, :, 1]
    squared_distance = (place[None, None, :, None] - x) ** 2 + (place[None, :, None, None] - y) ** 2
    return (255 * torch.exp(-squared_distance * side**2 / (2 * sigma**2))).round().to(torch.uint8)


def centroids(pixels: Tensor) -> Tensor:
    """Float (B, 3, S, S) to fractions (B, 3, 2): where each channel's spot is."""
    side = pixels.shape[-1]
    place = (torch.arange(side) + 0.5) / side
    mass = pixels.sum((2, 3))
    x = (pixels.sum(2) * place).sum(-1) / mass
    y = (pixels.sum(3) * place).sum(-1) / mass
    return torch.stack((x, y), -1)


def augment(
    config: Augment,
    draws: Tensor,
    side: int = 64,
    size: int = 64,
    scheme: LandmarkScheme = TRIANGLE,
    offset: tuple[float, float] = (0.0, 0.0),
    points: Tensor | None = None,
    images: Tensor | None = None,
    visible: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    if points is None:
        points = torch.tensor([[[0.3, 0.4], [0.7, 0.45], [0.5, 0.7]]]).repeat(len(draws), 1, 1)
    if images is None:
        images = blobs(points, side)
    if visible is None:
        visible = torch.ones(points.shape[:2], dtype=torch.bool)
    return Augmenter(config, scheme, offset, side, size)(images, points, visible, draws)
