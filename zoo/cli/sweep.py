"""`zoo sweep`: many trainings from one file, and their board."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from zoo.cli.completion import offer, words
from zoo.cli.options import Files, NewRuns, Strict
from zoo.cli.output import say

PLACES = ("local", "slurm", "ray")


def sweep(
    file: Annotated[Path, typer.Argument(help="TOML file with the tables base, grid or trial.")],
    jobs: Annotated[
        int, typer.Option(min=0, help="Trainings at a time. 0: one for each GPU, or one.")
    ] = 0,
    on: Annotated[
        str,
        typer.Option(
            help="Where they run: local, slurm or ray.", autocompletion=offer(words(*PLACES))
        ),
    ] = "local",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the commands, and run none.")
    ] = False,
    strict: Strict = False,
    files: Files = None,
    out: NewRuns = Path("runs"),
) -> None:
    """Train every combination of a file's lists, then show the board.

    [grid] lists values by key: backbone, recipe, seed and all keys of a recipe; each is tried with
    each. [[trial]] lists single trials, [base] says what is the same in all. Given again, the
    command skips what has finished and goes on with the rest. The exit status is 1 if a training
    fails; the others go on.
    """
    from zoo.api import UsageError
    from zoo.training import sweep as sweeping

    if on not in PLACES:
        raise UsageError(f"--on {on}: expected local, slurm or ray")
    plan = sweeping.read_sweep(file, out, strict)
    left = [trial for trial in plan.trials if not trial.finished]
    begun = sum(trial.folder is not None for trial in left)
    finished = len(plan.trials) - len(left)
    say(f"{len(plan.trials)} trials: {finished} finished, {begun} begun, {len(left) - begun} new")
    if dry_run:
        for trial in left:
            print(shlex.join(["zoo", *trial.command(out)]))
        return
    if on == "slurm":
        outcomes = sweeping.submit_all(left, out, plan.slurm)
    elif on == "ray":
        outcomes = sweeping.spread_all(left, out, plan.ray)
    else:
        import torch

        gpus = torch.cuda.device_count()
        outcomes = sweeping.run_all(left, out, jobs or max(1, gpus), gpus)
    failed = []
    for done, outcome in enumerate(outcomes, start=1):
        say(f"[{done}/{len(left)}] {outcome.trial.name}: {outcome.failure or 'finished'}")
        if outcome.failure:
            failed.append(outcome.trial.name)
    status = 0
    if len(failed) < len(plan.trials):
        status = subprocess.run([*sweeping.ZOO, "leaderboard", str(out)]).returncode
    if failed:
        say(f"{len(failed)} failed: {', '.join(failed)}; the same command tries them again")
        raise typer.Exit(1)
    if status:
        raise typer.Exit(status)
