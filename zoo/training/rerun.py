"""Run a record again: the same configuration, on the same data, in the environment that is here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..evaluation.records import load_record
from ..reporter import Reporter
from ..runs.folder import RunFolder
from . import run
from .origin import Origin


def rerun(
    record: Path,
    out: Path,
    *,
    data: Path | None = None,
    weights: Path | None = None,
    pseudo: Path | None = None,
    device: str | None = None,
    seed: int | None = None,
    strict: bool = False,
    most_skipped: float | None = None,
    reporter: Reporter | None = None,
) -> RunFolder:
    """Train what a record.json (or the folder that holds one) describes; returns the new folder.

    ``data``, ``weights`` and ``pseudo`` (the teacher) say where files are here; another ``seed``
    makes another run of the same configuration. The reporter is told what differs from the record
    before training begins, and how the result compares. On the same machine, CPU and versions it is
    the same to the bit. Raises :class:`zoo.api.ZooError` for a record that cannot be run here,
    other data included.
    """
    reporter = reporter or Reporter()
    origin = Origin.read(record)
    config = origin.on_this_machine(data, weights, pseudo)
    config = replace(
        config,
        device=config.device if device is None else device,
        seed=config.seed if seed is None else seed,
        most_skipped=config.most_skipped if most_skipped is None else most_skipped,
    )
    folder = run.train_plan(origin.plan(config), out, strict, reporter, origin)
    if int(os.environ.get("RANK", "0")) == 0:  # of several processes, the one with the record
        origin.compare(load_record(folder.record), reporter)
    return folder
