"""Augmentation of a whole batch on its own device: image and points moved by one matrix.

The random draws of a step are one small table with a row per sample. It is made from (seed, step)
on the CPU for the whole global batch, so that every process and every device sees the same
augmentation of the same sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..api import LandmarkScheme, UsageError
from ..config import Augment
from ..device import constant, send
from .degrade import blur, jpeg, lower_resolution

# Columns of the table of draws; each is uniform in [0, 1). Blocks are drawn one after another, and
# new columns go into a new block at the end: earlier draws stay the same, so that old records can
# be reproduced bit by bit.
_BLOCKS = (
    (
        "rotation",
        "scale",
        "shift_x",
        "shift_y",
        "flip",
        "crop_x",
        "crop_y",
        "brightness",
        "contrast",
        "saturation",
        "grey",
        "blur",
        "sigma",
        "erase",
        "erase_area",
        "erase_aspect",
        "erase_x",
        "erase_y",
        "erase_shade",
    ),
    ("low_res", "low_res_scale", "jpeg", "jpeg_quality"),
)
_DRAWS = [name for block in _BLOCKS for name in block]
OWN_DRAWS = len(_DRAWS)
"""Columns of the table before those of plugins' augmentations."""

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as torchvision's rgb_to_grayscale
_ERASE_ASPECT = 2.0  # rectangles up to twice as wide as high, and the reverse


def draw(count: int, seed: int, further: Sequence[int] = ()) -> Tensor:
    """The draws of ``count`` samples, (count, D) float32 on the CPU. ``further``: how many columns
    each augmentation of a plugin needs."""
    generator = torch.Generator().manual_seed(seed)
    blocks = (*map(len, _BLOCKS), *further)
    return torch.cat([torch.rand(count, width, generator=generator) for width in blocks], 1)


