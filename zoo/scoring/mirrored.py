"""Predictions for mirrored frames, and test-time flip. The square that the model sees is mirrored
as it is stored: its pixels stay the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..config import Config
from ..data.batches import Split
from ..geometry import Region, label_scale, unmirror
from ..model import LandmarkModel
from ..world import World
from .split import predict_split


@dataclass(frozen=True)
class MirroredSplit(Split):
    """The same frames, left and right exchanged; the labels stay as they are."""

    def take(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        images, points, visible = super().take(rows)
        return images.flip(2), points, visible

    def close_crops(self, rows: NDArray[np.int64], windows: Sequence[Region]) -> Tensor:
        return super().close_crops(rows, [window.mirrored() for window in windows]).flip(2)


def predict_mirrored(
    model: LandmarkModel,
    split: Split,
    config: Config,
    flip: tuple[int, ...],
    world: World,
    upright: NDArray[np.float64] | None,
) -> NDArray[np.float32]:
    """A model's predictions for the frames' mirror images, mirrored back: points (M, K, 2) as
    fractions of the region."""
    mirrored = MirroredSplit(**vars(split))
    points = predict_split(model, mirrored, config, world, upright).points
    return unmirror(points, flip).astype(np.float32)


def with_label_offset(
    plain: NDArray[np.float32], back: NDArray[np.float32], offset: tuple[float, float]
) -> NDArray[np.float64]:
    """Predictions for mirrored frames that were mirrored back, (M, K, 2) in fractions of the
    region, moved to where labels lie.

    A label sits at the true place plus ``offset`` times sqrt(w h) of the face, mirrored or not. So
    a prediction that was mirrored back sits at the true place *minus* the horizontal part of this.
    The size is that of the mean of both predictions.
    """
    mean = (plain.astype(np.float64) + back) / 2
    scale = label_scale(mean, np.ones(mean.shape[:2], np.bool_))
    moved = back.astype(np.float64)
    moved[..., 0] += 2 * offset[0] * scale[:, None]
    return moved


def average_of_both(
    plain: NDArray[np.float32], back: NDArray[np.float32], offset: tuple[float, float]
) -> NDArray[np.float32]:
    """Test-time flip: the mean of a prediction and of one for the mirror image, mirrored back, with
    the offset that labels have."""
    return ((plain + with_label_offset(plain, back, offset)) / 2).astype(np.float32)
