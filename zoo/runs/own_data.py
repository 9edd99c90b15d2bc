"""The data set of a run: the labels that it was trained on, opened again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..api import DataError
from ..data.source import DataSource, open_source
from ..reporter import Reporter
from .folder import RunFolder
from .missing import explain_missing_plugin


def reopen_source(
    folder: RunFolder, data: str | Path | None, strict: bool, reporter: Reporter
) -> DataSource:
    """The data set of a run, from another root where ``data`` names one. Raises
    :class:`PluginError` naming what to install where a plugin is gone."""
    config = folder.read_config()
    if data is not None:
        config = replace(config, data=str(Path(os.path.expanduser(data))))
    # the data's fingerprint tells whether it is what the run was trained on
    config = replace(config, most_skipped=1.0)
    with explain_missing_plugin(folder):
        return open_source(config, strict, reporter)


def own_source(
    folder: RunFolder, data: str | Path | None, strict: bool, reporter: Reporter
) -> DataSource:
    """The data that a finished run was trained on. Raises :class:`DataError` for any other."""
    record = folder.read_record()
    source = reopen_source(folder, data, strict, reporter)
    if source.table.fingerprint != record.data.fingerprint:
        raise DataError(
            f"{folder.path}: was trained on data with fingerprint "
            f"{record.data.fingerprint[:12]}, this has {source.table.fingerprint[:12]}: "
            "results would not compare. Name the run's own data with --data"
        )
    return source
