"""`zoo bench`: the cost of the networks of runs, timed in turns on one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.options import PRECISION, Device, Files, Json, Runs
from zoo.cli.output import print_json, say, table, warn

if TYPE_CHECKING:
    from zoo.scoring.bench import BenchResult


def bench(
    runs: Runs,
    device: Device = "",
    batch_size: Annotated[int, typer.Option(help="Number of images in a full batch.")] = 32,
    threads: Annotated[
        int, typer.Option(help="Number of CPU threads. 0 leaves the choice to torch.")
    ] = 0,
    precision: Annotated[str, PRECISION] = "fp32",
    rounds: Annotated[int, typer.Option(help="Number of turns that every network gets.")] = 10,
    files: Files = None,
    as_json: Json = False,
) -> None:
    """Time networks at batch 1 and at a full batch; their records and the board keep the figures.

    Networks take turns, so that a slow moment of the machine hits all alike. Figures are medians,
    with quartiles in brackets. Only the network is timed, without decoding pictures and finding
    faces. Runs of one configuration are one network.
    """
    from zoo.cli.progress import reporter
    from zoo.scoring.bench import bench as measure

    with reporter() as watcher:
        costs, refused = measure(
            runs,
            device=device,
            batch_size=batch_size,
            threads=threads,
            precision=precision,
            rounds=rounds,
            reporter=watcher,
        )
    if not costs and len(refused) == 1:
        raise refused[0]
    if as_json:
        print_json([cost.to_dict() for cost in costs])
    elif costs:
        _print(costs)
    for error in refused:
        warn(f"not timed: {error}")
    if refused:
        raise typer.Exit(max(error.exit_status for error in refused))
    say(f"See accuracy against cost: zoo leaderboard {runs[0].parent}")


def _print(costs: list[BenchResult]) -> None:
    first = costs[0].bench
    rows = [
        (
            cost.runs[0].name
            if len(cost.runs) == 1
            else f"{cost.runs[0].name} +{len(cost.runs) - 1}",
            f"{cost.parameters:,}",
            "-" if cost.gmacs is None else f"{cost.gmacs:.3g}",
            cost.bench["input_size"],
            _with_quartiles(cost.bench, "latency_ms"),
            _with_quartiles(cost.bench, "images_per_second"),
        )
        for cost in costs
    ]
    columns = ("run", "parameters", "GMACs", "px", "ms, batch 1", f"img/s, batch {first['batch']}")
    threads = "thread" if first["threads"] == 1 else "threads"
    title = f"{first['device']}, {first['threads']} {threads}, {first['precision']}"
    table(title, columns, rows, right=columns[1:])


def _with_quartiles(bench: dict[str, Any], key: str) -> str:
    low, high = bench[f"{key}_spread"]
    return f"{bench[key]:g} [{low:g}, {high:g}]"
