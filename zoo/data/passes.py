"""The passes of training over each frame: their stores, their augmentation, and their views on a
device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..api import DataError
from ..config import Config
from ..evaluation.scores.metrics import mean_shape
from ..geometry import to_unit
from ..reporter import Reporter
from .augment import Augmenter
from .batches import make_split
from .chain import NONE, Chain
from .regions import CLOSE_ROOM, CloseCrop
from .source import DataSource
from .store import Store
from .table import SampleTable
from .views import View, Views, close_augment, close_size


@dataclass(frozen=True)
class Pass:
    store: Store
    augment: Augmenter


def open_passes(
    config: Config, source: DataSource, labelled: int, size: int, reporter: Reporter
) -> list[Pass]:
    """The training split for inputs of ``size`` pixels: the whole regions and, where the model
    refines, the close crops of the same frames. ``labelled``: how many rows of the table have
    labels of the data set; rows with pseudo-labels follow them. Close crops are turned upright by
    the mean shape of the labelled rows."""
    scheme, offset = source.table.scheme, source.table.label_offset
    stored = config.augment.stored_side(size)
    whole = source.store("train", config.region, stored, reporter)
    passes = [Pass(whole, Augmenter(config.augment, scheme, offset, stored, size))]
    if config.refine:
        stored = close_size(config.augment, size)
        upright = _mean_shape(whole, source.table, labelled) if config.upright else None
        close = source.cut("train", CloseCrop(upright), stored, reporter)
        if not np.array_equal(whole.rows, close.rows):
            raise DataError(
                "frames of the train split could be read at one time and not at another"
            )
        augment = close_augment(config.augment, config.upright)
        passes.append(
            Pass(close, Augmenter(augment, scheme, offset, stored, size, window=1 / CLOSE_ROOM))
        )
    return passes


def _mean_shape(store: Store, table: SampleTable, labelled: int) -> NDArray[np.float64]:
    rows = store.rows[store.rows < labelled]
    unit = to_unit(table.points[rows], store.regions[: len(rows)])
    return mean_shape(unit.astype(np.float32), table.visible[rows])


def make_views(
    passes: Sequence[Pass], table: SampleTable, device: torch.device, then: Chain = NONE
) -> Views:
    """``then``: the augmentations of plugins."""
    views = [View(make_split(each.store, table, device), each.augment, then) for each in passes]
    return Views(*views)
