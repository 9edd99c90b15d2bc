"""The learning curve of a run: losses and the validation error, epoch by epoch."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zoo.files import write_whole

Rows = Sequence[Mapping[str, Any]]


def save_learning_curve(rows: Rows, path: Path, best_epoch: int | None = None) -> None:
    """Draws ``epoch``, ``train_loss``, ``val_loss`` and ``val_nme`` of a history as a PNG file.

    The two losses may have different units, so their axis is logarithmic. A value that is missing,
    empty or not finite leaves a gap. ``best_epoch`` is marked; None: the epoch of the lowest
    ``val_nme``. Draws on a canvas of its own, without pyplot and its global state, so that training
    in a thread or without a screen is safe.
    """
    figure = Figure(figsize=(8, 3.5))
    figure.subplots_adjust(left=0.1, right=0.98, bottom=0.15, top=0.9, wspace=0.25)
    FigureCanvasAgg(figure)
    losses, error = figure.subplots(1, 2)
    epochs = [int(row["epoch"]) for row in rows]
    nme = [100 * value for value in _column(rows, "val_nme")]

    train, val = _column(rows, "train_loss"), _column(rows, "val_loss")
    losses.plot(epochs, train, label="train, the loss that trains", color="tab:grey")
    losses.plot(epochs, val, label="val, SmoothL1", color="tab:blue")
    losses.set(xlabel="epoch", ylabel="loss", yscale="log")
    losses.legend(frameon=False)
    error.plot(epochs, nme, color="tab:blue")
    error.set(xlabel="epoch", ylabel="val NME, %")

    best = _lowest(epochs, nme) if best_epoch is None else best_epoch
    if best in epochs:
        value = nme[epochs.index(best)]
        for axes in (losses, error):
            axes.axvline(best, color="tab:orange", linestyle=":", linewidth=1)
        error.plot([best], [value], "o", color="tab:orange")
        error.set_title(f"best: epoch {best}, {value:.2f}%", fontsize="medium")
    for axes in (losses, error):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_whole(path, buffer.getvalue())


def _column(rows: Rows, key: str) -> list[float]:
    """Numbers as a history has them, text from a CSV file included; NaN for a gap."""
    values = [row.get(key) for row in rows]
    numbers = [math.nan if v is None or v == "" else float(v) for v in values]
    return [n if math.isfinite(n) else math.nan for n in numbers]


def _lowest(epochs: Sequence[int], values: Sequence[float]) -> int | None:
    known = [(v, e) for v, e in zip(values, epochs, strict=True) if not math.isnan(v)]
    return min(known)[1] if known else None
