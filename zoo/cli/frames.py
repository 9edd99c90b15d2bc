"""`zoo data export`: a split's frames for a program that is not the zoo's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from zoo.api import UsageError
from zoo.cli.output import say


def export(
    dataset_id: Annotated[
        str, typer.Argument(metavar="ID", help="A data set: `zoo list --kind dataset`.")
    ],
    out: Annotated[Path, typer.Option(help="A new folder, for frames.csv and images/.")],
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "val",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="ROOT", help="Its folder; by default where `fetch` puts it."
        ),
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="How frames are split. Default: the data set's own.")
    ] = "",
    fold: Annotated[int, typer.Option(help="Of a protocol with folds.")] = 0,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Such as dataset.frames_per_video=5."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="A row or frame that would be skipped is an error.")
    ] = False,
    most_skipped: Annotated[
        float,
        typer.Option(help="Share of the frames that may be skipped as unusable. Default: 0.1."),
    ] = 0.1,
) -> None:
    """Write the frames of a split as PNG files, with a list of their ids.

    Run any program on them, write its points with the same ids, and give them to `zoo import`.
    The pictures and ids may show and name people: they are for this machine.
    """
    from zoo.cli.progress import reporter
    from zoo.config.recipes import dataset_options
    from zoo.data.source import read_material
    from zoo.evaluation.scores.protocols import SPLITS
    from zoo.scoring.frames import LIST, write_frames

    if split not in (*SPLITS, "all"):
        raise UsageError(f"--split {split}: expected train, val, test or all")
    with reporter() as watcher:
        material = read_material(
            dataset_id,
            data=data or "",
            protocol=protocol,
            fold=fold,
            options=dataset_options(sets or ()),
            strict=strict,
            most_skipped=most_skipped,
            reporter=watcher,
        )
        count, problems = write_frames(material, split, Path(os.path.expanduser(out)), watcher)
    which = "all frames" if split == "all" else f"{split} of protocol {material.protocol.label}"
    print(f"{count} frames ({which}) in {out / LIST}")
    if problems:
        say(f"{len(problems)} frames left out, the first: {problems[0]}")
    say(f"Give their points to: zoo import NAME points.csv --dataset {dataset_id}")
