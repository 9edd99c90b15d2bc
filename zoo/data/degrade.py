"""Degrades pictures like poor cameras and strong compression, for a whole batch on its own device.

The functions are blur, low resolution and JPEG. Each takes (B, 3, H, W) float RGB in [0, 1] and one
strength per sample, and returns new pixels in [0, 1]. Strengths may stay on the CPU; no function
waits for the device or loops over samples.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..device import send

# ITU-T T.81, tables K.1 and K.2: steps of luminance and of chrominance at quality 50, by rows.
# fmt: off
_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)
_CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    *(99,) * 32,
)
# fmt: on

# JFIF: RGB to luminance and two differences of colour, and back.
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def blur(pixels: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Gaussian blur with one sigma (B,) in pixels per sample; edges are repeated."""
    half = kernel // 2
    steps = torch.arange(-half, half + 1, device=sigma.device)
    taps = torch.exp(-0.5 * (steps / sigma[:, None]) ** 2)
    taps = taps / taps.sum(1, keepdim=True)
    square = (taps[:, :, None] * taps[:, None]).repeat_interleave(pixels.shape[1], 0)
    padded = F.pad(pixels, (half,) * 4, mode="replicate")
    # every plane of every sample becomes a channel with its own kernel
    planes = padded.reshape(1, -1, *padded.shape[2:])
    weights = send(square[:, None], pixels.device)
    return F.conv2d(planes, weights, groups=len(weights)).reshape(pixels.shape)


def lower_resolution(pixels: Tensor, kept: Tensor) -> Tensor:
    """Squares (B, 3, S, S) shrunk to ``kept`` pixels per side and enlarged again, as a small
    picture of a face is enlarged for a model. ``kept`` (B,): whole numbers from 1 to S.

    Shrinking averages over areas and enlarging interpolates linearly, like OpenCV's INTER_AREA and
    INTER_LINEAR. Both are linear and work along one axis at a time, so that together they are one
    matrix per sample. These matrices have the same shape for all samples; the small pictures would
    not.
    """
    matrix = _resampling(send(kept, pixels.device), pixels.shape[-1])
    across = (pixels.flatten(1, 2) @ matrix.mT).view(pixels.shape)
    return (matrix[:, None] @ across).clamp_(0, 1)


def _resampling(kept: Tensor, size: int) -> Tensor:
    """(B,) to (B, size, size): a row has the weights of the input pixels in one output pixel."""
    kept = kept[:, None].float()
    pixel = torch.arange(size, device=kept.device, dtype=torch.float32)
    place = ((pixel + 0.5) * (kept / size) - 0.5).clamp(min=0).minimum(kept - 1)
    cell = place.floor()
    fraction = (place - cell)[..., None]
    width = (size / kept)[..., None]

    def average(cell: Tensor) -> Tensor:
        """The weight of each pixel in a cell of the small picture; 0 for a cell beyond its edge."""
        start = cell[..., None] * width
        overlap = (start + width).minimum(pixel + 1) - start.maximum(pixel)
        return overlap.clamp_(min=0) / width

    return average(cell).lerp_(average(cell + 1), fraction)


def jpeg(pixels: Tensor, quality: Tensor) -> Tensor:
    """Pixels after JPEG compression at ``quality`` (B,), whole numbers from 1 to 100.

    The steps are those of the usual encoder: luminance and colour are separated, and colour is
    halved in resolution. Blocks of 8 x 8 get a cosine transform (ITU-T T.81). Its coefficients are
    rounded to the steps of the standard tables, scaled by the quality as libjpeg scales them. Only
    the lossless step, which writes bytes, is left out. Sides that are no multiple of 16 are padded
    by repeating the edge.
    """
    height, width = pixels.shape[2:]
    padded = F.pad(pixels, (0, -width % 16, 0, -height % 16), mode="replicate")
    to_ycc, to_rgb, cosines = _constants(pixels.device)
    planes = (to_ycc @ padded.flatten(2)).view(padded.shape)
    steps = send(_steps(quality), pixels.device)
    light = _quantise(planes[:, :1] - 128, steps[:, :1], cosines)
    colour = _quantise(F.avg_pool2d(planes[:, 1:], 2), steps[:, 1:], cosines)
    colour = F.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)
    planes = torch.cat((light.add_(128), colour), 1)
    rgb = (to_rgb @ planes.flatten(2)).view(padded.shape)
    return rgb[:, :, :height, :width].div(255).clamp_(0, 1)


def _steps(quality: Tensor) -> Tensor:
    """The steps of the coefficients, (B, 2, 64), of luminance and of chrominance."""
    level = quality[:, None, None].long()
    percent = torch.where(level < 50, 5000 // level, 200 - 2 * level)
    base = torch.tensor((_LUMINANCE, _CHROMINANCE), device=quality.device)
    return ((base * percent + 50) // 100).clamp_(1, 255).float()


def _quantise(planes: Tensor, steps: Tensor, cosines: Tensor) -> Tensor:
    """Planes (B, C, H, W) about 0, their coefficients rounded to multiples of ``steps`` (B, 1, 64).

    The result is clamped to the range of 8 bits, as in a decoder.
    """
    count, channels, height, width = planes.shape
    blocks = planes.reshape(count, -1, 8, width // 8, 8).transpose(2, 3).reshape(count, -1, 64)
    coefficients = (blocks @ cosines.mT).div_(steps).round_().mul_(steps)
    blocks = (coefficients @ cosines).clamp_(-128, 127)
    lines = blocks.view(count, -1, width // 8, 8, 8).transpose(2, 3)
    return lines.reshape(count, channels, height, width)


@lru_cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The two colour matrices, the first with levels of 0 to 255, and the cosine transform of a
    block as one orthonormal (64, 64) matrix with a row per coefficient."""
    k = torch.arange(8, dtype=torch.float64)
    wave = torch.cos((2 * k + 1) * k[:, None] * (math.pi / 16)) / 2
    wave[0] /= math.sqrt(2)
    cosines = torch.kron(wave, wave).float()
    return (
        (255 * torch.tensor(_TO_YCC)).to(device),
        torch.tensor(_TO_RGB).to(device),
        cosines.to(device),
    )
