"""The looks that training takes at each frame: stores and their augmentation, and the views that a
device makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..api import DataError
from ..config import Config
from ..reporter import Reporter
from .augment import Augmenter
from .batches import make_split
from .decode import CLOSE, CLOSE_ROOM
from .source import Material
from .store import Store
from .table import SampleTable
from .views import View, Views, close_augment, close_size


@dataclass(frozen=True)
class Look:
    store: Store
    augment: Augmenter


def open_looks(config: Config, material: Material, size: int, reporter: Reporter) -> list[Look]:
    """Of the training split, for inputs of ``size`` pixels: the whole regions and, where the model
    refines, the close crops of the same frames."""
    scheme, offset = material.table.scheme, material.table.label_offset
    stored = config.augment.stored_side(size)
    augments = {config.region: Augmenter(config.augment, scheme, offset, stored, size)}
    if config.refine:
        augments[CLOSE] = Augmenter(
            close_augment(config.augment),
            scheme,
            offset,
            stored=close_size(config.augment, size),
            size=size,
            window=1 / CLOSE_ROOM,
        )
    looks = [
        Look(material.store("train", region, augment.stored, reporter), augment)
        for region, augment in augments.items()
    ]
    if not np.array_equal(looks[0].store.rows, looks[-1].store.rows):
        raise DataError("frames of the train split could be read at one time and not at another")
    return looks


def make_views(looks: Sequence[Look], table: SampleTable, device: torch.device) -> Views:
    views = [View(make_split(look.store, table, device), look.augment) for look in looks]
    return Views(*views)