@dataclass(frozen=True)
class Augmenter:
    """Turns stored squares of ``stored`` pixels into inputs of ``size`` pixels."""

    config: Augment
    scheme: LandmarkScheme
    label_offset: tuple[float, float]
    stored: int
    size: int
    window: float = 1.0
    """Side of the window that an input shows, before it is moved or widened, as a fraction of the
    stored square's side. Both have the same centre. It is below 1 for squares that are stored with
    a margin; a ``crop`` ignores it."""

    def __post_init__(self) -> None:
        if self.config.flip and self.scheme.flip is None:
            raise UsageError(
                f"augment.flip: scheme {self.scheme.name} has no known symmetry; "
                "use --set augment.flip=0, or tell the data set which points change places, "
                "where it has an option for that"
            )
        if self.config.crop and self.stored < self.size:
            raise UsageError(
                f"augment.resize = {self.stored}: a crop of {self.size} px does not fit"
            )

    def __call__(
        self, images: Tensor, points: Tensor, visible: Tensor, draws: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Augment a batch, without waiting for the device.

        Takes images uint8 (B, R, R, 3), points (B, K, 2) as fractions of them, visible (B, K), and
        draws (B, D), which stay on the CPU. Returns images float (B, 3, S, S) in [0, 1], and the
        points and their visibility in these.
        """
        u = dict(zip(_DRAWS, draws[:, :OWN_DRAWS].unbind(1), strict=True))
        corner, flipped = self._corner(u), u["flip"] < self.config.flip
        if self._resamples or self.stored != self.size or self.config.flip:
            matrix, shift = self._affine(u, corner, flipped)
            points, visible = self._move_points(points, visible, matrix, shift, flipped)
        if self._resamples:
            pixels = warp(_unit(images), matrix, shift, self.size)
        else:
            pixels = _unit(self._window(images, corner, flipped))
        visible = visible & inside(points)
        return self._recolour(pixels, u), points, visible

    @property
    def _resamples(self) -> bool:
        """Whether pixels must be interpolated: crop windows and mirrors alone move whole pixels."""
        a = self.config
        rescales = self.stored != self.size and not a.crop
        return rescales or any((a.rotation, a.scale, a.shift))

    def _corner(self, u: dict[str, Tensor]) -> Tensor:
        """Corner of the window: whole pixels x, y of the stored square, (B, 2)."""
        spare = self.stored - self.size if self.config.crop else 0
        return (torch.stack((u["crop_x"], u["crop_y"]), 1) * (spare + 1)).floor()

    def _affine(
        self, u: dict[str, Tensor], corner: Tensor, flipped: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The affine map from output to stored fractions, both centred: x_in = M x_out + t; (B, 2,
        2), (B, 2)."""
        a = self.config
        angle = (2 * u["rotation"] - 1) * math.radians(a.rotation)
        window = self.size / self.stored if a.crop else self.window
        shrink = window / (1 + (2 * u["scale"] - 1) * a.scale)
        mirror = torch.where(flipped, -1.0, 1.0)
        cos, sin = angle.cos() * shrink, angle.sin() * shrink
        matrix = torch.stack((cos * mirror, -sin, sin * mirror, cos), 1).view(-1, 2, 2)
        shift = (2 * torch.stack((u["shift_x"], u["shift_y"]), 1) - 1) * (a.shift * self.window)
        if a.crop:
            shift = shift + (corner + self.size / 2) / self.stored - 0.5
        return matrix, shift

    def _window(self, images: Tensor, corner: Tensor, flipped: Tensor) -> Tensor:
        """(B, R, R, 3) to (B, S, S, 3), each window mirrored or not."""
        count, stored, size = len(images), self.stored, self.size
        if stored != size:
            # A view with a row for every place where a window may start: selecting rows copies
            # whole lines, but indexing by sample, row and column would copy pixel by pixel.
            x, y = corner.long().unbind(1)
            starts = (torch.arange(count) * stored + y) * stored + x
            places = (count * stored - size + 1) * stored - size + 1
            windows = images.contiguous().as_strided((places, size, size, 3), (3, 3 * stored, 3, 1))
            images = windows.index_select(0, send(starts, images.device))
        if self.config.flip:
            chosen = send(flipped, images.device)[:, None, None, None]
            images = torch.where(chosen, images.flip(2), images)
        return images

    def _move_points(
        self, points: Tensor, visible: Tensor, matrix: Tensor, shift: Tensor, flipped: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Move the labels as a labeller would place them: the true positions move, the label offset
        stays. Without ``augment.label_offset``, the labels move as if they were the true positions.
        """
        a, device = self.config, points.device
        # M is a rotation, a mirror and a zoom: its inverse is its transpose over the zoom squared
        inverse = matrix.mT / matrix[:, :, :1].square().sum(1, keepdim=True)
        origin = 0.5 - (0.5 + shift)[:, None] @ inverse.mT
        # shifts and zooms change an offset as they change the face
        keep_offset = a.label_offset and any(self.label_offset) and (a.rotation or a.flip)
        offset = constant(self.label_offset, device)
        if keep_offset:
            points = points - offset * label_scale(points, visible)[:, None, None]
        points = torch.baddbmm(send(origin, device), points, send(inverse.mT, device))
        if a.flip:
            order = constant(self.scheme.flip or (), device, torch.int64)
            chosen = send(flipped, device)[:, None]
            points = torch.where(chosen[..., None], points.index_select(1, order), points)
            visible = torch.where(chosen, visible.index_select(1, order), visible)
        if keep_offset:
            points = points + offset * label_scale(points, visible)[:, None, None]
        return points, visible

    def mirror_marks(self, marks: Tensor, draws: Tensor) -> Tensor:
        """Values per point, (B, K), such as their occlusion, in the order in which a call with
        these draws returns the points."""
        if not self.config.flip:
            return marks
        order = constant(self.scheme.flip or (), marks.device, torch.int64)
        flipped = draws[:, _DRAWS.index("flip")] < self.config.flip
        return torch.where(
            send(flipped, marks.device)[:, None], marks.index_select(1, order), marks
        )

    def _recolour(self, pixels: Tensor, u: dict[str, Tensor]) -> Tensor:
        """Recolour in place, except for blur, low resolution and JPEG: on a CPU, new memory takes
        longer than the arithmetic."""
        a, device = self.config, pixels.device
        if a.brightness:
            pixels.mul_(_factor(u["brightness"], a.brightness, device)).clamp_(0, 1)
        if a.contrast:
            mean = pixels.mean((2, 3)) @ constant(_LUMA, device)
            _stretch(pixels, mean[:, None, None, None], _factor(u["contrast"], a.contrast, device))
        if a.saturation:
            _stretch(pixels, grey(pixels), _factor(u["saturation"], a.saturation, device))
        if a.grey:
            pixels.lerp_(grey(pixels), _each((u["grey"] < a.grey).float(), device))
        if a.blur:
            pixels = self._blur(pixels, u)
        if a.low_res:
            pixels = self._low_res(pixels, u)
        if a.jpeg:
            pixels = self._jpeg(pixels, u)
        return self._erase(pixels, u) if a.erase else pixels

    def _blur(self, pixels: Tensor, u: dict[str, Tensor]) -> Tensor:
        a, (low, high) = self.config, self.config.blur_sigma
        sigma = low + (high - low) * u["sigma"]
        return _change(pixels, u["blur"] < a.blur, sigma, lambda x, s: blur(x, s, a.blur_kernel))

    def _low_res(self, pixels: Tensor, u: dict[str, Tensor]) -> Tensor:
        a, (low, high) = self.config, self.config.low_res_scale
        kept = (self.size * (low + (high - low) * u["low_res_scale"])).round().clamp(min=1)
        return _change(pixels, u["low_res"] < a.low_res, kept, lower_resolution)

    def _jpeg(self, pixels: Tensor, u: dict[str, Tensor]) -> Tensor:
        a, (low, high) = self.config, self.config.jpeg_quality
        quality = low + (u["jpeg_quality"] * (high - low + 1)).floor()
        return _change(pixels, u["jpeg"] < a.jpeg, quality, jpeg)

    def _erase(self, pixels: Tensor, u: dict[str, Tensor]) -> Tensor:
        a, (low, high) = self.config, self.config.erase_area
        area = low + (high - low) * u["erase_area"]
        aspect = _ERASE_ASPECT ** (2 * u["erase_aspect"] - 1)
        width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
        width = width * (u["erase"] < a.erase)
        place = (torch.arange(self.size) + 0.5) / self.size
        across = send(_between(place, u["erase_x"] * (1 - width), width), pixels.device)
        down = send(_between(place, u["erase_y"] * (1 - height), height), pixels.device)
        inside = across[:, None, None, :] * down[:, None, :, None]
        return pixels.lerp_(_each(u["erase_shade"], pixels.device), inside)


def inside(points: Tensor) -> Tensor:
    """(B, K, 2) fractions to (B, K): whether they lie in the picture."""
    return ((points >= 0) & (points <= 1)).all(-1)


def _change(
    pixels: Tensor, chosen: Tensor, strength: Tensor, change: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """``change(pixels, strength)`` of the chosen samples; ``chosen`` and ``strength`` are (B,), on
    the CPU. In place where not all are chosen."""
    rows = chosen.nonzero().flatten()
    if not len(rows):
        return pixels
    if len(rows) == len(pixels):
        return change(pixels, strength)
    here = send(rows, pixels.device)
    return pixels.index_copy_(0, here, change(pixels.index_select(0, here), strength[rows]))


def _each(values: Tensor, device: torch.device) -> Tensor:
    """One value per sample, (B,), as (B, 1, 1, 1) on the device of the pixels."""
    return send(values[:, None, None, None], device)


def _factor(u: Tensor, spread: float, device: torch.device) -> Tensor:
    return _each((1 + (2 * u - 1) * spread).clamp(min=0), device)


def _between(place: Tensor, start: Tensor, length: Tensor) -> Tensor:
    return ((place >= start[:, None]) & (place < (start + length)[:, None])).float()


def _unit(images: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) to (B, 3, H, W) in [0, 1].

    Later stages are faster on contiguous planes. The axes are permuted as bytes, which are a
    quarter of the size of floats.
    """
    return images.permute(0, 3, 1, 2).contiguous().float().div_(255)


def _stretch(pixels: Tensor, about: Tensor, factor: Tensor) -> Tensor:
    """Stretch in place: differences from ``about`` times ``factor``, within [0, 1]."""
    return pixels.sub_(about).mul_(factor).add_(about).clamp_(0, 1)


def label_scale(points: Tensor, visible: Tensor) -> Tensor:
    """sqrt(w h) of the visible points' box: (B, K, 2), (B, K) to (B,); 0 where none is visible."""
    hidden = ~visible[..., None]
    high = points.masked_fill(hidden, -torch.inf).amax(1)
    low = points.masked_fill(hidden, torch.inf).amin(1)
    extent = (high - low).clamp(min=0)
    return (extent[:, 0] * extent[:, 1]).sqrt()


def grey(pixels: Tensor) -> Tensor:
    """(B, 3, H, W) RGB to luma (B, 1, H, W)."""
    luma = constant(_LUMA, pixels.device) @ pixels.flatten(2)
    return luma.reshape(len(pixels), 1, *pixels.shape[2:])


def warp(pixels: Tensor, matrix: Tensor, shift: Tensor, size: int) -> Tensor:
    """Resample (B, 3, R, R) to (B, 3, size, size): x_in = M x_out + t in centred fractions."""
    place = torch.arange(1 - size, size, 2) / size  # torch's grid spans [-1, 1]
    across = place[:, None] * matrix[:, None, :, 0]
    down = place[:, None] * matrix[:, None, :, 1] + 2 * shift[:, None]
    # one large sum; affine_grid multiplies matrices and takes longer than the sampling
    grid = send(across, pixels.device)[:, None] + send(down, pixels.device)[:, :, None]
    return F.grid_sample(pixels, grid, align_corners=False)
