"""Drawn faces in the layout of WFLW: 98 points, two lists, one folder of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from zoo.api.schemes import WFLW98_OF_IBUG68
from zoo.datasets.synthetic import open_synthetic


def write_wflw(root: Path, people: int) -> Path:
    """Write drawn faces in WFLW's layout. A point without a partner among the 68 lies half a pixel
    from a neighbour."""
    lists = root / "list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (root / "WFLW_images").mkdir()
    lines = []
    for number, sample in enumerate(
        open_synthetic(people=people, videos=1, frames=3, size=48, seed=5).samples()
    ):
        Image.fromarray(sample.image()).save(root / "WFLW_images" / f"{number}.png")
        points = np.empty((98, 2), np.float32)
        known = np.array(WFLW98_OF_IBUG68)
        points[known] = sample.points
        for lone in set(range(98)) - set(known.tolist()):
            points[lone] = points[known[np.abs(known - lone).argmin()]] + 0.5
        assert sample.box is not None
        cells = [f"{v:.3f}" for v in (*points.ravel(), *sample.box)]
        # pose of every second frame, expression of every third, up to blur of every seventh
        attributes = ["01"[number % (2 + k) == 0] for k in range(6)]
        lines.append(" ".join([*cells, *attributes, f"{number}.png"]))
    for split in ("train", "test"):
        part = lines[3:] if split == "train" else lines[:3]
        (lists / f"list_98pt_rect_attr_{split}.txt").write_text("\n".join(part) + "\n")
    return root
