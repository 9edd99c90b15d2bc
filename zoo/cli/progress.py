"""The progress of long work: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zoo.cli.output import plain, say
from zoo.cli.streams import clean_streams, console
from zoo.reporter import Reporter, Step

SECONDS_BETWEEN_LINES = 30.0
BAR = 20
"""Characters of a bar."""


def clock(seconds: float) -> str:
    """``3:07`` or ``1:02:45``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def epoch_line(row: Mapping[str, Any], epochs: int) -> str:
    """The results and the time of an epoch. The train loss is that of the run's loss, or the head's
    own; the SmoothL1 is the board's, which is the same for all runs."""
    return (
        f"epoch {row['epoch']}/{epochs}  train loss {row['train_loss']:.4f}  "
        f"val SmoothL1 {row['val_loss']:.4f}  val NME {100 * row['val_nme']:.2f}%  "
        f"{row['images_per_second']:.1f} img/s  took {clock(row['seconds'] + row['val_seconds'])}"
    )


def facts_of(step: Step, room: int) -> str:
    """The facts known within an epoch, most important first, in at most ``room`` characters."""
    facts = [f"train loss {step.loss:.4f}", f"all done in {clock(step.seconds_left)}"]
    if step.val_nme is not None:
        facts.append(f"val NME {100 * step.val_nme:.2f}% after epoch {step.epoch - 1}")
    facts.append(f"{step.images_per_second:.1f} img/s")
    shown = ""
    for fact in facts:
        if len(longer := f"{shown}  {fact}".strip()) > room:
            break
        shown = longer
    return shown


class PlainReporter(Reporter):
    """Lines for a log file: one for each epoch, and one for every half minute of other work."""

    def __init__(self) -> None:
        self.epochs = 0
        self._doing = ""
        self._last_line = 0.0

    def progress(self, doing: str, done: int, total: int) -> None:
        now = time.monotonic()
        if doing != self._doing:
            self._doing, self._last_line = doing, now
        elif now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            say(plain(f"{doing}: {done}{f' of {total}' if total else ''}"))

    def decoded(self, split: str, frames: int) -> None:
        say(plain(f"{split}: {frames} frames decoded into the store"))

    def step(self, step: Step) -> None:
        self.epochs = step.epochs

    def epoch(self, row: Mapping[str, Any]) -> None:
        print(epoch_line(row, self.epochs), flush=True)

    def note(self, message: str) -> None:
        say(plain(message))


@contextmanager
def reporter() -> Iterator[Reporter]:
    """A live bar where standard error is a terminal, else plain lines."""
    if not sys.stderr.isatty():
        yield PlainReporter()
        return
    with _live() as live:
        yield live


@contextmanager
def _live() -> Iterator[Reporter]:
    """A bar on standard error; what is printed meanwhile stands above it."""
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(BAR),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    with (
        Progress(
            *columns,
            console=console(stderr=True),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # a file gets what is printed, not the bar's
        ) as bar,
        clean_streams(),
    ):

        class Live(PlainReporter):
            def __init__(self) -> None:
                super().__init__()
                self.task = bar.add_task("", total=None, facts="", visible=False)

            def progress(self, doing: str, done: int, total: int) -> None:
                if doing != self._doing:
                    self._doing = doing
                    bar.reset(self.task, description=plain(doing), total=total or None, facts="")
                bar.update(self.task, completed=done, visible=not total or done < total)
                speed = bar.tasks[0].speed
                pace = f"  {speed:.1f} per second" if speed else ""
                bar.update(self.task, facts=f"{done}{f'/{total}' if total else ''}{pace}")

            def step(self, step: Step) -> None:
                super().step(step)
                self._doing = ""
                epoch = f"epoch {step.epoch}/{step.epochs}"
                bar.update(
                    self.task,
                    description=epoch,
                    completed=step.step,
                    total=step.steps,
                    facts=facts_of(step, bar.console.width - len(epoch) - BAR - 2),
                    visible=True,
                )

        yield Live()
