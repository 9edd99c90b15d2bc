"""`zoo card`: a model card in Markdown, with what is measured for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import output


def card(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    split: Annotated[str, typer.Option(help="val or test.")] = "val",
    data: Annotated[
        Path | None, typer.Option(help="Root of the data set, if it is elsewhere now.")
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", metavar="ID[=ROOT]", help="Another data set to try it on; repeat."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or mps.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="What was measured, as JSON.")] = False,
) -> None:
    """Write RUN/card.md: what a model was trained on, its terms, its results, what it forgives.

    Measured for it: the error when faces are shown by boxes about their labelled points, and when
    these boxes are off by a tenth of their side, shifted in eight directions, smaller and larger;
    and, with --on, the error on every frame of other data sets with the same points. `zoo push`
    puts these figures into the card that it publishes.
    """
    from zoo.cli.progress import reporter
    from zoo.evaluation.scores.protocols import require_scored
    from zoo.export.card import plain_card
    from zoo.export.measured import measure_for_card
    from zoo.files import write_whole
    from zoo.runs.folder import RunFolder

    require_scored(split)
    elsewhere = [(name, root) for name, _, root in (text.partition("=") for text in on or ())]
    with reporter() as shown:
        found = measure_for_card(run, split, data, elsewhere, device, shown)
    text = plain_card(RunFolder(run).read_record(), str(run), measured=found)
    write_whole(run / "card.md", text.encode())
    if as_json:
        output.print_json(found)
    else:
        print(f"wrote {run / 'card.md'}")
