"""The passes over each frame in training: stores and their augmentation, and the views that a
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
from .source import DataSource
from .store import Store
from .table import SampleTable
from .views import View, Views, close_augment, close_size


@dataclass(frozen=True)
class Pass:
    store: Store
    augment: Augmenter


def open_passes(config: Config, source: DataSource, size: int, reporter: Reporter) -> list[Pass]:
    """The training split for inputs of ``size`` pixels: the whole regions and, where the model
    refines, the close crops of the same frames."""
    scheme, offset = source.table.scheme, source.table.label_offset
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
    passes = [
        Pass(source.store("train", region, augment.stored, reporter), augment)
        for region, augment in augments.items()
    ]
    if not np.array_equal(passes[0].store.rows, passes[-1].store.rows):
        raise DataError("frames of the train split could be read at one time and not at another")
    return passes


def make_views(passes: Sequence[Pass], table: SampleTable, device: torch.device) -> Views:
    views = [View(make_split(each.store, table, device), each.augment) for each in passes]
    return Views(*views)
