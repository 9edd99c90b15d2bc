"""The pictures that detectors are checked on: a photograph with a face, and pictures without."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from zoo.images import read_image

Picture = NDArray[np.uint8]

FACE = (465, 130, 660, 325)
"""x0, y0, x1, y1 in pixels of :func:`photograph`: the face in it, from brow to chin."""


@functools.cache
def _photograph() -> Picture:
    from pathlib import Path

    from matplotlib import cbook

    # In the public domain, and installed with matplotlib, which the zoo needs anyway.
    photo = read_image(Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    # Wider than high, with the face to the right, so that swapped x and y are found.
    return np.pad(photo, ((0, 0), (300, 0), (0, 0)), constant_values=90)


def photograph() -> Picture:
    """Grace Hopper, from the chest up, at the right of a picture of 812 x 600 pixels."""
    return _photograph().copy()


def two_faces() -> Picture:
    """The photograph, and beside it the same at half its size."""
    large = photograph()
    pair = np.zeros((large.shape[0], large.shape[1] * 3 // 2, 3), np.uint8)
    pair[:, : large.shape[1]] = large
    small = large[::2, ::2]
    pair[: small.shape[0], large.shape[1] :][:, : small.shape[1]] = small
    return pair


def empty() -> Picture:
    """A picture of one colour."""
    return np.full((240, 320, 3), 128, np.uint8)


def unusual() -> dict[str, Picture]:
    """Pictures that are allowed and easily forgotten, by name."""
    photo = photograph()
    grey = np.repeat(photo.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    noise = np.random.default_rng(0).integers(0, 256, (120, 90, 3), dtype=np.uint8)
    return {
        "a grey photograph": grey,
        "noise": noise,
        "a picture of 1 x 1 pixel": photo[:1, :1],
        "a picture of 8 x 8 pixels": photo[:8, :8].copy(),
        "a picture of 2 x 300 pixels": photo[:2, :300].copy(),
        "a picture of 300 x 2 pixels": photo[:300, :2].copy(),
        "a part of a larger picture": photo[50:350, 400:700],
        "a mirrored view": photo[:, ::-1],
        "a picture that must not be written to": _read_only(photo),
    }


def _read_only(picture: Picture) -> Picture:
    picture = picture.copy()
    picture.flags.writeable = False
    return picture
