"""Draw a run's predictions on a split, evenly from the best face to the worst, on one sheet.

    python docs/examples/contact_sheet.py RUN sheet.png [--split val] [--data ROOT]

Predicted points are red, labels are green. A sheet of a data set of real people shows their faces,
so do not publish it.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from zoo.data.source import open_source
from zoo.evaluation.scores.metrics import headline_errors
from zoo.evaluation.scores.predictions import load
from zoo.geometry import Region, crop
from zoo.reporter import Reporter
from zoo.runs.folder import RunFolder

GREEN, RED = (90, 255, 120), (255, 60, 90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--data", default=None)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--tile", type=int, default=160)
    parser.add_argument("--labels", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()

    folder = RunFolder(arguments.run)
    config = folder.read_config()
    if arguments.data:
        config = replace(config, data=arguments.data)
    table = open_source(config, strict=False, reporter=Reporter()).table
    predictions = load(folder.predictions(arguments.split))

    errors = headline_errors(
        predictions.points, predictions.target, predictions.visible, table.scheme
    )
    order = np.argsort(errors)
    count = min(arguments.columns * arguments.rows, len(order))
    shown = order[np.linspace(0, len(order) - 1, count).round().astype(int)]

    rows = {sample: row for row, sample in enumerate(table.ids)}
    tiles = []
    for i in shown:
        region = Region(*predictions.regions[i])
        tile = crop(table.images[rows[predictions.ids[i]]](), region, arguments.tile)
        if arguments.labels:
            mark(tile, region.to_unit(predictions.target[i]), GREEN)
        mark(tile, region.to_unit(predictions.points[i]), RED)
        text = f"{100 * errors[i]:.1f}%"
        cv2.putText(tile, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, 16)
        tiles.append(tile)
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % arguments.columns)
    lines = [
        np.hstack(tiles[k : k + arguments.columns]) for k in range(0, len(tiles), arguments.columns)
    ]
    Image.fromarray(np.vstack(lines)).save(arguments.sheet)
    print(arguments.sheet)


def mark(tile: np.ndarray, unit: np.ndarray, colour: tuple[int, int, int]) -> None:
    for x, y in np.round((unit * len(tile) - 0.5) * 16).astype(int).tolist():
        cv2.circle(tile, (x, y), 20, colour, cv2.FILLED, cv2.LINE_AA, 4)


if __name__ == "__main__":
    main()
