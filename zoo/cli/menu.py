"""The verbs: where each is defined, `zoo --help` with examples, and how a verb that fails ends."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperGroup

from zoo.api import UsageError, ZooError
from zoo.cli.output import say
from zoo.cli.streams import clean_streams

VERBS: dict[str, tuple[str, str]] = {
    "list": ("listing:list_plugins", "Show the plugins that are installed."),
    "info": ("info:info", "Describe one plugin."),
    "train": ("train:train", "Train a model and score its best epoch."),
    "sweep": ("sweep:sweep", "Train many models from one file."),
    "evaluate": ("evaluate:evaluate", "Score a run on a split."),
    "leaderboard": ("leaderboard:leaderboard", "Rank the runs of a folder."),
    "compare": ("compare:compare", "Say whether one run is better than another."),
    "bench": ("bench:bench", "Time the networks of runs."),
    "import": ("importing:import_entry", "Add another program's points to the board."),
    "predict": ("predict:predict", "Mark the faces of pictures."),
    "models": ("models:models", "List the models that are ready to use."),
    "fetch": ("models:fetch", "Download a model of the catalogue."),
    "export": ("export:export", "Write a run's model as one ONNX file."),
    "card": ("card:card", "Write the card of a run."),
    "push": ("push:push", "Publish a run on a hub."),
    "new": ("new:new", "Write a package with a plugin, to start from."),
    "check": ("check:check", "Check that a plugin keeps its contract."),
    "doctor": ("doctor:doctor", "Say what is installed, and what is broken."),
    "data": ("data:data_app", "Look at a data set, or fetch it."),
}
"""Verbs by name: ``module:function`` below ``zoo.cli``, and a line for `zoo --help`. The line is
short, since `zoo --help` cuts longer ones off at the terminal's edge."""

PANELS: dict[str, tuple[str, ...]] = {
    "Start here": ("predict", "doctor", "list", "info"),
    "Train": ("train", "sweep", "evaluate"),
    "Compare": ("leaderboard", "compare", "bench", "import"),
    "Use": ("models", "fetch", "export", "card", "push"),
    "Plugins": ("new", "check"),
    "Data": ("data",),
}
"""The verbs by panel, in the order in which a new user meets them."""

EXAMPLES = (
    ("zoo predict photo.jpg", "points on faces"),
    ("zoo doctor", "is all here?"),
    ("zoo train timm:lcnet_050 --dataset synthetic --recipe quick", "drawn faces"),
    ("zoo leaderboard", "the ranking"),
    ("zoo data fetch youtube_faces", "real faces"),
    ("zoo train timm:mobilenetv4_conv_small --recipe quick", "a useful model"),
    ("zoo list vgg", "what there is"),
    ("zoo info quick", "a recipe, explained"),
    ("zoo COMMAND --help", "all about one"),
)


EMPTY = "zoo.empty"
"""Key of ``Context.meta`` that holds a description of the empty argument."""


@cache
def _load(name: str) -> Any:
    """The command of this name; its module is imported now."""
    place, help = VERBS[name]
    module, _, attribute = place.partition(":")
    verb = getattr(import_module(f"zoo.cli.{module}"), attribute)
    if isinstance(verb, typer.Typer):
        return typer.main.get_command(verb)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name, short_help=help)(verb)
    return typer.main.get_command(single)


class LazyCommands(Mapping[str, Any]):
    """All verbs by name; one is loaded when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        return _load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class Verbs(TyperGroup):
    """The commands. What one of them raises becomes a message and an exit status."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = LazyCommands()

    def main(self, *args: Any, **options: Any) -> Any:
        with clean_streams():  # for callers of the app; `zoo.cli.main` does it too
            return super().main(*args, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[EMPTY] = _empty(args)
        return list(super().parse_args(ctx, args))

    def invoke(self, ctx: Any) -> Any:
        try:
            if empty := ctx.meta[EMPTY]:
                raise UsageError(
                    f"{empty} is empty, perhaps since a variable of the shell is not set; give it "
                    "a value or leave it out"
                )
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _stopped() from None
        except Exception as error:
            if not isinstance(error, ZooError):
                if _was_interrupted(error):
                    raise _stopped() from None
                raise
            if ctx.params.get("debug"):
                traceback.print_exc()
            if _should_print(error):
                say(f"zoo: {error}")
            raise typer.Exit(error.exit_status) from error

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        listed = {name for names in PANELS.values() for name in names}
        others = tuple(name for name in self.list_commands(ctx) if name not in listed)
        width = max(map(len, self.list_commands(ctx)))
        for panel, names in {**PANELS, "More": others}.items():
            rows = [
                (name.ljust(width), command.get_short_help_str(formatter.width - width - 6))
                for name in names
                if (command := self.get_command(ctx, name)) is not None and not command.hidden
            ]
            if rows:
                with formatter.section(panel):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        width = max(len(command) for command, _ in EXAMPLES)
        with formatter.section("Examples"):
            for command, why in EXAMPLES:
                line = f"{'':{formatter.current_indent}}{command:<{width}}  {why}"
                fits = len(line) <= formatter.width
                formatter.write(f"{line if fits else line[: -len(why)].rstrip()}\n")


def _empty(arguments: list[str]) -> str:
    """A description of the first empty argument; empty if there is none. As a path, an empty
    argument would mean the working directory."""
    for before, argument in pairwise(["zoo", *arguments]):
        if not argument:
            return f"the argument after {before}"
        if argument.startswith("--") and argument.endswith("="):
            return argument.removesuffix("=")
    return ""


def _should_print(error: ZooError) -> bool:
    """Whether this process prints the error. Under torchrun all processes usually fail together:
    the first one prints, and torchrun ends the others while they wait here. A process that fails
    alone prints after the wait."""
    first = os.environ.get("LOCAL_RANK", "0") == "0"
    interrupted = error.exit_status == 130  # then torchrun waits for all of them
    if not first and not interrupted:
        time.sleep(20)
    return first or not interrupted


def _stopped() -> typer.Exit:
    say("\nStopped.")
    return typer.Exit(130)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C caused an error. If it comes while a lock is taken or released, the lock may
    raise a RuntimeError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
