"""A small backbone of the kit's own, on which heads are checked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.api import FeatureInfo
from zoo.testing.tensors import noise

SIZE = 64
"""Pixels, square."""
CHANNELS = {2: 16, 4: 24, 8: 32, 16: 48, 32: 64}
"""Channels by stride."""


@dataclass(frozen=True)
class FeatureForm:
    """One form in which features may reach a head."""

    name: str
    strides: tuple[int, ...]
    """Strides of the maps, fine to coarse; none: a vector."""
    alone: bool = False
    """One map as a tensor, not as a list."""
    extra: int | None = None
    """For tokens: how many extra ones come before those of the map's cells; None: no tokens."""

    @property
    def info(self) -> FeatureInfo:
        if not self.strides:
            return FeatureInfo((CHANNELS[32],))
        if self.extra is not None:
            stride = self.strides[0]
            grid = SIZE // stride, SIZE // stride
            channels = (CHANNELS[stride],)
            return FeatureInfo(channels, (), (float(stride),), grid, self.extra)
        return FeatureInfo(
            channels=tuple(CHANNELS[s] for s in self.strides),
            sizes=tuple((SIZE // s, SIZE // s) for s in self.strides),
            strides=tuple(map(float, self.strides)),
        )

    def features(self, count: int, seed: int = 0) -> Tensor | list[Tensor]:
        """Noise in this form, for ``count`` images."""
        if not self.strides:
            return noise(count, CHANNELS[32], seed=seed)
        if self.extra is not None:
            cells = (SIZE // self.strides[0]) ** 2
            return noise(count, self.extra + cells, CHANNELS[self.strides[0]], seed=seed)
        maps = [
            noise(count, CHANNELS[s], SIZE // s, SIZE // s, seed=seed + s) for s in self.strides
        ]
        return maps[0] if self.alone else maps

    def with_other_mates(self, count: int) -> Tensor | list[Tensor]:
        """:meth:`features` of which only the first image is the same."""
        same, other = self.features(count), self.features(count, seed=1000)
        if isinstance(same, Tensor) and isinstance(other, Tensor):
            return torch.cat([same[:1], 3 * other[1:]])
        return [torch.cat([a[:1], 3 * b[1:]]) for a, b in zip(same, other, strict=True)]


def forms(stride: float | None, tokens: bool = False) -> list[FeatureForm]:
    """The forms that a head is offered. Without a ``stride`` of its own: one map, a vector, and
    maps. With a ``stride``: maps from that stride, one map of it, and one coarse map, as a
    transformer has it. With ``tokens``: patch tokens alone, and with a class token and registers
    before them."""
    if tokens:
        return [
            FeatureForm("tokens of 4 x 4 patches", (16,), alone=True, extra=0),
            FeatureForm("tokens of 8 x 8 patches with 5 extra", (8,), alone=True, extra=5),
        ]
    if stride is None:
        return [
            FeatureForm("a map", (32,), alone=True),
            FeatureForm("a vector", ()),
            FeatureForm("maps of strides 8, 16 and 32", (8, 16, 32)),
        ]
    strides = tuple(s for s in CHANNELS if s >= stride) or (32,)
    offered = [
        FeatureForm(f"maps of strides {', '.join(map(str, strides))}", strides),
        FeatureForm(f"a map of stride {strides[0]}", strides[:1], alone=True),
        FeatureForm("a map of stride 16", (16,), alone=True),
    ]
    return list({form.strides: form for form in reversed(offered)}.values())[::-1]


class SmallNet(nn.Module):
    """Images (B, 3, 64, 64) to features in a form."""

    def __init__(self, form: FeatureForm) -> None:
        super().__init__()
        self.form = form
        channels = CHANNELS[form.strides[0]] if form.strides else 0
        self.extra = nn.Parameter(torch.zeros(1, form.extra, channels)) if form.extra else None
        last = max(form.strides, default=32)
        strides = [s for s in CHANNELS if s <= last]
        widths = [3, *(CHANNELS[s] for s in strides)]
        self.steps = nn.ModuleDict(
            {
                str(s): nn.Sequential(
                    nn.Conv2d(inner, outer, 3, 2, 1, bias=False), nn.BatchNorm2d(outer), nn.ReLU()
                )
                for s, (inner, outer) in zip(strides, pairwise(widths), strict=True)
            }
        )

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        maps = []
        for stride, step in self.steps.items():
            x = step(x)
            if int(stride) in self.form.strides:
                maps.append(x)
        if not self.form.strides:
            return x.mean(dim=(2, 3))
        if self.form.extra is not None:
            tokens = maps[0].flatten(2).mT
            if self.extra is not None:
                tokens = torch.cat((self.extra.expand(x.shape[0], -1, -1), tokens), 1)
            return tokens
        return maps[0] if self.form.alone else maps
