"""A configuration's data set: found, read, split by its protocol, decoded into stores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, OpenDataset, UsageError, WeightsError
from ..config import Config
from ..evaluation.scores.metrics import counted_faces
from ..evaluation.scores.protocols import Protocol, assign, find_protocol
from ..registry import bare_id, registry
from ..reporter import Reporter
from ..runs.folder import RunFolder
from ..runs.missing import naming_the_absent
from ..tensors import file_digest
from ..training.transfer import teacher_digest, weights_file
from .decode import MOST_SKIPPED, refuse_skips
from .locate import find_root
from .opening import open_dataset
from .store import Store, open_store
from .table import SampleTable, read_table


@dataclass(frozen=True)
class Material:
    """A data set under a protocol."""

    dataset: str
    """The plugin's id, without its distribution."""
    protocol: Protocol
    table: SampleTable
    splits: NDArray[np.str_]
    """Of each row of the table: train, val or test; none of a face without a size."""
    source: OpenDataset
    """What the table was read from."""
    released: bool | None
    strict: bool
    most_skipped: float

    def rows(self, split: str) -> NDArray[np.int64]:
        """Raises :class:`DataError` that says why a split is empty."""
        rows = np.flatnonzero(self.splits == split).astype(np.int64)
        if not len(rows):
            raise DataError(
                f"{self.dataset}: no frame in the {split} split of protocol {self.protocol.label} "
                f"({self.protocol.splits[split]}); none of this data's {len(self.table)} frames "
                "belongs there. `zoo data info` shows the splits"
            )
        return rows

    def measurable_rows(self, split: str) -> NDArray[np.int64]:
        """The same of a split that a model is trained on or scored on. Raises :class:`DataError`
        where it has no face that an error can be measured by."""
        rows = self.rows(split)
        points, visible = self.table.points[rows], self.table.visible[rows]
        if not visible.any():
            raise DataError(f"the {split} split shows not one visible point: nothing to learn")
        if not counted_faces(points, visible, self.table.scheme).any():
            raise DataError(
                f"the {split} split has no face with a size: its points lie at one place or on one "
                "line, or its eye corners are not labelled. Errors are measured in sizes of the "
                f"face; `zoo data check {self.dataset}` looks at the labels"
            )
        return rows

    def store(self, split: str, region: str, size: int, reporter: Reporter) -> Store:
        """One split's regions as squares of ``size`` pixels."""
        rows = self.measurable_rows(split)

        def progress(done: int, total: int) -> None:
            reporter.store(split, done, total)

        store = open_store(self.table, rows, region, size, self.strict, progress, self.most_skipped)
        if store.problems:
            reporter.note(
                f"{split}: {len(store.problems)} of {len(rows)} frames skipped, "
                f"the first: {store.problems[0].reason}"
            )
        return store

    def people(self, store: Store) -> int:
        """How many a store shows; 0 where the data set names none."""
        return len({self.table.people[row] for row in store.rows} - {None})


def complete(config: Config) -> Config:
    """With what only the plugins can say: qualified ids, the protocol, the input size.

    Raises :class:`UsageError` where the protocol has folds and the configuration names none: such
    a configuration is several runs (:mod:`zoo.training.folds`).
    """
    backbone = registry("backbone").get(config.backbone)
    protocol = protocol_of(config)
    config = replace(config, weights=weights_file(config.weights))
    input_size = config.input_size or backbone.input_size
    if config.fold < 0 and protocol.folds > 1:
        raise UsageError(
            f"protocol {protocol.id} has {protocol.folds} folds: name one with --set fold=0, or "
            "train them all (zoo.train_folds in Python)"
        )
    return replace(
        config,
        backbone=registry("backbone").locate(config.backbone).qualified,
        head=registry("head").locate(config.head).qualified,
        loss=registry("loss").locate(config.loss).qualified,
        dataset=registry("dataset").locate(config.dataset).qualified,
        protocol=protocol.id,
        fold=max(config.fold, 0),
        input_size=input_size,
        augment=config.augment.for_inputs(input_size),
        weights=_absolute(config.weights),
        freeze=config.freeze and not config.unfreeze_after,  # --freeze --unfreeze-after 5 is one
        weights_sha256=_digest(config),
        pseudo=_absolute(config.pseudo),
        pseudo_sha256=teacher_digest(config.pseudo, config.pseudo_sha256),
        data=_absolute(config.data),
    )


