"""Fuses the maps of a backbone into one map of the stride that a head needs.

It is a light feature pyramid (Lin et al., arXiv:1612.03144): every map gets a 1x1 convolution to
one width, the coarsest is enlarged step by step, and each finer one is added. A depthwise separable
convolution mixes the sum. Maps are aligned by the true place of their cells
(:mod:`zoo.plugins.heads.grid`). A network whose stride does not divide its input pads the last cell
or drops the last pixels. So the coarser map is enlarged by the integer ratio of the strides, then
cut or its edge repeated; resizing it to the finer map's size would shift its content.

The finest map of a backbone may be coarser than the stride that the head needs: a vision
transformer has only the stride of its patches. It is then enlarged up to four times, with a
convolution after each doubling, as simple decoders for transformers do (Xu et al., ViTPose,
arXiv:2204.12484).
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

    The first ``skipped`` maps are finer than needed and are not used; ``channels`` are those of the
    others. ``ratios`` has one number fewer: how many cells of a map lie along one cell of the next
    coarser map; 0: no integer, and both maps cover the same input. The fused map, as fine as the
    finest used map, is then doubled ``doublings`` times.
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
    """Features to one map per point, (B, K, h, w), in float32: the neck and two further layers.

    The map grows by ``margin`` cells on every side. The last layer works in float32 whatever the
    precision of the network: under a softmax or a logarithm, the rounding of bfloat16 moves a point
    by a visible part of a cell.
    """

    def __init__(self, neck: Neck, width: int, points: int, margin: int = 0) -> None:
        super().__init__()
        self.neck = neck
        self.mix = separable(width, margin)
        self.project = nn.Conv2d(width, points, 1)

    def forward(self, features: Tensor | list[Tensor]) -> Tensor:
        return self.of(self.mixed(features))

    def mixed(self, features: Tensor | list[Tensor]) -> Tensor:
        """The features from which the maps are computed, (B, width, h, w)."""
        mixed: Tensor = self.mix(self.neck(features))
        return mixed

    def of(self, mixed: Tensor) -> Tensor:
        """The maps (B, K, h, w), from the features of :meth:`mixed`."""
        with torch.autocast(mixed.device.type, enabled=False):
            maps: Tensor = self.project(mixed.to(self.project.weight.dtype))
        # Each map contiguous in memory: what follows works on one map after another.
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
    """Enlarge a map ``ratio`` times, bilinearly; then cut it to (rows, columns), or repeat its last
    row and column.

    The first cell keeps its place: only the far edges are cut or repeated. A ratio of 0 resizes the
    map to (rows, columns).
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

    Raises :class:`UsageError` that names the available strides, where the maps cannot give it.
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
        strides = ", ".join(f"{stride_of(input_size, n):.4g}" for n in dict.fromkeys(cells))
        raise UsageError(
            f"head {head}: no map of stride {stride:g} can be had at {input_size} px: the "
            f"backbone's have {strides}; set head.stride to one of these, to half or to a quarter "
            "of the finest"
        )
    first = fitting[0]
    ratios = [ratio(fine, coarse) for fine, coarse in pairwise(cells[first:])]
    neck = Neck(features.channels[first:], ratios, width, skipped=first, doublings=doublings)
    count = cells[first] * 2**doublings + 2 * margin
    return PointMaps(neck, width, points, margin), Axis(count, stride, input_size, margin)


def fits(input_size: int, cells: int, stride: float) -> bool:
    """Whether a map with this number of cells per side has this stride."""
    return math.isclose(stride_of(input_size, cells), stride, rel_tol=0.01)


def stride_of(input_size: int, cells: int) -> float:
    """Stride of a map with this number of cells per side: a power of two where one fits, with the
    last cell padded or dropped (4 cells, or 3, of 112 px have stride 32, not 28); elsewhere the
    input size divided by the number of cells."""
    return ratio(input_size, cells) or input_size / cells


def ratio(fine: int, coarse: int) -> int:
    """How many cells of a map with ``fine`` cells per side lie along one cell of a map with
    ``coarse``: a power of two, with the last cell padded or dropped; 0 where none fits."""
    powers = (2**k for k in range(11))
    return next((r for r in powers if fine // r <= coarse <= -(-fine // r)), 0)
