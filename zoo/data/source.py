"""A configuration's data set: it is found, read, split by a protocol, and decoded into stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, Dataset, OpenDataset
from ..config import Config
from ..evaluation.scores.metrics import counted_faces
from ..evaluation.scores.protocols import Protocol, assign, find_protocol
from ..registry import Resolved, registry
from ..reporter import Reporter
from .decode import MOST_SKIPPED, refuse_skips
from .opening import open_dataset
from .regions import REGIONS, RegionRule
from .store import Store, open_store
from .table import SampleTable, read_table


@dataclass(frozen=True)
class DataSource:
    """A data set under a protocol."""

    dataset: str
    """The plugin's id, without its distribution."""
    protocol: Protocol
    table: SampleTable
    splits: NDArray[np.str_]
    """Split of each row of the table: train, val or test; none for a face without a size."""
    opened: OpenDataset
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
        """The rows of a split that a model is trained or scored on. Raises :class:`DataError` where
        the split is empty, or where no face has a size to measure errors in."""
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
        return self.cut(split, REGIONS[region], size, reporter)

    def cut(self, split: str, rule: RegionRule, size: int, reporter: Reporter) -> Store:
        """One split's regions by a rule, which need not be one that a configuration can name."""
        rows = self.measurable_rows(split)
        progress = reporter.decoding(split if rule.name in REGIONS else f"{split}, {rule.name}")
        store = open_store(
            self.table, rows, rule, size, self.strict, progress, self.most_skipped, reporter.note
        )
        if store.problems:
            reporter.note(
                f"{split}: {len(store.problems)} of {len(rows)} frames skipped, "
                f"the first: {store.problems[0].reason}"
            )
        return store

    def people(self, store: Store) -> int:
        """How many people a store shows; 0 where the data set names none."""
        return len({self.table.people[row] for row in store.rows} - {None})


def open_source(
    config: Config, strict: bool, reporter: Reporter, dataset: Resolved[Dataset] | None = None
) -> DataSource:
    """The labels of a completed configuration's data set, split by its protocol. ``dataset``: the
    plugin, where a plan has already resolved it."""
    return _read(
        dataset or config.plugin("dataset"),
        data=config.data,
        protocol=config.protocol,
        fold=config.fold,
        strict=strict,
        most_skipped=config.most_skipped,
        reporter=reporter,
    )


def read_source(
    dataset_id: str,
    *,
    data: str | Path = "",
    protocol: str = "",
    fold: int = 0,
    options: Mapping[str, Any] | None = None,
    strict: bool = False,
    most_skipped: float = MOST_SKIPPED,
    reporter: Reporter | None = None,
) -> DataSource:
    """The labels of a data set, split by a protocol; without one, by the data set's default."""
    return _read(
        registry("dataset").resolve(dataset_id, options),
        data=data,
        protocol=protocol,
        fold=fold,
        strict=strict,
        most_skipped=most_skipped,
        reporter=reporter or Reporter(),
    )


def _read(
    dataset: Resolved[Dataset],
    *,
    data: str | Path,
    protocol: str,
    fold: int,
    strict: bool,
    most_skipped: float,
    reporter: Reporter,
) -> DataSource:
    chosen = find_protocol(protocol or dataset.plugin.default_protocol)
    opened = open_dataset(dataset, Path(data) if data else None)
    table = read_table(opened, strict)
    lost = sum(problem.frames for problem in table.problems)
    refuse_skips(table.skipped, len(table) + lost, strict, most_skipped)
    if table.problems:
        reporter.note(f"{lost:,} row{'s' * (lost != 1)} skipped, the first: {table.problems[0]}")
    for doubt in table.doubts:
        reporter.note(doubt)
    return DataSource(
        dataset=dataset.entry.id,
        protocol=chosen,
        table=table,
        splits=splits_of(table, chosen, fold),
        opened=opened,
        released=opened.released(),
        strict=strict,
        most_skipped=most_skipped,
    )


def splits_of(table: SampleTable, protocol: Protocol, fold: int) -> NDArray[np.str_]:
    """The split of each row, (N,): ``none`` for a face without a size."""
    splits = assign(protocol.id, table.ids, table.people, table.release_splits, fold=fold)
    return np.where(table.sizeless, "none", splits)
