"""`zoo evaluate`: score a run on a split of the protocol that it was trained under."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.api import UsageError
from zoo.cli.output import facts, print_json


def evaluate(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of finished runs.")],
    split: Annotated[str, typer.Option(help="val or test.")] = "val",
    data: Annotated[
        Path | None, typer.Option(help="Root of the data set, if it is elsewhere now.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Must be the run's own; another is refused.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or mps.")] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="A row or frame that would be skipped is an error.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Results as JSON.")] = False,
) -> None:
    """Score the best weights of runs; their records and the leaderboard keep the results.

    Of a protocol with folds, name the runs of all folds: their test splits are one row.
    """
    from zoo.cli.progress import reporter
    from zoo.engine import run as engine
    from zoo.engine.folder import RunFolder
    from zoo.evaluation.protocols import SPLITS, find_protocol

    if split not in SPLITS or split == "train":
        raise UsageError(f"--split {split}: expected val or test")
    for run in runs:
        own = RunFolder(run).read_config().protocol
        if protocol is not None and find_protocol(protocol).id != own:
            raise UsageError(
                f"--protocol {protocol}: {run} was trained under {own}; under another protocol its "
                "training frames could be scored. Train it anew with --protocol"
            )
    scored: dict[str, dict[str, Any]] = {}
    for run in runs:
        with reporter() as watcher:
            results = engine.evaluate(run, split, data, device, strict, watcher)
        scored[str(run)] = results
        if not json:
            _print(run, split, results)
    if json:
        print_json(results if len(runs) == 1 else scored)


def _print(run: Path, split: str, results: dict[str, Any]) -> None:
    from zoo.evaluation.metrics import METRICS

    shown = {m.title: m for m in METRICS.values() if results.get(m.key) is not None}
    facts(
        {
            "run": run,
            "split": f"{split}, {results['n']} frames",
            **{
                title: f"{100 * results[m.key]:.2f}%" if m.percent else f"{results[m.key]:.4f}"
                for title, m in shown.items()
            },
        }
    )
