"""What `zoo train` shows: a live bar on a terminal, one plain line an epoch elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zoo.cli.output import plain, say
from zoo.cli.streams import clean_streams, console
from zoo.reporter import Reporter, Step


def clock(seconds: float) -> str:
    """``3:07`` or ``1:02:45``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def epoch_line(row: Mapping[str, Any], epochs: int) -> str:
    """What an epoch gave and took. The train loss has the unit of whatever trains, a loss or a
    head's own; the SmoothL1 is the board's, the same for all."""
    return (
        f"epoch {row['epoch']}/{epochs}  train loss {row['train_loss']:.4f}  "
        f"val SmoothL1 {row['val_loss']:.4f}  val NME {100 * row['val_nme']:.2f}%  "
        f"{row['images_per_second']:.1f} img/s  took {clock(row['seconds'] + row['val_seconds'])}"
    )


class PlainReporter(Reporter):
    """Lines that read well in a log file."""

    def __init__(self) -> None:
        self.epochs = 0

    def store(self, split: str, done: int, total: int) -> None:
        if done == total:
            say(f"{split}: {total} frames decoded into the store")

    def step(self, step: Step) -> None:
        self.epochs = step.epochs

    def epoch(self, row: Mapping[str, Any]) -> None:
        print(epoch_line(row, self.epochs), flush=True)

    def note(self, message: str) -> None:
        say(plain(message))


@contextmanager
def reporter() -> Iterator[Reporter]:
    """The one that fits standard output."""
    if not sys.stdout.isatty():
        yield PlainReporter()
        return
    with _live() as live:
        yield live


@contextmanager
def _live() -> Iterator[Reporter]:
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"))
    with Progress(*columns, console=console(), transient=True) as bar, clean_streams():

        class Live(PlainReporter):
            def __init__(self) -> None:
                super().__init__()
                self.task = bar.add_task("", total=None, facts="", visible=False)

            def store(self, split: str, done: int, total: int) -> None:
                self.frames(split, done, total)

            def frames(self, split: str, done: int, total: int) -> None:
                bar.update(
                    self.task,
                    description=f"decoding {split}",
                    completed=done,
                    total=total,
                    facts=f"{done}/{total}",
                    visible=done < total,
                )

            def step(self, step: Step) -> None:
                super().step(step)
                validated = (
                    ""
                    if step.val_nme is None
                    else f"val NME {100 * step.val_nme:.2f}% after epoch {step.epoch - 1}  "
                )
                bar.update(
                    self.task,
                    description=f"epoch {step.epoch}/{step.epochs}",
                    completed=step.step,
                    total=step.steps,
                    facts=f"train loss {step.loss:.4f} so far  {validated}"
                    f"{step.images_per_second:.1f} img/s  "
                    f"all epochs done in {clock(step.seconds_left)}",
                    visible=True,
                )

            def epoch(self, row: Mapping[str, Any]) -> None:
                bar.console.print(Text(epoch_line(row, self.epochs)))

            def note(self, message: str) -> None:
                bar.console.print(Text(plain(message), style="yellow"))

        yield Live()


@contextmanager
def counting(doing: str, what: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal, a line every tenth elsewhere; both on standard error.

    ``doing`` stands before the bar, ``what`` is counted. Called as (done, total, name of one).
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from zoo.cli.streams import clean_streams
    from zoo.cli.streams import console as clean_console

    console = clean_console(stderr=True)
    columns = (doing, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
        clean_streams(),
    ):
        task = bar.add_task(doing, total=None)

        def show(done: int, total: int, path: str) -> None:
            if console.is_terminal:
                bar.update(task, completed=done, total=total)
            elif 10 * done // total > 10 * (done - 1) // total:
                say(f"{done} of {total} {what}")

        yield show
