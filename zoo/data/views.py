"""The images that training makes of a batch's frames: their regions and, for a model with a second
pass, closer crops of half of them.

A model with ``refine`` sees the whole region in its first pass, and a crop about the points that it
found in later passes. It is one network, so it is trained on both: each frame of a batch is shown
whole or close, with equal probability. Close crops lie about the labelled points. They are moved,
widened and turned as the recipe says, but by ``JITTER`` at least: in prediction they lie about
points that the previous pass got slightly wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..api import AugmentedBatch
from ..config import Augment
from ..device import ahead
from .augment import OWN_DRAWS, Augmenter, draw
from .batches import Split
from .chain import NONE, Chain
from .regions import CLOSE_ROOM

JITTER = {"scale": 0.1, "shift": 0.05}
"""Least jitter of close crops, where the recipe has less."""

MISTURN = 10.0
"""Random rotation, in degrees, of crops that are turned upright, whatever the recipe says: the
previous pass gets the roll slightly wrong, by less than this in 99 of 100 cases."""


Stored = tuple[Tensor, Tensor, Tensor, Tensor | None]
"""Frames as the store has them, on the device: images, points, visible, occluded."""


class Shown(NamedTuple):
    """A batch of B frames, on its device."""

    images: Tensor
    """(B, 3, S, S)"""
    points: Tensor
    """(B, K, 2), as fractions of the images."""
    visible: Tensor
    """(B, K) bool"""
    occluded: Tensor | None
    """(B, K): 1 where a point is hidden, 0 where it is seen, NaN where that is unknown; None where
    the data set never says."""


@dataclass(frozen=True)
class View:
    split: Split
    augment: Augmenter
    then: Chain = NONE
    """The augmentations of plugins, which are applied last."""

    def show(self, rows: NDArray[np.int64], draws: Tensor) -> Shown:
        """These frames as training sees them."""
        return self.change(self.fetch(rows), draws)

    def fetch(self, rows: NDArray[np.int64]) -> Stored:
        return *self.split.take(rows), self.split.take_occluded(rows)

    def change(self, stored: Stored, draws: Tensor) -> Shown:
        """Frames that were fetched, as training sees them."""
        images, points, visible, occluded = stored
        if occluded is not None:
            occluded = self.augment.mirror_marks(occluded, draws)
        images, points, visible = self.augment(images, points, visible, draws)
        batch = AugmentedBatch(images, points, visible, draws[:, OWN_DRAWS:], occluded)
        batch = self.then(batch)
        return Shown(batch.images, batch.points, batch.visible, batch.occluded)


class Order(NamedTuple):
    """The part of a batch that one process shows: the rows of ``part``. Random numbers are drawn
    for the whole batch, so that the number of processes changes no frame's augmentation."""

    rows: NDArray[np.int64]
    seed: int
    part: slice = slice(None)


@dataclass(frozen=True)
class Views:
    """Views of the training split; row i is the same frame in both views."""

    whole: View
    close: View | None = None

    def __len__(self) -> int:
        return len(self.whole.split)

    def show(self, orders: Iterable[Order]) -> Iterator[Shown]:
        """Batches as training sees them; the order within a batch is by view.

        Frames that are not on the device are fetched while the previous batch is processed.
        """
        jobs = (partial(self._fetch, order) for order in orders)
        split = self.whole.split
        for fetched in ahead(jobs, split.device, not split.resident):
            shown = [view.change(stored, draws) for view, stored, draws in fetched]
            if len(shown) == 1:
                yield shown[0]
                continue
            occluded = [each.occluded for each in shown if each.occluded is not None]
            yield Shown(
                images=torch.cat([each.images for each in shown]),
                points=torch.cat([each.points for each in shown]),
                visible=torch.cat([each.visible for each in shown]),
                occluded=torch.cat(occluded) if occluded else None,
            )

    def _fetch(self, order: Order) -> list[tuple[View, Stored, Tensor]]:
        count, rows = len(order.rows), order.rows[order.part]
        draws = draw(count, order.seed, self.whole.then.draws)[order.part]
        if self.close is None:
            return [(self.whole, self.whole.fetch(rows), draws)]
        is_close = _choose_close(count, order.seed)[order.part]
        parts = [(self.whole, np.flatnonzero(~is_close)), (self.close, np.flatnonzero(is_close))]
        return [(view, view.fetch(rows[at]), draws[at]) for view, at in parts if len(at)]


def close_augment(augment: Augment, upright: bool = False) -> Augment:
    """A recipe's augmentation for close crops; ``upright``: for crops that are turned upright."""
    least = {key: max(getattr(augment, key), value) for key, value in JITTER.items()}
    close = replace(augment, resize=0, crop=False, **least)
    return replace(close, rotation=MISTURN) if upright else close


def close_size(augment: Augment, size: int) -> int:
    """Side in pixels at which close crops are stored, sharp enough for the closest crop."""
    return round(size * CLOSE_ROOM * (1 + close_augment(augment).scale))


def _choose_close(count: int, seed: int) -> NDArray[np.bool_]:
    """Which frames of a batch are shown close, (count,)."""
    return np.random.default_rng([seed, 1]).random(count) < 0.5
