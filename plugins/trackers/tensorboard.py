"""Writes a run's metrics as TensorBoard's event files, into a folder of the run.

The x axis is the number of steps done, for values of a step and of an epoch. A resumed run writes a
further file. That file first purges the values that a killed process wrote after the last saved
state, so no step appears twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zoo.api import TrackedRun, Tracker, UsageError

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
"""Columns of history.csv, and their tags in TensorBoard."""


class EventFiles:
    """Writes every step and every epoch that the run reports, and the configuration once."""

    def begin(self, run: TrackedRun) -> None:
        import tomli_w
        from torch.utils.tensorboard import SummaryWriter

        folder = run.folder / FOLDER
        new = not any(folder.glob("events.*"))
        last = run.history[-1] if run.history else {"step": 0}
        after_an_epoch = last["step"] == run.step
        # Values of earlier files from this step on are purged. An epoch is reported after its state
        # is saved, and the process may have ended in between: it is written again below.
        purge_step = run.step if after_an_epoch else run.step + 1
        self._writer: SummaryWriter = SummaryWriter(str(folder), purge_step=purge_step)
        if new:
            self._writer.add_text("config", _as_code(tomli_w.dumps(run.config)), run.step)
            self._write_parameters(run.config)
            self._writer.flush()
        if run.history and after_an_epoch:
            self._writer.add_scalar("loss/train", last["train_loss"], run.step)
            self.epoch(run.step, last)

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        self._writer.add_scalar("loss/train", figures["loss"], step)

    def epoch(self, step: int, figures: Mapping[str, float]) -> None:
        for column, tag in EPOCH_TAGS.items():
            self._writer.add_scalar(tag, figures[column], step)
        self._writer.flush()  # as with history.csv, a reported epoch is on disk

    def close(self, ending: str) -> None:
        self._writer.close()

    def _write_parameters(self, config: Mapping[str, Any]) -> None:
        """Write the configuration for the tab HPARAMS, where runs are compared. The writer's
        add_hparams would create a separate run for it."""
        from torch.utils.tensorboard.summary import hparams

        plain = {key: value for key, value in _flat(config) if value != ""}
        summaries = hparams(plain, {"nme/val": 0.0, "loss/val": 0.0})  # type: ignore[no-untyped-call]
        for summary in summaries[:2]:  # without the end of the session, which is still to come
            self._writer._get_file_writer().add_summary(summary)  # type: ignore[no-untyped-call]


def build() -> EventFiles:
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        reason = "" if (error.name or "").startswith("tensorboard") else f" ({error})"
        raise UsageError(
            f"TensorBoard is not installed{reason}; pip install 'landmark-zoo[track]'"
        ) from error
    return EventFiles()


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers, booleans and strings, with dots in nested names; other values as text."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            known = isinstance(value, bool | int | float | str)
            yield f"{before}{key}", value if known else str(value)


def _as_code(text: str) -> str:
    """The text as a code block in Markdown."""
    return "".join(f"    {line}\n" for line in text.splitlines())


tensorboard = Tracker(
    build=build,
    reference="https://www.tensorflow.org/tensorboard",
    summary="TensorBoard's event files, in the run folder",
)
