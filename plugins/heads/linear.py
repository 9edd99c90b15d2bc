"""``linear``: one linear layer from a vector of features to all coordinates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.api import FeatureInfo, Head, LandmarkScheme
from zoo.geometry import UNIT_SCALE, UNIT_SHIFT, UNIT_SPREAD


class LinearHead(nn.Module):
    """A vector (B, C), a map (B, C, h, w) or the coarsest of several maps to K points.

    Maps are averaged over their cells. The layer works in landmark units, whose spread is about
    one. Its output is converted to fractions of the input, which are not clamped, since a face may
    extend beyond the picture.
    """

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, 2 * points)

    def start_at(self, mean_points: Tensor) -> None:
        """Start from the mean shape: (K, 2) as fractions of the input, put into the bias."""
        with torch.no_grad():
            self.linear.bias.copy_(
                ((UNIT_SCALE * mean_points - UNIT_SHIFT) / UNIT_SPREAD).flatten()
            )

    def forward(self, features: Tensor | list[Tensor]) -> dict[str, Tensor]:
        coarsest = features if isinstance(features, Tensor) else features[-1]
        vector = coarsest.mean(dim=(2, 3)) if coarsest.ndim == 4 else coarsest
        # In float32 whatever the precision of the network: rounding to bfloat16 moves a coordinate
        # by up to half a pixel of 224.
        with torch.autocast(vector.device.type, enabled=False):
            units = self.linear(vector.to(self.linear.weight.dtype))
        points = (UNIT_SPREAD * units + UNIT_SHIFT) / UNIT_SCALE
        return {"points": points.unflatten(1, (-1, 2))}


def build(features: FeatureInfo, scheme: LandmarkScheme, input_size: int) -> LinearHead:
    """A head on the last (coarsest) of the features, with torch's default random weights."""
    return LinearHead(features.channels[-1], len(scheme))


linear = Head(build=build, summary="global average and one linear layer, from the mean shape")
