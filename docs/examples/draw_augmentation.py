"""Draw what each part of a recipe's augmentation does to drawn faces, one row for each part.

    python docs/examples/draw_augmentation.py augmentation.png [--recipe strong] [--size 112]

The first row is the unchanged face. Each other row shows one part with the recipe's strength,
applied to all pictures, even if the recipe applies it only to a share of them. The last row has all
parts, as often as in training. Points are drawn in rows where labels move or are hidden.
"""

import argparse
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from zoo.config import Augment
from zoo.config.recipes import resolve
from zoo.data.augment import Augmenter, draw
from zoo.geometry import box_region, crop
from zoo.registry import registry

PARTS = {
    "none": (),
    "geometry": ("rotation", "scale", "shift", "flip"),
    "colour": ("brightness", "contrast", "saturation", "grey"),
    "blur": ("blur", "blur_kernel", "blur_sigma"),
    "low resolution": ("low_res", "low_res_scale"),
    "JPEG": ("jpeg", "jpeg_quality"),
    "erasing": ("erase", "erase_area"),
    "all together": tuple(f.name for f in fields(Augment)),
}
ALWAYS = ("blur", "low_res", "jpeg", "erase")
"""Probabilities that are set to 1 in the row of their part."""

MARKED = ("geometry", "erasing", "all together")

STEP = 4
"""Colours are rounded to multiples of this: half the file size, and no visible difference."""

GREEN, LEFT, GAP = (90, 255, 120), 122, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--recipe", default="strong")
    parser.add_argument("--size", type=int, default=112, help="pixels of an input")
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--seed", type=int, default=9, help="of the face")
    parser.add_argument("--draws", type=int, default=777, help="seed of the augmentation")
    arguments = parser.parse_args()

    count, size = arguments.columns, arguments.size
    recipe = resolve("any", arguments.recipe).augment
    stored = recipe.stored_side(size)
    people = registry("dataset").get("synthetic")
    people = people.open(None, people=1, videos=1, frames=1, seed=arguments.seed, size=320)
    face = next(iter(people.samples()))
    image = face.image()
    region = box_region(face.box, margin=1.25)

    square = torch.from_numpy(crop(image, region, stored))
    images = square.expand(count, -1, -1, -1).contiguous()
    points = torch.from_numpy(region.to_unit(face.points)).float().expand(count, -1, -1)
    visible = torch.from_numpy(face.visible).expand(count, -1)
    draws = draw(count, arguments.draws)

    rows = []
    for name, keys in PARTS.items():
        options = {key: getattr(recipe, key) for key in keys}
        if name != "all together":
            options |= {key: 1.0 for key in ALWAYS if options.get(key)}
        config = replace(Augment(**options), resize=recipe.resize, margin=recipe.margin)
        augment = Augmenter(config, people.scheme, people.label_offset, stored, size)
        pixels, moved, seen = augment(images, points, visible, draws)
        tiles = (255 * pixels).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
        if name in MARKED:
            for tile, unit, shown in zip(tiles, moved.numpy(), seen.numpy(), strict=True):
                mark(tile, unit[shown])
        rows.append(tiles if keys else tiles[:1])
    picture = sheet(rows, list(PARTS)).point(lambda level: min(255, STEP * round(level / STEP)))
    picture.save(arguments.picture, optimize=True)
    print(arguments.picture)


def mark(tile: np.ndarray, unit: np.ndarray) -> None:
    for x, y in np.round((unit * len(tile) - 0.5) * 16).astype(int).tolist():
        cv2.circle(tile, (x, y), 16, GREEN, cv2.FILLED, cv2.LINE_AA, 4)


def sheet(rows: list[np.ndarray], names: list[str]) -> Image.Image:
    side, columns = rows[0].shape[1], max(map(len, rows))
    step = side + GAP
    canvas = Image.new("RGB", (LEFT + columns * step, len(rows) * step - GAP), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(17)
    for y, (tiles, name) in enumerate(zip(rows, names, strict=True)):
        box = pen.multiline_textbbox((0, 0), name, font=font)
        pen.multiline_text((4, y * step + (side - box[3]) // 2), name, "black", font=font)
        for x, tile in enumerate(tiles):
            canvas.paste(Image.fromarray(tile), (LEFT + x * step, y * step))
    return canvas


if __name__ == "__main__":
    main()
