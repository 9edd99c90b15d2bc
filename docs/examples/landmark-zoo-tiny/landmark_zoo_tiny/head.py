"""tiny_head: a heat map for each point, and the mean place under it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.api import FeatureInfo, Head, LandmarkScheme, UsageError


class SoftArgmax(nn.Module):
    """Maps (B, C, h, w) to points (B, K, 2), as fractions of the input.

    Each map gives one heat map for each point. The heat maps of coarser maps are enlarged and added
    to those of the finest.
    """

    def __init__(self, features: FeatureInfo, points: int, temperature: float) -> None:
        super().__init__()
        self.heat = nn.ModuleList(nn.Conv2d(c, points, kernel_size=1) for c in features.channels)
        self.temperature = temperature

    def forward(self, features: Tensor | list[Tensor]) -> dict[str, Tensor]:
        maps = [features] if isinstance(features, Tensor) else features
        height, width = maps[0].shape[2:]
        heats = []
        for layer, each in zip(self.heat, maps, strict=True):
            # In float32 under autocast too: half precision would round to whole pixels.
            heats.append(F.interpolate(layer(each).float(), (height, width), mode="bilinear"))
        heat = torch.stack(heats).sum(dim=0) / self.temperature
        weight = heat.flatten(2).softmax(-1).unflatten(-1, (height, width))
        x = (torch.arange(width, device=heat.device) + 0.5) / width
        y = (torch.arange(height, device=heat.device) + 0.5) / height
        places = [(weight.sum(2) * x).sum(-1), (weight.sum(3) * y).sum(-1)]
        return {"points": torch.stack(places, dim=-1)}


def build(
    features: FeatureInfo,
    scheme: LandmarkScheme,
    input_size: int,
    *,
    stride: int = 8,
    temperature: float = 1.0,
) -> nn.Module:
    """A head for what the backbone emits.

    The option ``stride`` asks the backbone for maps with cells of that many input pixels, and for
    coarser ones. A ``temperature`` above 1 flattens the heat maps.
    """
    if features.is_vector:
        raise UsageError("tiny_head: needs a backbone that emits maps, not a vector")
    if not temperature > 0:
        raise UsageError(f"tiny_head: temperature is {temperature}, it must be above 0")
    return SoftArgmax(features, len(scheme), temperature)


plugin = Head(
    build=build,
    reference="Sun et al., Integral Human Pose Regression, arXiv:1711.08229",
    summary="the mean place under a heat map of each point",
    api_version=2,
)
