"""`zoo export`: a run's best model as a file that predicts without the run and without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.api import UsageError
from zoo.cli.completion import offer, runs
from zoo.cli.options import Files, Json
from zoo.cli.output import print_json, say


def export(
    run: Annotated[
        Path,
        typer.Argument(
            help="Folder of a run, or name of a model that `zoo models` lists.",
            autocompletion=offer(runs),
        ),
    ],
    format: Annotated[str, typer.Option(help="Format of the file; onnx is the only one.")] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write. Default: model.onnx in the run's folder; for a model of "
            "`zoo models`, NAME.onnx here.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="ROOT",
            help="Folder of the run's data set: check the file on validation frames too.",
        ),
    ] = None,
    picture: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Check the file on this picture too. Repeat for more."),
    ] = None,
    files: Files = None,
    as_json: Json = False,
) -> None:
    """Write a run's best model as one ONNX file.

    The file takes uint8 RGB crops and gives points; preprocessing, the scheme of the points and all
    that a prediction needs are inside. Before it is written, its points are compared with those of
    PyTorch: where one is off by more than 0.05 px of the input, nothing is written and the exit
    status is 1. `zoo predict FILE.onnx photo.jpg` uses it, without PyTorch.
    """
    from zoo.cli.progress import reporter
    from zoo.export.export import FORMATS, export_onnx

    if format not in FORMATS:
        raise UsageError(f"--format {format}: expected {' or '.join(FORMATS)}")
    with reporter() as watcher:
        done = export_onnx(run, out, data=data, pictures=picture or [], reporter=watcher)
    if as_json:
        print_json(
            {
                "path": str(done.path),
                "bytes": done.size,
                "metadata": done.facts.to_metadata(),
                "checks": [check.to_dict() for check in done.checks],
            }
        )
        return
    for check in done.checks:
        say(f"same points as PyTorch: {check}")
    say(f"wrote {done.path}: {done.size / 1e6:.1f} MB")
    say(f"Try it: zoo predict {done.path} photo.jpg")
