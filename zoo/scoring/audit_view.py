"""A trained run's predictions for a data set's frames and their mirror images, for the audit.

The frames are those that the run was not trained on, cut to the region and size that it was trained
at, by the same store.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, UsageError
from ..data.batches import make_split
from ..data.regions import REGIONS
from ..data.store import open_store
from ..data.table import SampleTable
from ..evaluation.audit.offset import Mirrored
from ..evaluation.records import Record, load_record
from ..evaluation.records.unfinished import unfinished
from ..evaluation.scores.protocols import assign, find_protocol
from ..geometry import to_source
from ..registry import bare_id
from ..reporter import Reporter
from ..runs.folder import RunFolder
from ..runs.trained import load_trained
from ..world import World, pick_device
from .mirrored import predict_mirrored
from .split import predict_split


def see_mirrored(
    run: Path,
    dataset_id: str,
    table: SampleTable,
    strict: bool = False,
    reporter: Reporter | None = None,
) -> Mirrored:
    """A finished run's predictions for frames that it was not trained on and their mirror images.

    On its own data that is its val split; of another data set, every frame. Raises
    :class:`UsageError` for a run that is not finished, and :class:`DataError` for another scheme, a
    scheme without symmetry, and for another copy of the run's own data, since nobody can tell which
    of its frames the run was trained on.
    """
    reporter = reporter or Reporter()
    folder = RunFolder(run)
    trained = load_trained(folder)
    scheme, config = trained.header.scheme, trained.header.config
    upright = trained.header.upright
    if scheme.flip is None:
        raise DataError(f"{run}: its scheme {scheme.name} has no known symmetry: nothing to mirror")
    if (scheme.name, len(scheme)) != (table.scheme.name, len(table.scheme)):
        raise DataError(
            f"{run}: predicts {len(scheme)} points of {scheme.name}, the labels of {dataset_id} "
            f"are {len(table.scheme)} points of {table.scheme.name}"
        )
    if why := unfinished(folder.path):
        raise UsageError(f"{run}: {why}")
    record = load_record(folder.record)
    rows, description, trained_here = _rows_not_trained_on(
        run, record, dataset_id, table, config.fold
    )
    store = open_store(
        table,
        rows,
        REGIONS[config.region],
        config.input_size,
        strict,
        reporter.decoding("label offset"),
        note=reporter.note,
    )
    world = World(0, 1, pick_device(""))  # this machine may lack the device of the training
    split = make_split(store, table, world.device)
    config = replace(config, precision="fp32")
    model = trained.model.to(world.device)
    plain_unit = predict_split(model, split, config, world, upright).points
    back_unit = predict_mirrored(model, split, config, scheme.flip, world, upright)
    return Mirrored(
        model=record.run,
        frames=description,
        rows=store.rows,
        plain=to_source(plain_unit, store.regions),
        back=to_source(back_unit, store.regions),
        trained_here=trained_here,
    )


def _rows_not_trained_on(
    run: Path, record: Record, dataset_id: str, table: SampleTable, fold: int
) -> tuple[NDArray[np.int64], str, bool]:
    """Rows that the run was not trained on, a description of them in words, and whether the run was
    trained on other rows of the same data."""
    trained_on = record.data
    if trained_on.fingerprint == table.fingerprint:
        protocol = find_protocol(trained_on.protocol)
        splits = assign(protocol.id, table.ids, table.people, table.release_splits, max(fold, 0))
        rows = np.flatnonzero(splits == "val")
        description = (
            f"the val split of {protocol.label}; frames that it was trained on are not used"
        )
        return rows, description, True
    if (trained_on.dataset, trained_on.release) == (bare_id(dataset_id), table.release):
        raise DataError(
            f"{run}: was trained on another copy of {trained_on.dataset} (fingerprint "
            f"{trained_on.fingerprint[:12]}, this has {table.fingerprint[:12]}), so which frames "
            "it was trained on cannot be known; audit the copy that it was trained on, or name a "
            "run that was trained on this one"
        )
    description = (
        f"every frame: it was trained on {trained_on.dataset}; whether that shows the same "
        "pictures cannot be known here"
    )
    return np.arange(len(table)), description, False
