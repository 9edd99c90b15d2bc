"""Drawn faces in the format of COFW: two MATLAB files (v7.3, which is HDF5) with 29 points, each of
them hidden or not. MATLAB counts from 1 and stores arrays by columns, so HDF5 shows every array
transposed."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from zoo.datasets.synthetic import open_synthetic

# For each point of COFW, the points of iBUG whose mean replaces it.
_OF_IBUG68 = (
    *((17,), (26,), (21,), (22,), (19,), (19, 19, 19, 37), (24,), (24, 24, 24, 44)),
    *((36,), (45,), (39,), (42,), (37, 38), (40, 41), (43, 44), (46, 47)),
    *((36, 39), (42, 45), (31,), (35,), (30,), (33,), (48,), (54,), (51,), (62,), (66,), (57,)),
    (8,),
)
_HEADER = (
    b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  6 12:00:00 2014 HDF5 schema"
)


def write_cofw(root: Path, train: int = 24, test: int = 9, size: int = 64) -> Path:
    """Write ``train`` and ``test`` faces. A dark square hides a part of every second face, and
    every third picture is grey."""
    root.mkdir(parents=True)
    people = open_synthetic(people=(train + test + 2) // 3, videos=1, frames=3, size=size, seed=7)
    samples = list(people.samples())
    for split, suffix, part in (
        ("train", "Tr", samples[:train]),
        ("test", "T", samples[train : train + test]),
    ):
        path = root / f"COFW_{split}_color.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            columns, boxes = [], []
            pictures = file.create_dataset(f"Is{suffix}", (1, len(part)), h5py.ref_dtype)
            for number, sample in enumerate(part):
                image = sample.image().copy()
                points = np.array([sample.points[list(indices)].mean(0) for indices in _OF_IBUG68])
                hidden = np.zeros(len(points), bool)
                if number % 2:
                    x, y = np.round(points[4 * number % len(points)]).astype(int)
                    half = size // 8
                    image[max(y - half, 0) : y + half, max(x - half, 0) : x + half] = 20
                    hidden = (np.abs(points - (x, y)) < half).all(1)
                transposed = image.mean(2).astype(np.uint8).T if number % 3 == 0 else image.T
                stored = file.create_dataset(f"#refs#/{number}", data=transposed)
                pictures[0, number] = stored.ref
                columns.append([*(points[:, 0] + 1), *(points[:, 1] + 1), *hidden])
                low, high = points.min(0), points.max(0)
                boxes.append([*(low + 1), *(high - low)])
            file.create_dataset(f"phis{suffix}", data=np.array(columns, np.float64).T)
            file.create_dataset(f"bboxes{suffix}", data=np.array(boxes, np.float64).T)
        with path.open("r+b") as stream:
            stream.write(_HEADER.ljust(124) + b"\x00\x02IM")
    return root
