"""`zoo train`: a new run from a recipe and flags, or one that goes on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from zoo.api import UsageError
from zoo.cli.completion import (
    keys,
    offer,
    plugins,
    recipes,
    runs,
    runs_and_files,
)
from zoo.cli.options import MOST_SKIPPED, PRECISION, Data, Device, Files, NewRuns, Protocol, Strict
from zoo.cli.output import say


def train(
    context: typer.Context,
    backbone: Annotated[
        str,
        typer.Argument(
            help="Id of a backbone, such as custom_cnn or timm:resnet18.",
            autocompletion=offer(plugins("backbone")),
        ),
    ] = "",
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Id of a data set. Default: youtube_faces.",
            autocompletion=offer(plugins("dataset")),
        ),
    ] = None,
    data: Data = None,
    protocol: Protocol = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Recipe: quick, finetune, strong, custom_cnn, seed, or a TOML file. "
            "Default: seed.",
            autocompletion=offer(recipes),
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set any key of the recipe. Repeat for more.",
            autocompletion=offer(keys),
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Number of passes over the training frames.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Number of images per step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    head: Annotated[
        str | None, typer.Option(help="Id of a head.", autocompletion=offer(plugins("head")))
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="Id of a loss.", autocompletion=offer(plugins("loss")))
    ] = None,
    pretrained: Annotated[
        bool | None,
        typer.Option("--pretrained", help="Start from the backbone's own pretrained weights."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Start from these weights: a file, a run's folder (its best weights), or a name "
            "that `zoo models` lists.",
            autocompletion=offer(runs_and_files),
        ),
    ] = None,
    freeze: Annotated[bool | None, typer.Option("--freeze", help="Train only the head.")] = None,
    unfreeze_after: Annotated[
        int | None,
        typer.Option(help="Train only the head for this many epochs, then the whole model."),
    ] = None,
    pseudo: Annotated[
        Path | None,
        typer.Option(
            help="Label the unlabelled training frames by the model of this run.",
            autocompletion=offer(runs),
        ),
    ] = None,
    device: Device = "",
    precision: Annotated[str | None, PRECISION] = None,
    compile: Annotated[
        bool | None,
        typer.Option("--compile", help="Compile the network first (torch.compile)."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    strict: Strict = False,
    files: Files = None,
    most_skipped: Annotated[float | None, MOST_SKIPPED] = None,
    log_with: Annotated[
        list[str] | None,
        typer.Option(
            "--log-with",
            "--tracker",
            metavar="ID",
            help="Id of a tracker that is told of the run, such as tensorboard. Repeat for more.",
            autocompletion=offer(plugins("tracker")),
        ),
    ] = None,
    out: NewRuns = Path("runs"),
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Continue this run; of the other options, it takes --epochs, --strict and "
            "--log-with.",
            autocompletion=offer(runs),
        ),
    ] = None,
    from_record: Annotated[
        Path | None,
        typer.Option(help="Train again what this record.json describes."),
    ] = None,
) -> None:
    """Train a backbone on a data set, choose the best epoch on the validation split, score it.

    Under a protocol with folds all of them are trained, one run after another; --set fold=K trains
    one.
    """
    from zoo.config.recipes import resolve
    from zoo.registry import bare_id, registry

    flags = {
        "dataset": dataset,
        "data": None if data is None else str(data),
        "protocol": protocol,
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "head": head,
        "loss": loss,
        "pretrained": pretrained,
        "weights": None if weights is None else str(weights),
        "freeze": freeze,
        "unfreeze_after": unfreeze_after,
        "pseudo": None if pseudo is None else str(pseudo),
        "device": device or None,
        "precision": precision,
        "compile": compile,
        "seed": seed,
        "most_skipped": most_skipped,
    }
    if resume is not None:
        _refuse_others(context, "resume", ("epochs", "strict", "log_with", "files"))
    elif from_record is not None:
        allowed = ["data", "weights", "pseudo", "device", "seed", "strict", "most_skipped"]
        allowed += ["out", "log_with", "files"]
        _refuse_others(context, "from_record", allowed)
    elif not backbone and not recipe:
        raise UsageError(
            "name a backbone, such as `zoo train custom_cnn --dataset synthetic`; "
            "`zoo list --kind backbone` shows what there is"
        )
    else:
        # a wrong name is reported at once, before torch is imported
        config = resolve(backbone, recipe or "seed", sets or (), flags)
        for kind in ("dataset", "head", "loss"):
            registry(kind).locate(getattr(config, kind))
        registry("backbone").resolve(config.backbone)

    from zoo.cli.progress import reporter
    from zoo.training import run
    from zoo.training.folds import train_folds
    from zoo.training.rerun import rerun
    from zoo.training.trackers import tracked, was_tracked

    with ExitStack() as stack:
        watcher = stack.enter_context(reporter())
        if resume is not None and not log_with:
            log_with = was_tracked(resume, watcher)
        watcher = stack.enter_context(tracked(watcher, log_with))
        if resume is not None:
            folders = [run.resume(resume, epochs, strict, watcher)]
        elif from_record is not None:
            folder = rerun(
                from_record,
                out,
                data=data,
                weights=weights,
                pseudo=pseudo,
                device=device or None,
                seed=seed,
                strict=strict,
                most_skipped=most_skipped,
                reporter=watcher,
            )
            folders = [folder]
        else:
            folders = list(train_folds(config, out, strict, watcher))
    if int(os.environ.get("RANK", "0")) == 0:
        for folder in folders:
            _print_result(folder.path)
        _advise([folder.path for folder in folders])
        if "tensorboard" in map(bare_id, log_with or ()):
            say(f"See its curves: tensorboard --logdir {folders[0].path.parent}")


def _refuse_others(context: typer.Context, name: str, allowed: Sequence[str]) -> None:
    """Raise UsageError for a flag that would be ignored, since the stored configuration wins.
    ``name``: the flag that says where it is stored; ``allowed``: flags that may be used with it."""
    ignored = [
        each
        for each in context.params
        if each not in (name, *allowed)
        and (source := context.get_parameter_source(each)) is not None
        and source.name not in ("DEFAULT", "DEFAULT_MAP")
    ]
    if ignored:
        names = ", ".join(
            "the backbone" if each == "backbone" else _flag(each).replace("sets", "set")
            for each in ignored
        )
        what = {
            "resume": "goes on with the run's own configuration",
            "from_record": "trains the record's own configuration",
        }
        raise UsageError(f"{_flag(name)} {what[name]}; leave out {names}")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _print_result(path: Path) -> None:
    """Print how good the run is and, if it is no better than the baseline, what to try."""
    from zoo.evaluation.board.baseline import baseline_in_words
    from zoo.evaluation.records import load_record
    from zoo.runs.unlearned import unlearned

    record = load_record(path / "record.json")
    val = record.raw["results"]["val"]
    key = record.results["val"].headline
    print(
        f"{path}: val {key} {100 * val[key]:.2f}% "
        f"[{100 * val[f'{key}_low']:.2f}, {100 * val[f'{key}_high']:.2f}] on {val['n']} frames, "
        f"baseline {baseline_in_words(val['floor'], key)}, best epoch {record.best_epoch}"
    )
    for line in unlearned(path):
        say(line)


def _advise(runs: Sequence[Path]) -> None:
    """Print the next commands. Folds are scored on test splits: val splits chose their epochs."""
    if len(runs) > 1:
        say(f"Score all folds: zoo evaluate --split test {' '.join(map(str, runs))}")
        say(f"See their row: zoo leaderboard --split test {runs[0].parent}")
    else:
        say(f"See it beside others: zoo leaderboard {runs[0].parent}")
