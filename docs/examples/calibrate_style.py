"""Calibrate another program's points to the style of the labels, on training frames.

    zoo data export youtube_faces --split train --out frames-train
    dlib-env/bin/python docs/examples/dlib_points.py frames-train train.csv
    python docs/examples/calibrate_style.py train.csv points.csv calibrated.csv --data ROOT
    zoo import dlib-68-calibrated calibrated.csv --dataset youtube_faces --data ROOT

Programs differ in where exactly they put a point. A board counts such a difference as an error of
every program that was not trained on its labels. Label-style calibration removes it: each face's
points are moved and scaled to mean 0 and size 1, and one linear map takes them to the labels, moved
and scaled in the same way. Ridge regression fits the map on the training split. Its strength is
chosen on a fifth of the training people, and the final fit uses all of them. Training frames whose
error is above a quarter of the eye distance show another face, and are left out of the fit.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from zoo.data.table import read_table
from zoo.evaluation.scores.protocols import assign
from zoo.registry import registry

STRENGTHS = 10.0 ** np.arange(-3, 3.5, 0.5)
FARTHEST = 0.25

Points = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("train", type=Path, help="its points on the training frames")
    parser.add_argument("points", type=Path, help="its points on the frames to be scored")
    parser.add_argument("calibrated", type=Path, help="file to write")
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()

    table = read_table(registry("dataset").get("youtube_faces").open(arguments.data))
    splits = assign("person", table.ids, table.people, table.release_splits)
    training = splits == "train"
    row_of = {name: row for row, name in enumerate(table.ids) if training[row]}
    predictions = {name: face for name, face in read(arguments.train).items() if name in row_of}
    rows = np.array([row_of[name] for name in predictions])
    source, label = np.stack(list(predictions.values())), table.points[rows].astype(float)
    eyes = np.linalg.norm(label[:, 36] - label[:, 45], axis=-1)
    same_face = np.linalg.norm(source - label, axis=-1).mean(-1) < FARTHEST * eyes
    people = np.array([crc32(str(table.people[row]).encode()) % 5 for row in rows[same_face]])
    source, label = source[same_face], label[same_face]

    held = people == 0
    errors = {
        strength: error(fit(source[~held], label[~held], strength), source[held], label[held])
        for strength in STRENGTHS
    }
    best = min(errors, key=lambda strength: errors[strength])
    print(f"{len(source)} training frames of {len(predictions)}; ridge {best:g}, "
          f"{100 * errors[best]:.2f}% on the fifth held out")  # fmt: skip
    style = fit(source, label, best)
    points = read(arguments.points)
    write(
        arguments.calibrated, {name: apply(style, face[None])[0] for name, face in points.items()}
    )


def in_frame(faces: Points) -> tuple[Points, Points]:
    """Faces (N, K, 2) as rows (N, 2 K + 1) with mean 0, size 1 and a 1 at the end; and the faces'
    sizes (N, 1, 1) in pixels."""
    centred = faces - faces.mean(1, keepdims=True)
    size = np.sqrt((centred**2).mean((1, 2), keepdims=True))
    rows = (centred / size).reshape(len(faces), -1)
    return np.concatenate((rows, np.ones((len(rows), 1))), axis=1), size


def fit(source: Points, label: Points, strength: float) -> Points:
    """The map (2 K + 1, 2 K) from a program's points to the labels' offsets from them."""
    rows, size = in_frame(source)
    offsets = ((label - source) / size).reshape(len(rows), -1)
    ridge = strength * np.eye(rows.shape[1])
    ridge[-1, -1] = 0  # no penalty on a shift that all faces share
    return np.asarray(np.linalg.solve(rows.T @ rows + ridge, rows.T @ offsets))


def apply(style: Points, faces: Points) -> Points:
    rows, size = in_frame(faces)
    return np.asarray(faces + (rows @ style).reshape(faces.shape) * size)


def error(style: Points, source: Points, label: Points) -> float:
    eyes = np.linalg.norm(label[:, 36] - label[:, 45], axis=-1)
    return float((np.linalg.norm(apply(style, source) - label, axis=-1).mean(-1) / eyes).mean())


def read(path: Path) -> dict[str, Points]:
    """Faces (K, 2) by frame, from a file for `zoo import`; empty rows are left out."""
    with path.open(newline="", encoding="utf-8") as stream:
        return {
            row.pop("id"): np.array(list(map(float, row.values()))).reshape(-1, 2)
            for row in csv.DictReader(stream)
            if all(row.values())
        }


def write(path: Path, faces: dict[str, Points]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        count = len(next(iter(faces.values())))
        writer.writerow(["id", *(f"{axis}{k}" for k in range(count) for axis in "xy")])
        writer.writerows([name, *np.round(face, 3).ravel()] for name, face in faces.items())


if __name__ == "__main__":
    main()
