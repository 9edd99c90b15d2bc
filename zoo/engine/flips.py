"""A model's view of mirrored frames, and test-time flip. What is mirrored is the square that the
model sees: the same pixels, turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..config import Config
from ..data.batches import Split
from ..geometry import label_scale
from ..model import LandmarkModel
from .distributed import World
from .scoring import predict_split


@dataclass(frozen=True)
class MirroredSplit(Split):
    """The same frames, left and right exchanged; the labels stay as they are."""

    def take(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        images, points, visible = super().take(rows)
        return images.flip(2), points, visible

    def look_closer(self, rows: NDArray[np.int64], windows: NDArray[np.float64]) -> Tensor:
        unmirrored = windows * (-1, 1, 1) + (1, 0, 0)
        return super().look_closer(rows, unmirrored).flip(2)


def predict_mirrored(
    model: LandmarkModel, split: Split, config: Config, flip: tuple[int, ...], world: World
) -> NDArray[np.float32]:
    """What the model says of the frames' mirror images, mirrored back: points (M, K, 2) as
    fractions of the region."""
    turned, _ = predict_split(model, MirroredSplit(**vars(split)), config, world)
    back = turned[:, np.array(flip)]
    back[..., 0] = 1 - back[..., 0]
    return back


def average_of_both(
    plain: NDArray[np.float32], back: NDArray[np.float32], offset: tuple[float, float]
) -> NDArray[np.float32]:
    """Test-time flip: the mean of two predictions (M, K, 2) in fractions of the region.

    A label sits at the true place plus ``offset`` times sqrt(w h) of the face, mirrored or not.
    What comes back from the mirror sits at the true place *minus* its horizontal part, so the mean
    has lost that part, and gets it again.
    """
    mean = (plain.astype(np.float64) + back) / 2
    scale = label_scale(mean, np.ones(mean.shape[:2], np.bool_))
    mean[..., 0] += offset[0] * scale[:, None]
    return mean.astype(np.float32)
