"""The keys below ``augment`` of a configuration: what happens to training images.

Plain values, so that reading a configuration needs no torch; :mod:`zoo.data.augment` acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Augment:
    """What happens to training images and their points, one random draw a sample."""

    resize: int = 0
    """Side in pixels of the stored region; 0: the input size, or with ``scale`` as much larger."""
    crop: bool = False
    """A random window of the input size from the stored region; else the whole region."""
    rotation: float = 0.0
    """Degrees: uniform in [-rotation, rotation]."""
    scale: float = 0.0
    """Zoom: uniform in [1 - scale, 1 + scale]."""
    shift: float = 0.0
    """Fraction of the input, each axis: uniform in [-shift, shift]."""
    flip: float = 0.0
    """Probability of a mirror."""
    label_offset: bool = True
    """Whether a flip and a rotation move the true places and let the labels keep their offset from
    them; else the labels are moved as if they were the true places."""
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    """Factors: uniform in [1 - x, 1 + x], never below 0."""
    grey: float = 0.0
    """Probability."""
    blur: float = 0.0
    """Probability of a Gaussian blur."""
    blur_kernel: int = 3
    """Pixels, odd."""
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    """Pixels: uniform between the two."""
    low_res: float = 0.0
    """Probability that pixels are averaged to a smaller picture, which is enlarged again."""
    low_res_scale: tuple[float, float] = (0.3, 0.9)
    """Side of the smaller picture, as a fraction of the input's: uniform between the two."""
    jpeg: float = 0.0
    """Probability of what JPEG leaves of a picture."""
    jpeg_quality: tuple[int, int] = (20, 80)
    """1 to 100: whole numbers, uniform from the first to the second."""
    erase: float = 0.0
    """Probability that one rectangle is painted over."""
    erase_area: tuple[float, float] = (0.02, 0.2)
    """Fraction of the input: uniform between the two."""


def augment_rules(a: Augment) -> dict[str, bool]:
    """What must hold of the values, in words, and whether it does."""
    chances = (a.flip, a.grey, a.blur, a.erase, a.low_res, a.jpeg)
    return {
        "augment.resize must not be negative": a.resize >= 0,
        "augment.blur_kernel must be odd": a.blur_kernel % 2 == 1 and a.blur_kernel > 0,
        "augment.blur_sigma must be two rising numbers above 0": 0
        < a.blur_sigma[0]
        <= a.blur_sigma[1],
        "augment.erase_area must be two rising fractions": 0
        < a.erase_area[0]
        <= a.erase_area[1]
        < 1,
        "augment.low_res_scale must be two rising fractions": 0
        < a.low_res_scale[0]
        <= a.low_res_scale[1]
        <= 1,
        "augment.jpeg_quality must be two rising numbers from 1 to 100": 1
        <= a.jpeg_quality[0]
        <= a.jpeg_quality[1]
        <= 100,
        "augment.scale must be at least 0 and below 1": 0 <= a.scale < 1,
        "augment.flip, grey, blur, erase, low_res and jpeg are probabilities": all(
            0 <= p <= 1 for p in chances
        ),
    }
