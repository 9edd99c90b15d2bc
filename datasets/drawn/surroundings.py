"""The surroundings of a face: a wall with things on it, things before the face, sensor noise."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from .model import Array
from .paint import Colour, Image, curve, ellipse, fill, line, mix, shade


@lru_cache(maxsize=16)
def background(key: tuple[int, ...], width: int, height: int) -> Image:
    """A wall, its light, some things on it: the same for all frames of a video."""
    rng = np.random.default_rng([*key, 2])
    base, other = (np.array(any_colour(rng), np.float32) for _ in range(2))
    coarse = rng.normal(size=(5, 5, 1)) * 0.25 + rng.normal(size=(5, 5, 3)) * 0.06 + 0.4
    blobs = np.asarray(
        cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    )
    fine = rng.normal(size=(height // 3 + 1, width // 3 + 1)).astype(np.float32)
    grit = np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR))
    wall = base + (other - base) * blobs + (grit * np.float32(rng.uniform(0, 14)))[..., None]
    image = np.ascontiguousarray(np.clip(wall, 0, 255).astype(np.uint8))
    for _ in range(int(rng.integers(0, 7))):
        _thing(image, rng)
    if rng.random() < 0.6:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 4))), np.uint8)
    image.flags.writeable = False
    return image


def _thing(image: Image, rng: Generator) -> None:
    """A shelf, a lamp, a stripe: something that is no face."""
    height, width = image.shape[:2]
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    a, b = rng.uniform(0.03, 0.25, 2) * max(width, height)
    turn = float(rng.choice([0, 0, rng.uniform(0, np.pi)]))
    outline = ellipse((x, y), (a, b), turn)
    kind = rng.integers(3)
    if kind == 0:
        fill(image, outline, any_colour(rng))
    elif kind == 1:
        fill(image, ellipse((x, y), (a, b * 2), turn)[4::8], any_colour(rng))
    else:
        line(image, outline[[0, 16]] * 2 - (x, y), any_colour(rng), 1 + 0.1 * a)


def occlude(
    image: Image,
    kind: str,
    points: Array,
    unit: float,
    skin: Colour,
    drift: Array,
    rng: Generator,
) -> None:
    """Something before the face: a ``hand``, a ``bar`` (a microphone) or a ``ball``.

    ``unit``: pixels per face unit; ``drift`` (2,): how far it has moved, pixels. The points behind
    it keep their labels, since they can be guessed.
    """
    side = float(rng.choice([-1, 1]))
    if kind == "hand":
        palm = points[5 if side < 0 else 11] + (side * 0.15 * unit, 0.35 * unit) + drift
        skin = shade(skin, 0.9)
        wrist = palm + np.array([side * 0.5, 1.6]) * unit
        line(image, np.vstack([palm, wrist]), skin, 0.55 * unit)
        fill(image, ellipse((palm[0], palm[1]), (0.36 * unit, 0.42 * unit)), skin)
        for k, reach in enumerate((0.75, 0.92, 0.95, 0.82)):
            root = palm + np.array([(k - 1.5) * 0.19, -0.25]) * unit
            tip = root + np.array([(k - 1.5) * 0.06 - side * 0.15, -reach * 0.8]) * unit
            finger = curve(np.vstack([palm, root, tip]))
            line(image, finger, shade(skin, 0.7), 0.20 * unit)
            line(image, finger, shade(skin, 1.04), 0.16 * unit)
    elif kind == "bar":
        start = points[8] + (side * 1.6 * unit, 1.2 * unit)
        end = points[57] + (side * 0.15 * unit, 0.15 * unit) + drift
        line(image, np.vstack([start, end]), (40, 40, 44), 0.16 * unit)
        fill(image, ellipse((end[0], end[1]), (0.17 * unit, 0.2 * unit)), (66, 66, 72))
    else:
        at = points[2 if side < 0 else 14] + (side * 0.1 * unit, 0.2 * unit) + drift
        colour = any_colour(rng)
        fill(image, ellipse((at[0], at[1]), (0.42 * unit, 0.42 * unit)), colour)
        fill(image, ellipse((at[0] - 0.1 * unit, at[1] - 0.12 * unit), (0.14 * unit, 0.12 * unit)),
             mix(colour, (255, 255, 255), 0.5))  # fmt: skip


_TILE, _TILE_SIGMA = 520, 32.0


@lru_cache(maxsize=1)
def _noise_tile() -> Image:
    """Noise about 128."""
    noise = np.random.default_rng(0).normal(128, _TILE_SIGMA, (_TILE, _TILE, 3))
    return np.clip(np.round(noise), 0, 255).astype(np.uint8)


def grain(image: Image, sigma: float, rng: Generator) -> Image:
    """Sensor noise: a window of one fixed tile, since new noise takes as long as the face."""
    height, width = image.shape[:2]
    tile = _noise_tile()
    if height > _TILE // 2 or width > _TILE // 2:
        tile = np.tile(tile, (2 * height // _TILE + 1, 2 * width // _TILE + 1, 1))
    y, x = rng.integers(0, _TILE // 2, 2)
    window = tile[y : y + height, x : x + width]
    share = sigma / _TILE_SIGMA
    return np.asarray(cv2.addWeighted(image, 1.0, window, share, -128 * share), np.uint8)


def any_colour(rng: Generator) -> Colour:
    """Any colour, most of them muted."""
    r, g, b = rng.uniform(20, 235, 3).tolist()
    grey = (r + g + b) / 3
    return mix((r, g, b), (grey, grey, grey), float(rng.uniform(0.2, 0.9)))
