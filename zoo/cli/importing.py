"""`zoo import`: another program's points as a row of the board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.api import UsageError
from zoo.cli.completion import offer, plugins, words
from zoo.cli.options import (
    MOST_SKIPPED,
    Data,
    DatasetOptions,
    Json,
    NewRuns,
    Protocol,
    Split,
    Strict,
)
from zoo.cli.output import print_json, say, warn


def import_entry(
    name: Annotated[str, typer.Argument(help="Name of the row, such as dlib-68.")],
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTIONS.csv", help="The points: one row per frame, id,x0,y0,x1,y1,..."
        ),
    ],
    dataset: Annotated[
        str,
        typer.Option(
            help="Id of the data set whose frames these are.",
            autocompletion=offer(plugins("dataset")),
        ),
    ],
    data: Data = None,
    protocol: Protocol = None,
    split: Split = "val",
    region: Annotated[
        str,
        typer.Option(
            help="Compare with runs that see the whole frame, or a box about the face: frame or "
            "box.",
            autocompletion=offer(words("frame", "box")),
        ),
    ] = "frame",
    sets: DatasetOptions = None,
    pixel_corner: Annotated[
        bool,
        typer.Option(
            "--pixel-corner",
            help="Coordinates count from the corner of the top left pixel, not from its centre.",
        ),
    ] = False,
    version: Annotated[str, typer.Option(help="Version of the program or model.")] = "",
    reference: Annotated[str, typer.Option(help="Paper or address that describes it.")] = "",
    license: Annotated[str, typer.Option(help="Licence of the program and its model.")] = "",
    strict: Strict = False,
    most_skipped: Annotated[float, MOST_SKIPPED] = 0.1,
    out: NewRuns = Path("runs"),
    as_json: Json = False,
) -> None:
    """Score the points that another program found, on the frames that runs are scored on.

    The row is marked external. A frame that the file does not have is a missed face: it counts as a
    failure, and the errors are means over the faces that were found. `zoo data export` writes the
    frames and their ids; docs/evaluation.md has an example.
    """
    from zoo.cli.progress import reporter
    from zoo.config import CHOICES
    from zoo.config.recipes import dataset_options
    from zoo.evaluation.board.baseline import run_has_learned
    from zoo.evaluation.records import load_record
    from zoo.evaluation.records.schema import results_from
    from zoo.scoring.imported import ExternalProgram, import_points

    if split not in ("val", "test"):
        raise UsageError(f"--split {split}: expected val or test")
    if region not in CHOICES["region"]:
        raise UsageError(f"--region {region}: expected {' or '.join(CHOICES['region'])}")
    with reporter() as watcher:
        folders = list(
            import_points(
                ExternalProgram(name, version, reference, license),
                predictions,
                out,
                dataset=dataset,
                data=data or "",
                protocol=protocol or "",
                split=split,
                region=region,
                options=dataset_options(sets or ()),
                pixel_corner=pixel_corner,
                strict=strict,
                most_skipped=most_skipped,
                reporter=watcher,
            )
        )
    results = {str(f.path): load_record(f.record).raw["results"][split] for f in folders}
    if as_json:
        print_json(results)
    else:
        for path, result in results.items():
            print(f"{path}: {split} {_sentence(result)}")
    if any(run_has_learned(results_from(result)) is False for result in results.values()):
        warn(
            "no better than the baseline, the mean face: are these the points of this scheme, in "
            "its order, in pixels of the source picture?"
        )
    say(f"See it beside others: zoo leaderboard {out}")


def _sentence(result: dict[str, Any]) -> str:
    from zoo.evaluation.board.baseline import baseline_in_words
    from zoo.evaluation.records.schema import results_from

    key, coverage = results_from(result).headline, result["coverage"]
    interval = f"[{100 * result[f'{key}_low']:.2f}, {100 * result[f'{key}_high']:.2f}]"
    return (
        f"{key} {100 * result[key]:.2f}% {interval} on {round(coverage * result['n'])} of "
        f"{result['n']} faces ({100 * coverage:.1f}%), worse than 8% or missed "
        f"{100 * result['fr_08']:.1f}%, baseline {baseline_in_words(result['floor'], key)}"
    )
