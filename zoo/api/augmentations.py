"""The contract of an augmentation, and the batch of training samples that it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .contracts import ExpectedFailures

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class AugmentedBatch:
    """B training samples, as the network would see them. Later versions may add fields, so return
    a copy made with :func:`dataclasses.replace`.

    Example:
        >>> import torch
        >>> from zoo.api import AugmentedBatch
        >>> batch = AugmentedBatch(
        ...     images=torch.zeros(2, 3, 64, 64),
        ...     points=torch.full((2, 5, 2), 0.5),
        ...     visible=torch.ones(2, 5, dtype=torch.bool),
        ...     draws=torch.rand(2, 1),
        ... )
        >>> batch.images.shape[-1]
        64
    """

    images: torch.Tensor
    """(B, 3, S, S) float32: RGB in [0, 1], before mean and std."""
    points: torch.Tensor
    """(B, K, 2) float32: fractions of the input, 0 at its left (upper) edge and 1 at its right
    (lower) edge."""
    visible: torch.Tensor
    """(B, K) bool: False where a point has no label or lies outside the picture."""
    draws: torch.Tensor
    """(B, D) float32 on the CPU, uniform in [0, 1): the only random numbers to use. They depend
    only on the run's seed, the step and the sample. Therefore a resumed run, and a run on several
    processes, sees the same pictures."""
    occluded: torch.Tensor | None = None
    """(B, K) float32: 1 where something hides a point, 0 where it is seen, NaN where that is
    unknown; None where the data set never says. A mirror permutes these values like the points."""


@dataclass(frozen=True)
class Augmentation:
    """Target of a ``zoo.augmentations`` entry point; a recipe names it in ``augmentations``.

    ``build(**options)`` returns ``augment(batch) -> batch``: both an :class:`AugmentedBatch` of the
    same shapes, dtypes and device. It runs on the training device, after all of the zoo's own
    stages (``augment.*``); several run in the order of the recipe. It treats each sample
    independently of the others. If it moves pixels, it moves ``points`` too; the core marks a point
    that leaves the picture as invisible. It may change the tensors of the batch in place. If
    ``build`` has a ``scheme`` parameter, the core passes the :class:`LandmarkScheme` of the data; a
    mirror needs its ``flip``.

    Example:
        Turn half of the pictures upside down, with one draw per sample:

        >>> from dataclasses import replace
        >>> import torch
        >>> from zoo.api import Augmentation, AugmentedBatch
        >>> def build(*, share=0.5):
        ...     def augment(batch):
        ...         turned = (batch.draws[:, 0] < share).to(batch.images.device)
        ...         images = torch.where(turned[:, None, None, None], batch.images.flip(2, 3),
        ...                              batch.images)
        ...         points = torch.where(turned[:, None, None], 1 - batch.points, batch.points)
        ...         return replace(batch, images=images, points=points)
        ...     return augment
        >>> upside_down = Augmentation(build=build, draws=1)
        >>> batch = AugmentedBatch(torch.rand(2, 3, 8, 8), torch.full((2, 1, 2), 0.25),
        ...                        torch.ones(2, 1, dtype=torch.bool), torch.tensor([[0.1], [0.9]]))
        >>> upside_down.build()(batch).points[:, 0, 0].tolist()
        [0.75, 0.25]
    """

    build: Callable[..., Callable[[AugmentedBatch], AugmentedBatch]]
    draws: int = 1
    """D: how many random numbers it needs per sample."""
    reference: str = ""
    summary: str = ""
    api_version: int = 2
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
