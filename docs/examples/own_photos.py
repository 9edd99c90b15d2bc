"""Draw faces in place of your own photographs, with five points for each face in a CSV file.

    python docs/examples/own_photos.py photos          photos/*.jpg and photos/points.csv
    python docs/examples/own_photos.py --new 3 new     three other people, without a CSV file
    python docs/examples/own_photos.py --points 68 photos   all 68 points, in iBUG's order

The five points are the centres of the eyes, the tip of the nose and the corners of the mouth. Left
and right are those of the picture.
"""

import argparse
import csv
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.registry import registry

EYES, NOSE, MOUTH = (slice(36, 42), slice(42, 48)), 30, (48, 54)


def five(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Five points (5, 2) from 68 points (68, 2), in pixels."""
    left, right = (points[eye].mean(axis=0) for eye in EYES)
    return np.stack([left, right, points[NOSE], *points[list(MOUTH)]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--new", type=int, default=0, help="so many other people, unlabelled")
    parser.add_argument("--points", type=int, choices=(5, 68), default=5)
    arguments = parser.parse_args()

    count, seed = (arguments.new, 12) if arguments.new else (arguments.count, 11)
    faces = (
        registry("dataset")
        .get("synthetic")
        .open(None, people=count, videos=1, frames=1, seed=seed, size=240)
    )
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, sample in enumerate(islice(faces.samples(), count)):
        name = f"photo_{number:02}.jpg"
        Image.fromarray(sample.image()).save(folder / name, quality=92)
        points = sample.points if arguments.points == 68 else five(sample.points)
        rows.append([name, *(f"{value:.1f}" for value in points.ravel())])
    if not arguments.new:
        with (folder / "points.csv").open("w", newline="") as file:
            parts = (f"part_{k}_{axis}" for k in range(arguments.points) for axis in "xy")
            csv.writer(file).writerows([["image_name", *parts], *rows])
    print(f"{len(rows)} pictures in {folder}")


if __name__ == "__main__":
    main()
