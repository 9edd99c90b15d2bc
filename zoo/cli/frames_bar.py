"""How far `zoo predict` is: a live bar on a terminal, lines elsewhere. All on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from zoo.cli.output import plain, say
from zoo.cli.streams import clean_streams, console
from zoo.media.job import Watcher


class Lines(Watcher):
    """What is worth reading, in a log file too."""

    def note(self, message: str) -> None:
        say(plain(message))


@contextmanager
def watcher() -> Iterator[Watcher]:
    """The one that fits standard error."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    with _live() as live:
        yield live


@contextmanager
def _live() -> Iterator[Watcher]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
        TimeRemainingColumn(),
    )
    with (
        Progress(*columns, console=console(stderr=True), transient=True) as bar,
        clean_streams(),
    ):

        class Live(Watcher):
            def __init__(self) -> None:
                self.task = bar.add_task("", total=None, facts="", visible=False)

            def begin(self, name: str, total: int) -> None:
                bar.reset(self.task, description=plain(name), total=total or None, facts="")
                bar.update(self.task, visible=True)

            def advance(self, frames: int) -> None:
                bar.advance(self.task, frames)
                task = bar.tasks[0]
                speed = f"{task.speed:.1f} frames/s" if task.speed else ""
                total = f"/{task.total:g}" if task.total else ""
                bar.update(self.task, facts=f"{task.completed:g}{total}  {speed}")

            def note(self, message: str) -> None:
                bar.console.print(Text(plain(message)))

        yield Live()
