"""Draw a sheet of the data set synthetic: many people, or one person in many frames.

    python docs/examples/gallery.py people.png
    python docs/examples/gallery.py --one person.png      one person in two videos
    python docs/examples/gallery.py --points points.png   with the 68 points

The same command draws the same picture again.
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.prediction.drawing import draw_faces
from zoo.prediction.face import Face
from zoo.registry import registry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--one", action="store_true")
    parser.add_argument("--points", action="store_true")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--tile", type=int, default=128)
    arguments = parser.parse_args()

    count = arguments.columns * arguments.rows
    options = {"people": count, "videos": 1, "frames": 1}
    if arguments.one:
        options = {"people": 1, "videos": arguments.rows, "frames": arguments.columns}
    faces = registry("dataset").get("synthetic").open(None, size=2 * arguments.tile, **options)
    tiles = []
    for sample in islice(faces.samples(), count):
        image = sample.image()
        if arguments.points:
            found = Face((0.0, 0.0, 0.0, 0.0), 1.0, sample.points)
            image = draw_faces(image, [found], faces.scheme)
        tiles.append(np.asarray(Image.fromarray(image).resize((arguments.tile, arguments.tile))))
    rows = [np.hstack(tiles[i : i + arguments.columns]) for i in range(0, count, arguments.columns)]
    arguments.sheet.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).quantize(128).save(arguments.sheet, optimize=True)
    print(arguments.sheet)


if __name__ == "__main__":
    main()
