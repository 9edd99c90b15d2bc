"""Measure a run on faces at any angle, and how many boxes without a face it keeps.

    python docs/examples/measure_angles.py RUN... [--data ROOT] [--frames 100]

Frames of the val split are turned by each angle. The box of a face is as large as that of its
upright labels. For each angle, the table has the mean NME in three ways: with level crops in
further passes, as without `upright`; with turned crops; and with other quarter turns tried if the
confidence is low. It also has the share of faces that is kept by default. Last comes the number
of boxes beside faces that are kept. The run must be calibrated; it is not changed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.data.table import SampleTable
from zoo.evaluation.scores.metrics import headline_errors
from zoo.export.calibrate import boxes_of
from zoo.export.conditions import Shown, turn
from zoo.geometry import square_about
from zoo.prediction import Finder
from zoo.prediction.predictor import LIMIT
from zoo.prediction.torch_model import TorchPredictor
from zoo.reporter import Reporter
from zoo.runs.folder import RunFolder
from zoo.runs.own_data import own_source

ANGLES = (0, 15, 30, 45, 90, 135, 180)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--frames", type=int, default=100)
    arguments = parser.parse_args()
    for run in arguments.runs:
        print(run.name)
        measure(run, arguments.data, arguments.frames)


def measure(run: Path, data: Path | None, frames: int) -> None:
    table, rows = _frames(run, data, frames)
    predictor = TorchPredictor.of_run(run, "cpu")
    curve = predictor.calibration
    faces = [Shown(table.images[row](), table.points[row], square_about(table.points[row]))
             for row in rows]  # fmt: skip
    print("angle  crops level  crops turned  with quarters  kept")
    for angle in ANGLES:
        shown = [turn(face, angle) for face in faces]
        errors = []
        for upright, calibration in ((False, None), (True, None), (True, curve)):
            predictor.upright, predictor.calibration = upright, calibration
            found = [predictor.predict(image, Finder.of_boxes(box), min_confidence=0)[0]
                     for image, _, box in shown]  # fmt: skip
            points, targets = (np.stack(each) for each in (
                [face.points for face in found], [target for _, target, _ in shown]))  # fmt: skip
            each = headline_errors(points, targets, table.visible[rows], table.scheme)
            errors.append(f"{100 * np.nanmean(each):.2f}%")
        kept = np.mean([(face.confidence or 0) >= LIMIT for face in found])
        print(f"{angle:5}  {errors[0]:>11}  {errors[1]:>12}  {errors[2]:>13}  {100 * kept:.1f}%")
    kept = 0
    for row in rows.tolist():
        image, shown = table.images[row](), table.points[row][table.visible[row]]
        _, beside = boxes_of(shown, image.shape, row)
        kept += len(predictor.predict(image, Finder.of_boxes(beside)))
    print(f"{len(rows)} boxes beside faces, kept: {kept}")


def _frames(run: Path, data: Path | None, frames: int) -> tuple[SampleTable, NDArray[np.int64]]:
    source = own_source(RunFolder(run), data, False, Reporter())
    rows = source.measurable_rows("val")
    chosen = np.unique(np.linspace(0, len(rows) - 1, frames).round().astype(np.int64))
    return source.table, rows[chosen]


if __name__ == "__main__":
    main()
