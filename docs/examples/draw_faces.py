"""Draw a picture of synthetic faces to try `zoo predict` on.

    python docs/examples/draw_faces.py face.png             one face
    python docs/examples/draw_faces.py --count 3 faces.png  faces-0.png, faces-1.png, faces-2.png

The people are not those of the data set `synthetic` with its default options, since the seed is
another one.
"""

import argparse
from itertools import islice
from pathlib import Path

from PIL import Image

from zoo.registry import registry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--seed", type=int, default=6)
    arguments = parser.parse_args()

    people = (
        registry("dataset")
        .get("synthetic")
        .open(None, people=arguments.count, videos=1, frames=1, seed=arguments.seed, size=320)
    )
    path: Path = arguments.picture
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(islice(people.samples(), arguments.count)):
        name = path if arguments.count == 1 else path.with_stem(f"{path.stem}-{number}")
        Image.fromarray(sample.image()).save(name)
        print(name)


if __name__ == "__main__":
    main()
