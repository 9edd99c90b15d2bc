"""Augmentation of a whole batch on its own device: image and points moved by one matrix.

The draws of a step are one small table, a row a sample, made from (seed, step) on the CPU for the
whole global batch: every process and every device sees the same augmentation of the same sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..api import LandmarkScheme, UsageError
from ..config import Augment

# Columns of the table of draws; each is uniform in [0, 1).
_DRAWS = [
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
]
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as torchvision's rgb_to_grayscale
_ERASE_ASPECT = 2.0  # rectangles up to twice as wide as high, and the reverse


def draw(count: int, seed: int) -> Tensor:
    """The draws of ``count`` samples, (count, D) float32 on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, len(_DRAWS), generator=generator)


@dataclass(frozen=True)
class Augmenter:
    """Turns stored squares of ``stored`` pixels into inputs of ``size`` pixels."""

    config: Augment
    scheme: LandmarkScheme
    label_offset: tuple[float, float]
    stored: int
    size: int

    def __post_init__(self) -> None:
        if self.config.flip and self.scheme.flip is None:
            raise UsageError(
                f"augment.flip: scheme {self.scheme.name} has no known symmetry; "
                "use --set augment.flip=0"
            )
        if self.config.crop and self.stored < self.size:
            raise UsageError(
                f"augment.resize = {self.stored}: a crop of {self.size} px does not fit"
            )

    def __call__(
        self, images: Tensor, points: Tensor, visible: Tensor, draws: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """uint8 (B, R, R, 3), points (B, K, 2) in [0, 1] of it, visible (B, K) and draws (B, D) to
        float (B, 3, S, S) in [0, 1], and the points and their visibility there."""
        u = dict(zip(_DRAWS, draws.to(images.device, non_blocking=True).unbind(1), strict=True))
        pixels = images.permute(0, 3, 1, 2).float().div_(255)
        if self._moves:
            matrix, shift = self._affine(u)
            pixels = warp(pixels, matrix, shift, self.size)
            points, visible = self._move_points(points, visible, matrix, shift, u)
        visible = visible & ((points >= 0) & (points <= 1)).all(-1)
        return self._recolour(pixels, u), points, visible

    @property
    def _moves(self) -> bool:
        a = self.config
        return self.stored != self.size or any((a.rotation, a.scale, a.shift, a.flip))

    def _affine(self, u: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """From output to stored fractions, both centred: x_in = M x_out + t; (B, 2, 2), (B, 2)."""
        a = self.config
        angle = (2 * u["rotation"] - 1) * math.radians(a.rotation)
        window = self.size / self.stored if a.crop else 1.0
        shrink = window / (1 + (2 * u["scale"] - 1) * a.scale)
        mirror = torch.where(u["flip"] < a.flip, -1.0, 1.0)
        cos, sin = angle.cos() * shrink, angle.sin() * shrink
        matrix = torch.stack(
            (torch.stack((cos * mirror, -sin), 1), torch.stack((sin * mirror, cos), 1)), 1
        )
        shift = (2 * torch.stack((u["shift_x"], u["shift_y"]), 1) - 1) * a.shift
        if a.crop:  # whole pixels, so that a crop alone resamples nothing
            spare = self.stored - self.size
            corner = (torch.stack((u["crop_x"], u["crop_y"]), 1) * (spare + 1)).floor()
            shift = shift + (corner + self.size / 2) / self.stored - 0.5
        return matrix, shift

    def _move_points(
        self,
        points: Tensor,
        visible: Tensor,
        matrix: Tensor,
        shift: Tensor,
        u: dict[str, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """The labels that the labeller would give: the true places move, the offset stays."""
        offset = torch.tensor(self.label_offset, device=points.device)
        true = points - offset * label_scale(points, visible)[:, None, None]
        inverse = torch.linalg.inv_ex(matrix).inverse  # no check, so no wait for the device
        moved = (true - 0.5 - shift[:, None]) @ inverse.transpose(1, 2) + 0.5
        if self.config.flip:
            order = torch.tensor(self.scheme.flip, device=points.device)
            flipped = u["flip"] < self.config.flip
            moved = torch.where(flipped[:, None, None], moved[:, order], moved)
            visible = torch.where(flipped[:, None], visible[:, order], visible)
        return moved + offset * label_scale(moved, visible)[:, None, None], visible

    def _recolour(self, pixels: Tensor, u: dict[str, Tensor]) -> Tensor:
        a = self.config
        if a.brightness:
            pixels = (pixels * _factor(u["brightness"], a.brightness)).clamp_(0, 1)
        if a.contrast:
            mean = grey(pixels).mean((1, 2, 3), keepdim=True)
            pixels = mean.lerp(pixels, _factor(u["contrast"], a.contrast)).clamp_(0, 1)
        if a.saturation:
            pixels = grey(pixels).lerp(pixels, _factor(u["saturation"], a.saturation)).clamp_(0, 1)
        if a.grey:
            pixels = torch.where(_chosen(u["grey"], a.grey), grey(pixels), pixels)
        if a.blur:
            low, high = a.blur_sigma
            blurred = blur(pixels, low + (high - low) * u["sigma"], a.blur_kernel)
            pixels = (
                blurred if a.blur >= 1 else torch.where(_chosen(u["blur"], a.blur), blurred, pixels)
            )
        return self._erase(pixels, u) if a.erase else pixels

    def _erase(self, pixels: Tensor, u: dict[str, Tensor]) -> Tensor:
        low, high = self.config.erase_area
        area = low + (high - low) * u["erase_area"]
        aspect = _ERASE_ASPECT ** (2 * u["erase_aspect"] - 1)
        width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
        place = (torch.arange(self.size, device=pixels.device) + 0.5) / self.size
        inside = _between(place, u["erase_x"] * (1 - width), width)[:, None, None, :]
        inside = inside & _between(place, u["erase_y"] * (1 - height), height)[:, None, :, None]
        inside = inside & _chosen(u["erase"], self.config.erase)
        return torch.where(inside, u["erase_shade"][:, None, None, None], pixels)


def _factor(u: Tensor, spread: float) -> Tensor:
    return (1 + (2 * u - 1) * spread).clamp(min=0)[:, None, None, None]


def _chosen(u: Tensor, probability: float) -> Tensor:
    return (u < probability)[:, None, None, None]


def _between(place: Tensor, start: Tensor, length: Tensor) -> Tensor:
    return (place >= start[:, None]) & (place < (start + length)[:, None])


def label_scale(points: Tensor, visible: Tensor) -> Tensor:
    """sqrt(w h) of the visible points' box: (B, K, 2), (B, K) to (B,); 0 where none is visible."""
    shown = visible[..., None]
    high = torch.where(shown, points, -torch.inf).amax(1)
    low = torch.where(shown, points, torch.inf).amin(1)
    extent = (high - low).clamp(min=0)
    return (extent[:, 0] * extent[:, 1]).sqrt()


def grey(pixels: Tensor) -> Tensor:
    """(B, 3, H, W) RGB to luma (B, 1, H, W)."""
    weights = torch.tensor(_LUMA, device=pixels.device, dtype=pixels.dtype)
    return (pixels * weights[:, None, None]).sum(1, keepdim=True)


def warp(pixels: Tensor, matrix: Tensor, shift: Tensor, size: int) -> Tensor:
    """Resample (B, 3, R, R) to (B, 3, size, size): x_in = M x_out + t in centred fractions."""
    theta = torch.cat((matrix, 2 * shift[:, :, None]), 2)  # torch's grid spans [-1, 1]
    grid = F.affine_grid(theta, [len(pixels), 3, size, size], align_corners=False)
    return F.grid_sample(pixels, grid, align_corners=False)


def blur(pixels: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Gaussian blur, one sigma (B,) in pixels a sample, edges repeated.

    A sum of shifted copies: as one depthwise convolution with a kernel a sample it is slower on a
    CPU than the network that follows.
    """
    half = kernel // 2
    steps = torch.arange(-half, half + 1, device=pixels.device)
    taps = torch.exp(-0.5 * (steps / sigma[:, None]) ** 2)
    taps = taps / taps.sum(1, keepdim=True)
    for axis in (2, 3):
        room = (0, 0, half, half) if axis == 2 else (half, half, 0, 0)
        padded = F.pad(pixels, room, mode="replicate")
        length = pixels.shape[axis]
        out = torch.zeros_like(pixels)
        for k in range(kernel):
            out.addcmul_(padded.narrow(axis, k, length), taps[:, k, None, None, None])
        pixels = out
    return pixels
