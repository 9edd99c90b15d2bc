"""What training shows of a batch's frames: their regions and, for a model with a second pass,
closer crops of half of them.

A model with ``refine`` sees a whole region in its first pass and in later ones a crop about the
points that it found. It is one network, so it is trained on both: each frame of a batch is, with
even chances, seen whole or close. Close crops lie about the labelled points and are moved, widened
and turned as the recipe says, and by ``JITTER`` at least, since at work they lie about points that
the pass before got somewhat wrong.
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
"""Degrees by which crops that are turned upright are turned at random, whatever the recipe says:
the pass before gets the roll somewhat wrong. 99 in 100 of its rolls are nearer."""


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
    """(B, K): 1 where a point is hidden, 0 where it is seen, NaN where nobody says; None where the
    data set never says."""


@dataclass(frozen=True)
class View:
    split: Split
    augment: Augmenter
    then: Chain = NONE
    """The augmentations of plugins, which come last."""

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
        given = AugmentedBatch(images, points, visible, draws[:, OWN_DRAWS:], occluded)
        batch = self.then(given)
        return Shown(batch.images, batch.points, batch.visible, batch.occluded)


class Order(NamedTuple):
    """What a process shows of a batch: the rows of ``part``, drawn for the whole batch, so that how
    many processes share it changes no frame's augmentation."""

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

        Frames that do not live on the device are fetched while the batch before is worked with.
        """
        jobs = (partial(self._fetch, order) for order in orders)
        split = self.whole.split
        for fetched in ahead(jobs, split.device, not split.resident):
            shown = [view.change(stored, draws) for view, stored, draws in fetched]
            if len(shown) == 1:
                yield shown[0]
                continue
            told = [each.occluded for each in shown if each.occluded is not None]
            yield Shown(
                images=torch.cat([each.images for each in shown]),
                points=torch.cat([each.points for each in shown]),
                visible=torch.cat([each.visible for each in shown]),
                occluded=torch.cat(told) if told else None,
            )

    def _fetch(self, order: Order) -> list[tuple[View, Stored, Tensor]]:
        count, rows = len(order.rows), order.rows[order.part]
        draws = draw(count, order.seed, self.whole.then.draws)[order.part]
        if self.close is None:
            return [(self.whole, self.whole.fetch(rows), draws)]
        near = _coins(count, order.seed)[order.part]
        chosen = [(self.whole, np.flatnonzero(~near)), (self.close, np.flatnonzero(near))]
        return [(view, view.fetch(rows[at]), draws[at]) for view, at in chosen if len(at)]


def close_augment(augment: Augment, upright: bool = False) -> Augment:
    """A recipe's augmentation for close crops; ``upright``: of those that are turned upright."""
    least = {key: max(getattr(augment, key), value) for key, value in JITTER.items()}
    close = replace(augment, resize=0, crop=False, **least)
    return replace(close, rotation=MISTURN) if upright else close


def close_size(augment: Augment, size: int) -> int:
    """Side in pixels at which close crops are stored, sharp enough for the closest crop."""
    return round(size * CLOSE_ROOM * (1 + close_augment(augment).scale))


def _coins(count: int, seed: int) -> NDArray[np.bool_]:
    """Which frames of a batch are seen close."""
    return np.random.default_rng([seed, 1]).random(count) < 0.5
