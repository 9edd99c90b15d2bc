"""`zoo card`: a model card in Markdown, with what is measured for it."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo.cli import output
from zoo.cli.options import Data, Device, Files, Json, Run, Split


def card(
    run: Run,
    split: Split = "val",
    data: Data = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar="ID[=ROOT]",
            help="Another data set on which to measure the model. Repeat for more.",
        ),
    ] = None,
    device: Device = "",
    files: Files = None,
    as_json: Json = False,
) -> None:
    """Write RUN/card.md: what a model was trained on, its terms, results and limits.

    The command measures the error on faces that are turned, small, dark or blurred; on faces shown
    by boxes about their labelled points; and by such boxes that are off by a tenth of their side:
    shifted in eight directions, smaller and larger. With --on it also measures the error on every
    frame of other data sets with the same points. `zoo push` puts these figures into the card that
    it publishes.
    """
    from zoo.cli.progress import reporter
    from zoo.evaluation.scores.protocols import require_scored
    from zoo.export.card import plain_card
    from zoo.export.measured import measure_for_card
    from zoo.files import write_whole
    from zoo.runs.folder import RunFolder

    require_scored(split)
    datasets = [(name, root) for name, _, root in (text.partition("=") for text in on or ())]
    with reporter() as watcher:
        measured = measure_for_card(run, split, data, datasets, device, watcher)
    text = plain_card(RunFolder(run).read_record(), str(run), measured=measured)
    write_whole(run / "card.md", text.encode())
    if as_json:
        output.print_json(measured)
    else:
        print(f"wrote {run / 'card.md'}")
