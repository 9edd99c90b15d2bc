"""`zoo data export`: a split's frames for a program that is not the zoo's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from zoo.api import UsageError
from zoo.cli.completion import offer, words
from zoo.cli.options import MOST_SKIPPED, Data, DatasetId, DatasetOptions, Protocol, Strict
from zoo.cli.output import say


def export(
    dataset_id: DatasetId,
    out: Annotated[Path, typer.Option(help="New folder, which gets frames.csv and images/.")],
    split: Annotated[
        str,
        typer.Option(
            help="Split to write: train, val, test or all.",
            autocompletion=offer(words("train", "val", "test", "all")),
        ),
    ] = "val",
    data: Data = None,
    protocol: Protocol = None,
    fold: Annotated[int, typer.Option(help="Fold to use, where the protocol has folds.")] = 0,
    sets: DatasetOptions = None,
    strict: Strict = False,
    most_skipped: Annotated[float, MOST_SKIPPED] = 0.1,
) -> None:
    """Write the frames of a split as PNG files, with a list of their ids.

    Run any program on them, write its points with the same ids, and give them to `zoo import`.
    The pictures and ids may show and name people: they are for this machine.
    """
    from zoo.cli.progress import reporter
    from zoo.config.recipes import dataset_options
    from zoo.data.source import read_source
    from zoo.evaluation.scores.protocols import SPLITS
    from zoo.scoring.frames import LIST, write_frames

    if split not in (*SPLITS, "all"):
        raise UsageError(f"--split {split}: expected train, val, test or all")
    with reporter() as watcher:
        source = read_source(
            dataset_id,
            data=data or "",
            protocol=protocol or "",
            fold=fold,
            options=dataset_options(sets or ()),
            strict=strict,
            most_skipped=most_skipped,
            reporter=watcher,
        )
        count, problems = write_frames(source, split, Path(os.path.expanduser(out)), watcher)
    which = "all frames" if split == "all" else f"{split} of protocol {source.protocol.label}"
    print(f"{count} frames ({which}) in {out / LIST}")
    if problems:
        say(f"{len(problems)} frames left out, the first: {problems[0]}")
    say(f"Give their points to: zoo import NAME points.csv --dataset {dataset_id}")
