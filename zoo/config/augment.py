"""The keys below ``augment`` of a configuration: what happens to training images.

Plain values, so that reading a configuration needs no torch; :mod:`zoo.data.augment` acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from ..api import UsageError
from .bounds import Bound, Share, Side, check_bounds

LEAST_SHOWN = 0.5
"""Least fraction of the region's area that a random window shows."""

Spread = Annotated[float, Bound(least=0, most=10)]


@dataclass(frozen=True)
class Augment:
    """What happens to training images and their points, one random draw a sample."""

    resize: Side = 0
    """Side in pixels of the stored region; 0: the input size, made larger by ``margin`` or, without
    one, by ``scale``. A run computes it where its recipe has a margin."""
    margin: Share = 0.0
    """Fraction of the input by which the stored region is larger, to crop from it: one pixel at
    least; 0: no margin."""
    crop: bool = False
    """A random window of the input size from the stored region; else the whole region."""
    rotation: Annotated[float, Bound(least=0, most=180)] = 0.0
    """Degrees: uniform in [-rotation, rotation]."""
    scale: Annotated[float, Bound(least=0, below=1)] = 0.0
    """Zoom: uniform in [1 - scale, 1 + scale]."""
    shift: Share = 0.0
    """Fraction of the input, each axis: uniform in [-shift, shift]."""
    flip: Share = 0.0
    """Probability of a mirror."""
    label_offset: bool = True
    """Whether a flip and a rotation move the true places, and labels keep their offset from these;
    else the labels are moved as if they were the true places."""
    brightness: Spread = 0.0
    contrast: Spread = 0.0
    saturation: Spread = 0.0
    """Factors: uniform in [1 - x, 1 + x], never below 0."""
    grey: Share = 0.0
    """Probability."""
    blur: Share = 0.0
    """Probability of a Gaussian blur."""
    blur_kernel: Annotated[int, Bound(least=1, most=99)] = 3
    """Pixels, odd."""
    blur_sigma: Annotated[tuple[float, float], Bound(least=0.01, most=100)] = (0.1, 2.0)
    """Pixels: uniform between the two."""
    low_res: Share = 0.0
    """Probability that pixels are averaged to a smaller picture, which is enlarged again."""
    low_res_scale: Annotated[tuple[float, float], Bound(above=0, most=1)] = (0.3, 0.9)
    """Side of the smaller picture, as a fraction of the input's: uniform between the two."""
    jpeg: Share = 0.0
    """Probability of what JPEG leaves of a picture."""
    jpeg_quality: Annotated[tuple[int, int], Bound(least=1, most=100)] = (20, 80)
    """1 to 100: whole numbers, uniform from the first to the second."""
    erase: Share = 0.0
    """Probability that one rectangle is painted over."""
    erase_area: Annotated[tuple[float, float], Bound(above=0, below=1)] = (0.02, 0.2)
    """Fraction of the input: uniform between the two."""

    def __post_init__(self) -> None:
        check_bounds(self, "augment.")
        for key in ("blur_sigma", "low_res_scale", "jpeg_quality", "erase_area"):
            low, high = getattr(self, key)
            if low > high:
                raise UsageError(f"augment.{key} = [{low}, {high}]: must be two rising numbers")
        if self.blur_kernel % 2 == 0:
            raise UsageError(f"augment.blur_kernel = {self.blur_kernel}: must be odd")

    def stored_side(self, size: int) -> int:
        """Side of the stored region in pixels, for inputs of ``size`` pixels."""
        if self.resize:
            return self.resize
        if self.margin:
            return max(size + 1, round(size * (1 + self.margin)))
        return round(size * (1 + self.scale))

    def for_inputs(self, size: int) -> Augment:
        """The same with its margin in pixels, in ``resize``: a run stores and hashes this form."""
        return replace(self, resize=self.stored_side(size), margin=0.0) if self.margin else self

    def refuse_narrow_crop(self, size: int) -> None:
        """Raises :class:`UsageError` for a crop of ``size`` pixels that shows too little of the
        region: a model would train on parts of faces and be scored on whole ones."""
        stored = self.stored_side(size)
        if self.crop and size**2 < LEAST_SHOWN * stored**2:
            raise UsageError(
                f"augment.resize = {stored}: a crop of {size} px shows "
                f"{(size / stored) ** 2:.0%} of the region, and it must show at least "
                f"{LEAST_SHOWN:.0%}, since the model is scored on all of it; --set "
                f"augment.resize={size + 1}, or augment.margin, which is a fraction of the input"
            )
