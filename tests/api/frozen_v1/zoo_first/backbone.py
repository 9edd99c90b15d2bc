"""first_backbone: a small convolutional network, trained from random weights."""

from itertools import pairwise

from torch import nn

from zoo.api import Backbone, WeightsError


def build(*, pretrained: bool = False, width: int = 32) -> nn.Module:
    """Normalised images (B, 3, S, S) to vectors (B, 64 * width)."""
    if pretrained:
        raise WeightsError("first_backbone: no weights were ever published; leave --pretrained out")
    layers: list[nn.Module] = []
    for inner, outer in pairwise([3, width, 2 * width, 4 * width, 4 * width]):
        layers += [nn.Conv2d(inner, outer, kernel_size=3, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(outer), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())


plugin = Backbone(
    build=build,
    input_size=64,
    license="MIT",
    weights_license="none",
    summary="four convolutions with batch norm, trained from random weights",
    api_version=1,
)
