"""Figures of a run's card that are not in its record: measured once and kept in ``card.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..api import DataError
from ..data.opening import open_dataset
from ..data.table import SampleTable, read_table
from ..files import write_whole
from ..files.reading import read_json
from ..prediction.torch_model import TorchPredictor
from ..registry import bare_id, registry
from ..reporter import Reporter
from ..runs.folder import RunFolder
from ..runs.own_data import own_source
from .conditions import by_condition
from .tolerance import measure, require_scheme, results_on

FILE = "card.json"

Elsewhere = tuple[str, str]
"""Id of another data set, and its root; "": the default place."""


def measured(folder: RunFolder) -> dict[str, Any]:
    """The content of ``card.json``; empty where nothing was measured."""
    path = folder.path / FILE
    if not path.is_file():
        return {}
    try:
        found = read_json(path)
    except DataError as error:
        raise DataError(f"{error}; `zoo card` writes it anew") from error
    return dict(found) if isinstance(found, dict) else {}


def measure_for_card(
    run: Path,
    split: str = "val",
    data: Path | None = None,
    elsewhere: Sequence[Elsewhere] = (),
    device: str = "",
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Measure a finished run, and keep the result in ``card.json``.

    It is measured on a split of its own data, for changed pictures and for boxes that are off, and
    on all frames of other data sets, with the boxes of their labels. Raises :class:`DataError` for
    data other than the run's and for labels of other points.
    """
    reporter = reporter or Reporter()
    folder = RunFolder(run)
    folder.read_record()  # raises for a run that is not finished, before the model is loaded
    predictor = TorchPredictor.of_run(run, device)
    source = own_source(folder, data, False, reporter)
    tables = [(dataset, _table(dataset, root, reporter)) for dataset, root in elsewhere]
    for _, table in tables:
        require_scheme(predictor, table)

    show = partial(reporter.progress, "measuring")

    rows = source.measurable_rows(split)
    found: dict[str, Any] = {
        "box_tolerance": {"split": split} | measure(predictor, source.table, rows, show),
        "shown": {"split": split} | by_condition(predictor, source.table, rows, show),
    }
    others = [
        {"dataset": bare_id(dataset), "release": table.release}
        | results_on(predictor, table, np.arange(len(table)), show)
        for dataset, table in tables
    ]
    found["elsewhere"] = others or measured(folder).get("elsewhere", [])
    write_whole(folder.path / FILE, (json.dumps(found, indent=2) + "\n").encode())
    return found


def _table(dataset_id: str, root: str, reporter: Reporter) -> SampleTable:
    """All labelled frames of a data set, whatever protocol it has."""
    dataset = registry("dataset").resolve(dataset_id)
    table = read_table(open_dataset(dataset, Path(root) if root else None))
    if table.problems:
        lost = len(table.problems)
        reporter.note(
            f"{bare_id(dataset_id)}: {lost} row{'s' * (lost != 1)} skipped, "
            f"the first: {table.problems[0]}"
        )
    return table
