"""The frames of a split as PNG files and a list: what a program outside the zoo is run on.

Pixels are written as the zoo decodes them, without loss, so every program sees the same ones,
whether they came from files, from videos or were drawn.
"""

from __future__ import annotations

import csv
from functools import partial
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..api import Problem, UsageError
from ..data.decode import each_frame, refuse_skips
from ..data.source import DataSource
from ..data.table import SampleTable
from ..reporter import Reporter

LIST = "frames.csv"
COLUMNS = ("id", "image", "width", "height", "box_x0", "box_y0", "box_x1", "box_y1")

Line = list[str | int]


def write_frames(
    source: DataSource, split: str, folder: Path, reporter: Reporter
) -> tuple[int, tuple[Problem, ...]]:
    """Write ``folder/frames.csv`` and ``folder/images/000000.png`` ...; returns the number of
    frames written, and the frames that could not be read.

    ``split`` is train, val, test or all. The list has a row for each frame: its id, its file, its
    width and height, and the data set's face box where there is one, in source pixels. Raises
    :class:`UsageError` for a folder that is not empty, :class:`DataError` where no frame, or
    with ``strict`` not every frame, can be read.
    """
    table = source.table
    rows = np.arange(len(table)) if split == "all" else source.rows(split)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder}: is not empty; name a new folder with --out")
        (folder / "images").mkdir(parents=True, exist_ok=True)
        lines, problems = _write_images(table, rows, folder, split, reporter)
        refuse_skips(problems, len(rows), source.strict, source.most_skipped)
        with (folder / LIST).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(lines)
    except OSError as error:
        raise UsageError(f"{folder}: cannot write there: {error.strerror or error}") from error
    return len(lines), tuple(problems)


def _write_images(
    table: SampleTable, rows: NDArray[np.int64], folder: Path, split: str, reporter: Reporter
) -> tuple[list[Line], list[Problem]]:
    numbers = {int(row): number for number, row in enumerate(rows)}

    def write(row: int) -> Line:
        image = table.images[row]()
        name = f"images/{numbers[row]:06}.png"
        Image.fromarray(image).save(folder / name, compress_level=1)
        box = table.boxes[row]
        coordinates = [f"{value:g}" for value in box] if np.isfinite(box).all() else [""] * 4
        return [table.ids[row], name, image.shape[1], image.shape[0], *coordinates]

    lines: list[Line] = []
    problems: list[Problem] = []
    progress = partial(reporter.progress, f"writing {split}")
    for _, result in sorted(each_frame(table, rows, write, progress), key=itemgetter(0)):
        if isinstance(result, Problem):
            problems.append(result)
        else:
            lines.append(result)
    return lines, problems
