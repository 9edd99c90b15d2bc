"""``resnet152`` and ``vgg19``: torchvision's networks, cut where their features end.

Both keep torchvision's names for their tensors, so a weights file that was downloaded by hand fits;
its tensors of the classifier that was cut off are not used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torchvision
from torch import Tensor, nn
from torchvision.models import ResNet152_Weights, VGG19_BN_Weights

from zoo.api import Backbone, UsageError

IMAGENET_TERMS = (
    "none stated by torchvision (its code is BSD-3-Clause); trained on ImageNet-1k, "
    "whose terms allow non-commercial research"
)
SMALLEST = 32
"""Pixels: both networks halve their input five times."""

RESNET_STAGES = {"relu": 2, "layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}
"""The maps that ``out_indices`` counts, as timm does for ResNets, and the stride of each."""


class Stages(nn.Sequential):
    """Named modules run one after another; the outputs of some of them are the features.

    Gives one map (B, C, h, w), or a list of maps from fine to coarse where several are ``emitted``.
    """

    def __init__(self, stages: Mapping[str, nn.Module], emitted: Sequence[str]) -> None:
        super().__init__(OrderedDict(stages))
        self.emitted = frozenset(emitted)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        maps = []
        for name, stage in self.named_children():
            x = stage(x)
            if name in self.emitted:
                maps.append(x)
        return maps[0] if len(maps) == 1 else maps


class VggMaps(nn.Module):
    """The convolutions of VGG; gives the maps from ``stride`` to the coarsest, fine to coarse.

    The map of a stride is the input of the pooling layer that ends it, after its last convolution.
    The coarsest map, of stride 32, is the output of the last pooling layer.
    """

    def __init__(self, features: nn.Sequential, stride: float) -> None:
        super().__init__()
        self.features = features
        self.stride = stride

    def forward(self, x: Tensor) -> list[Tensor]:
        maps, stride = [], 1
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                if stride >= self.stride:
                    maps.append(x)
                stride *= 2
            x = layer(x)
        return [*maps, x]


def build_resnet152(
    *,
    pretrained: bool = False,
    input_size: int = 224,
    stride: float | None = None,
    out_indices: Sequence[int] | None = None,
) -> nn.Module:
    """The residual stages of ResNet-152, by default up to the map (B, 2048, S/32, S/32).

    With a ``stride``, it gives the maps from that stride to the coarsest. ``out_indices`` selects
    the maps instead, from 0 (stride 2) to 4 (stride 32), negative ones from the end; the stages
    after the last of them are not built. Raises :class:`UsageError` for an index or a size out of
    range, and torchvision's errors where ``pretrained`` weights cannot be downloaded.
    """
    _check_size("resnet152", input_size)
    if out_indices is None and stride is not None:
        coarser = [i for i, each in enumerate(RESNET_STAGES.values()) if each >= stride]
        out_indices = coarser or [-1]
    emitted = _stage_names([-1] if out_indices is None else out_indices)
    weights = _weights(ResNet152_Weights.IMAGENET1K_V2) if pretrained else None
    network = torchvision.models.resnet152()
    if weights is not None:
        network.load_state_dict(weights)
    stages: dict[str, nn.Module] = {}
    for name, module in network.named_children():
        stages[name] = module
        if name == emitted[-1]:
            break
    return Stages(stages, emitted)


def build_vgg19(
    *,
    pretrained: bool = False,
    input_size: int = 224,
    stride: float | None = None,
    classifier: bool | None = None,
    dropout: float = 0.5,
) -> nn.Module:
    """VGG-19 with batch norm, up to the second of its 4096-wide layers: a vector (B, 4096).

    Without ``classifier`` it ends at the map (B, 512, S/32, S/32), with 20 of its 140 million
    parameters; ``dropout`` is the rate between the classifier's layers. With a ``stride``, it gives
    the maps from that stride to the coarsest, without the classifier. Raises :class:`UsageError`
    for a size below 32 px and for both a stride and a classifier, and torchvision's errors where
    ``pretrained`` weights cannot be downloaded.
    """
    _check_size("vgg19", input_size)
    if classifier and stride is not None:
        raise UsageError(
            "vgg19: its classifier gives a vector, and the head works on maps; "
            "leave backbone.classifier out, or take a head for vectors"
        )
    weights = _weights(VGG19_BN_Weights.IMAGENET1K_V1) if pretrained else None
    network = torchvision.models.vgg19_bn(dropout=dropout)
    if weights is not None:
        network.load_state_dict(weights)
    if stride is not None:
        return VggMaps(network.features, stride)
    if classifier is False:
        return nn.Sequential(OrderedDict(features=network.features))
    return nn.Sequential(
        OrderedDict(
            features=network.features,
            avgpool=network.avgpool,
            flatten=nn.Flatten(),
            classifier=network.classifier[:-1],
        )
    )


def _weights(weights: Any) -> Mapping[str, Tensor]:
    # The hash in the file's name reveals a download that is incomplete or was tampered with.
    state: Mapping[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    return state


def _check_size(name: str, input_size: int) -> None:
    if input_size < SMALLEST:
        raise UsageError(f"{name}: works on inputs of {SMALLEST} px and more, not {input_size}")


def _stage_names(out_indices: Sequence[int]) -> list[str]:
    count = len(RESNET_STAGES)
    if not out_indices or any(not -count <= index < count for index in out_indices):
        raise UsageError(
            f"resnet152: out_indices is {list(out_indices)}; give one or more of 0 (finest map) "
            f"to {count - 1} (coarsest), negative ones count from the end"
        )
    return [list(RESNET_STAGES)[i] for i in sorted({index % count for index in out_indices})]


resnet152 = Backbone(
    build=build_resnet152,
    license="BSD-3-Clause",
    weights_license=IMAGENET_TERMS,
    reference="He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385",
    weights=ResNet152_Weights.IMAGENET1K_V2.url,
    summary="152-layer residual network of torchvision",
)

vgg19 = Backbone(
    build=build_vgg19,
    license="BSD-3-Clause",
    weights_license=IMAGENET_TERMS,
    reference="Simonyan and Zisserman, Very Deep Convolutional Networks, arXiv:1409.1556",
    weights=VGG19_BN_Weights.IMAGENET1K_V1.url,
    summary="19-layer VGG with batch norm of torchvision, its 4096-wide classifier kept",
)
