"""From the maps of a backbone to one map of the stride that a head asks for.

A light feature pyramid (Lin et al., arXiv:1612.03144): every map gets a 1x1 convolution to one
width, the coarsest is enlarged step by step and the finer ones are added on its way; a depthwise
separable convolution mixes the sum. Maps are laid on one another by the true place of their cells
(:mod:`zoo.plugins.heads.grid`): a network whose stride does not divide its input pads the last cell
or drops the last pixels, so the coarser map is enlarged by the whole ratio of the strides and cut,
or its edge repeated, where squeezing it to the finer map's size would shift what it shows.

A backbone whose finest map is coarser than what is asked (a vision transformer has one stride, its
patch's) has that map enlarged up to four times, with a convolution after each doubling, as simple
decoders for transformers do (Xu et al., ViTPose, arXiv:2204.12484).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.api import FeatureInfo, UsageError
from zoo.plugins.heads.grid import Axis

MOST_DOUBLINGS = 2


class Neck(nn.Module):
    """A map or a list of maps, fine to coarse, to one map (B, width, h, w).

    ``skipped`` of the first maps are finer than what is asked and are not used; ``channels`` are
    those of the others. ``ratios``, one fewer, say how many cells of a map lie along one cell of
    the next coarser map; 0: it is no whole number, and both maps cover the same input. The finest
    used is then doubled ``doublings`` times.
    """

    def __init__(
        self,
        channels: Sequence[int],
        ratios: Sequence[int],
        width: int,
        skipped: int = 0,
        doublings: int = 0,
    ) -> None:
        super().__init__()
        self.skipped = skipped
        self.ratios = tuple(ratios)
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, width, 1, bias=False), nn.BatchNorm2d(width))
            for c in channels
        )
        self.doubling = nn.ModuleList(separable(width) for _ in range(doublings))

    def forward(self, features: Tensor | list[Tensor]) -> Tensor:
        maps = [features] if isinstance(features, Tensor) else features[self.skipped :]
        levels = [lateral(each) for lateral, each in zip(self.lateral, maps, strict=True)]
        out: Tensor = levels.pop()
        for ratio, finer in zip(reversed(self.ratios), reversed(levels), strict=True):
            out = finer + enlarge(out, ratio, finer.shape[2], finer.shape[3])
        out = F.relu(out)
        for mix in self.doubling:
            out = mix(enlarge(out, 2, 2 * out.shape[2], 2 * out.shape[3]))
        return out


class PointMaps(nn.Module):
    """The neck's map, mixed once more, to one map a point, (B, K, h, w), in float32.

    The map grows by the axis's margin on every side. The last layer works in float32 whatever the
    network ran in: under a softmax or a logarithm, the roundings of bfloat16 move a point by a
    visible part of a cell.
    """

    def __init__(self, neck: Neck, width: int, points: int, margin: int = 0) -> None:
        super().__init__()
        self.neck = neck
        self.mix = separable(width, margin)
        self.project = nn.Conv2d(width, points, 1)

    def forward(self, features: Tensor | list[Tensor]) -> Tensor:
        return self.of(self.mixed(features))

    def mixed(self, features: Tensor | list[Tensor]) -> Tensor:
        """What the maps are read from, (B, width, h, w)."""
        mixed: Tensor = self.mix(self.neck(features))
        return mixed

    def of(self, mixed: Tensor) -> Tensor:
        """The maps, (B, K, h, w)."""
        with torch.autocast(mixed.device.type, enabled=False):
            maps: Tensor = self.project(mixed.to(self.project.weight.dtype))
        # Each map in one piece: what is done with maps goes point by point, not cell by cell.
        return maps.contiguous()


def separable(width: int, margin: int = 0) -> nn.Sequential:
    """A depthwise 3x3 and a 1x1 convolution; the map grows by ``margin`` cells on every side."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1 + margin, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def enlarge(coarse: Tensor, ratio: int, rows: int, columns: int) -> Tensor:
    """Bilinear, ``ratio`` times; then cut to (rows, columns), or its last row and column repeated.

    The first cell keeps its place: only the far edges are cut or repeated. A ratio of 0 stretches
    the whole map to that size.
    """
    if ratio == 0:
        return F.interpolate(coarse, (rows, columns), mode="bilinear", align_corners=False)
    if ratio > 1:
        coarse = F.interpolate(coarse, scale_factor=ratio, mode="bilinear", align_corners=False)
    coarse = coarse[..., :rows, :columns]
    below, beside = rows - coarse.shape[2], columns - coarse.shape[3]
    return F.pad(coarse, (0, beside, 0, below), "replicate") if below or beside else coarse


def plan_maps(
    head: str,
    features: FeatureInfo,
    points: int,
    input_size: int,
    *,
    stride: float,
    width: int,
    margin: int = 0,
) -> tuple[PointMaps, Axis]:
    """The layers that give ``points`` maps of ``stride``, and where their cells lie on an axis.

    Raises :class:`UsageError`, naming the strides that there are, where the maps cannot give it.
    """
    if width < 1:
        raise UsageError(f"head {head}: width is {width}, it must be at least 1 channel")
    if not features.sizes or any(rows != columns for rows, columns in features.sizes):
        emitted = ", ".join(f"{h} x {w} cells" for h, w in features.sizes) or "a vector"
        raise UsageError(f"head {head}: works on square maps, and the backbone emits {emitted}")
    cells = [rows for rows, _ in features.sizes]
    for doublings in range(MOST_DOUBLINGS + 1):
        fitting = [i for i, n in enumerate(cells) if fits(input_size, n, stride * 2**doublings)]
        if fitting:
            break
    else:
        there = ", ".join(f"{stride_of(input_size, n):.4g}" for n in dict.fromkeys(cells))
        raise UsageError(
            f"head {head}: no map of stride {stride:g} can be had at {input_size} px: the "
            f"backbone's have {there}; set head.stride to one of these, to half or to a quarter of "
            "the finest"
        )
    first = fitting[0]
    ratios = [ratio(fine, coarse) for fine, coarse in pairwise(cells[first:])]
    neck = Neck(features.channels[first:], ratios, width, skipped=first, doublings=doublings)
    count = cells[first] * 2**doublings + 2 * margin
    return PointMaps(neck, width, points, margin), Axis(count, stride, input_size, margin)


def fits(input_size: int, cells: int, stride: float) -> bool:
    """Whether a map of so many cells a side has this stride."""
    return math.isclose(stride_of(input_size, cells), stride, rel_tol=0.01)


def stride_of(input_size: int, cells: int) -> float:
    """Stride of a map of so many cells a side: a power of two where one fits, the last cell padded
    or cut (112 px are 4 cells of 32, or 3, and not of 28); else what divides the input evenly."""
    return ratio(input_size, cells) or input_size / cells


def ratio(fine: int, coarse: int) -> int:
    """How many of ``fine`` cells a side lie along one of ``coarse`` cells: a power of two, the last
    cell padded or cut; 0 where none fits."""
    powers = (2**k for k in range(11))
    return next((r for r in powers if fine // r <= coarse <= -(-fine // r)), 0)