def protocol_of(config: Config) -> Protocol:
    """The one that a configuration names, or the data set's own."""
    return find_protocol(
        config.protocol or registry("dataset").get(config.dataset).default_protocol
    )


def _absolute(path: str) -> str:
    return str(Path(os.path.expanduser(path)).resolve()) if path else ""


def _digest(config: Config) -> str:
    """Of the file that a model starts from. Raises :class:`WeightsError` for another file than the
    configuration wants; one that is missing is said where it is read."""
    path = Path(os.path.expanduser(config.weights))
    if not config.weights or not path.is_file():
        return config.weights_sha256
    digest = file_digest(path)
    if config.weights_sha256 not in ("", digest):
        raise WeightsError(
            f"{path}: its sha256 is {digest}, and the configuration starts from another file, "
            f"{config.weights_sha256}: name that one with --weights"
        )
    return digest


def open_material(config: Config, strict: bool, reporter: Reporter) -> Material:
    """The labels of a completed configuration's data set, split by its protocol."""
    return read_material(
        config.dataset,
        data=config.data,
        protocol=config.protocol,
        fold=config.fold,
        options=config.plugin_options("dataset"),
        strict=strict,
        most_skipped=config.most_skipped,
        reporter=reporter,
    )


def reopen_material(
    folder: RunFolder, data: str | Path | None, strict: bool, reporter: Reporter
) -> Material:
    """The data set of a run, from another root where ``data`` names one. Raises
    :class:`PluginError` naming what to install where a plugin is gone."""
    config = folder.read_config()
    if data is not None:
        config = replace(config, data=str(Path(os.path.expanduser(data))))
    # the data's fingerprint tells whether it is what the run was trained on
    config = replace(config, most_skipped=1.0)
    with naming_the_absent(folder):
        return open_material(config, strict, reporter)


def own_material(
    folder: RunFolder, data: str | Path | None, strict: bool, reporter: Reporter
) -> Material:
    """The data that a finished run was trained on. Raises :class:`DataError` for any other."""
    record = folder.read_record()
    material = reopen_material(folder, data, strict, reporter)
    if material.table.fingerprint != record.data.fingerprint:
        raise DataError(
            f"{folder.path}: was trained on data with fingerprint "
            f"{record.data.fingerprint[:12]}, this has {material.table.fingerprint[:12]}: "
            "results would not compare. Name the run's own data with --data"
        )
    return material


def read_material(
    dataset_id: str,
    *,
    data: str | Path = "",
    protocol: str = "",
    fold: int = 0,
    options: Mapping[str, Any] | None = None,
    strict: bool = False,
    most_skipped: float = MOST_SKIPPED,
    reporter: Reporter | None = None,
) -> Material:
    """The labels of a data set, split by a protocol; by the data set's own where none is named."""
    reporter = reporter or Reporter()
    plugin = registry("dataset").get(dataset_id)
    chosen = find_protocol(protocol or plugin.default_protocol)
    root = find_root(dataset_id, plugin, Path(data) if data else None)
    dataset = open_dataset(dataset_id, plugin, root, options)
    table = read_table(dataset, strict)
    lost = sum(problem.frames for problem in table.problems)
    refuse_skips(table.skipped, len(table) + lost, strict, most_skipped)
    if table.problems:
        reporter.note(f"{lost:,} rows skipped, the first: {table.problems[0]}")
    for doubt in table.doubts:
        reporter.note(doubt)
    return Material(
        dataset=bare_id(dataset_id),
        protocol=chosen,
        table=table,
        splits=splits_of(table, chosen, fold),
        source=dataset,
        released=dataset.released(),
        strict=strict,
        most_skipped=most_skipped,
    )


def splits_of(table: SampleTable, protocol: Protocol, fold: int) -> NDArray[np.str_]:
    """The split of each row, (N,); none of a face without a size."""
    splits = assign(protocol.id, table.ids, table.people, table.release_splits, fold=fold)
    return np.where(table.sizeless, "none", splits)
