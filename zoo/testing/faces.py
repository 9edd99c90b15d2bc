"""Four drawn faces, and whether a model can learn them by heart."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.geometry import crop, frame_region, to_landmark_units
from zoo.model import LandmarkModel
from zoo.registry import registry
from zoo.testing.failures import CheckFailed
from zoo.testing.modules import silence_dropout
from zoo.testing.tensors import seeded
from zoo.training.loss import training_loss

TRIALS = ((1e-3, 20), (1e-4, 20), (1e-3, 120), (1e-4, 120))
"""Learning rates of Adam, each with its number of steps, tried one after another. Most networks
need fewer than 20 steps of the first; wide layers without normalisation need the lower rate."""
ENOUGH = 0.2
"""Fraction of the loss of the four faces' mean shape. A model has to get below it; one that ignores
the image gets no lower than the mean shape's loss itself."""


@functools.cache
def four_faces(size: int) -> tuple[Tensor, Tensor]:
    """Images (4, 3, size, size) of RGB in [0, 1], and points (4, 68, 2) as fractions of them."""
    plugin = registry("dataset").get("landmark-zoo/synthetic")
    samples = list(
        plugin.open(None, people=4, videos=1, frames=1, seed=7, size=max(size, 96)).samples()
    )
    images, points = [], []
    for sample in samples:
        picture = sample.image()
        region = frame_region(*picture.shape[:2])
        images.append(crop(picture, region, size))
        points.append(region.to_unit(sample.points))
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    return pixels, torch.from_numpy(np.stack(points)).float()


def overfit(build: Callable[[], LandmarkModel], size: int) -> None:
    """Train a model on the four faces until the loss is far below that of their mean shape.

    ``build`` is called for each trial, and gives a model whose random weights come from torch's
    seed. Raises :class:`CheckFailed` where no trial gets there.
    """
    images, points = four_faces(size)
    reached = {}
    for rate, steps in TRIALS:
        with seeded(0):
            cost, baseline = _train(build(), images, points, rate, steps)
        if cost < ENOUGH * baseline:
            return
        reached[rate] = f"{cost / baseline:.0%} after {steps} steps at rate {rate:g}"
    raise CheckFailed(
        f"the loss on four faces is still {' and '.join(reached.values())} of what their mean "
        f"shape costs; below {ENOUGH:.0%} is wanted"
    )


def _train(
    model: LandmarkModel, images: Tensor, points: Tensor, rate: float, steps: int
) -> tuple[float, float]:
    """Train the model; gives the lowest loss that it reached, and the mean shape's."""
    visible = torch.ones(points.shape[:2], dtype=torch.bool)
    mean = points.mean(dim=0)
    baseline = float(_cost(mean.expand_as(points), points))
    model.train()
    silence_dropout(model)
    start_at = getattr(model.head, "start_at", None)
    if start_at is not None:
        start_at(mean)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    lowest = float("inf")
    for _ in range(steps):
        output = model(images)
        lowest = min(lowest, float(_cost(output["points"].detach(), points)))
        if lowest < ENOUGH * baseline:
            break
        optimizer.zero_grad()
        loss = training_loss(model.head, output, points, visible, point_loss)
        torch.autograd.backward(loss)
        optimizer.step()
    return lowest, baseline


def _cost(points: Tensor, target: Tensor) -> Tensor:
    """The loss of points given as fractions of the input."""
    return F.smooth_l1_loss(to_landmark_units(points), to_landmark_units(target))


def point_loss(points: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """SmoothL1 in landmark units, the mean over all visible coordinates."""
    mask = visible.unsqueeze(-1).expand_as(points)
    cost = F.smooth_l1_loss(points, torch.where(mask, target, points.detach()), reduction="none")
    return torch.where(mask, cost, 0.0).sum() / mask.sum().clamp(min=1)
