"""`--log-with tensorboard`: a run's figures as TensorBoard's event files, below its run folder.

The x axis is the number of steps done, for what is told a step and an epoch alike. A run that goes
on writes a further file; that file first takes back what a killed process told beyond the state
that was saved, so no step stands there twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import UsageError
from ..config import Config, dumps
from ..reporter import Beside, Reporter, RunStarted, Step

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
"""Folder of the event files, below a run folder."""

EPOCH_TAGS = {
    "train_loss": "loss/train_epoch",
    "val_loss": "loss/val",
    "val_nme": "nme/val",
    "lr": "rate/lr",
    "epoch": "rate/epoch",
    "images_per_second": "speed/images_per_second",
}
"""Columns of history.csv, and what TensorBoard calls them."""


@contextmanager
def tracked(reporter: Reporter, log_with: str | None) -> Iterator[Reporter]:
    """The reporter, and beside it whoever else is to be told; it is closed at the end.

    Raises :class:`UsageError` for another tracker than "tensorboard", or where that is not
    installed.
    """
    if log_with is None:
        yield reporter
        return
    if log_with != "tensorboard":
        raise UsageError(f"--log-with {log_with}: no such tracker; there is tensorboard")
    both = Beside(reporter, TensorBoard(), "TensorBoard")
    try:
        yield both
    finally:
        both.track("close")


def was_tracked(run: Path, reporter: Reporter) -> str | None:
    """What a run that goes on was tracked with; None where it was not, or, which the reporter is
    told, where that is not installed any more."""
    if not (run / FOLDER).is_dir():
        return None
    try:
        _find_tensorboard()
    except UsageError as error:
        reporter.note(f"{run / FOLDER} is not continued: {error}")
        return None
    return "tensorboard"


class TensorBoard(Reporter):
    """Writes every step that is told, every epoch, and the configuration once."""

    def __init__(self) -> None:
        self._writer: SummaryWriter | None = None
        _find_tensorboard()

    def begin(self, started: RunStarted) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.close()  # of the fold before this one
        folder = started.folder / FOLDER
        new = not any(folder.glob("events.*"))
        last = started.history[-1] if started.history else {"step": 0}
        after_an_epoch = last["step"] == started.step
        # Whatever the files that are there tell from this step on is taken back. An epoch's end is
        # told after its state is saved, which a process may not have lived to do: told again below.
        purge_step = started.step if after_an_epoch else started.step + 1
        self._writer = SummaryWriter(str(folder), purge_step=purge_step)
        if new:
            self._writer.add_text("config", _as_code(dumps(started.config)), started.step)
            self._tell_parameters(started.config)
            self._writer.flush()
        if started.history and after_an_epoch:
            self._add("loss/train", last["train_loss"], started.step)
            self.epoch(last)

    def step(self, step: Step) -> None:
        self._add("loss/train", step.loss, (step.epoch - 1) * step.steps + step.step)

    def epoch(self, row: Mapping[str, Any]) -> None:
        for column, tag in EPOCH_TAGS.items():
            self._add(tag, row[column], row["step"])
        if self._writer is not None:
            self._writer.flush()  # as history.csv: what is told is on disk

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _add(self, tag: str, value: float, step: int) -> None:
        if self._writer is not None:
            self._writer.add_scalar(tag, value, step)

    def _tell_parameters(self, config: Config) -> None:
        """Write the configuration for the tab HPARAMS, where runs are compared. Its own helper
        would make a run of them."""
        from torch.utils.tensorboard.summary import hparams

        plain = {key: value for key, value in _flat(config.to_share()) if value != ""}
        told = hparams(plain, {"nme/val": 0.0, "loss/val": 0.0})  # type: ignore[no-untyped-call]
        assert self._writer is not None
        for summary in told[:2]:  # without the end, which is still to come
            self._writer._get_file_writer().add_summary(summary)  # type: ignore[no-untyped-call]


def _find_tensorboard() -> None:
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        reason = "" if (error.name or "").startswith("tensorboard") else f" ({error})"
        raise UsageError(
            f"--log-with tensorboard: TensorBoard is not installed{reason}; "
            "pip install 'landmark-zoo[track]'"
        ) from error


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers, truths and strings, with dots in their names; lists as text."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            known = isinstance(value, bool | int | float | str)
            yield f"{before}{key}", value if known else str(value)


def _as_code(text: str) -> str:
    """Markdown that shows the text as it stands."""
    return "".join(f"    {line}\n" for line in text.splitlines())
