"""Backbones that are given a stride: the maps from there to the coarsest, and no more."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.api import UsageError
from zoo.plugins.backbones.timm_family import timm_family
from zoo.plugins.backbones.torchvision_models import resnet152, vgg19


def timm_model(name: str, size: int, **options: Any) -> nn.Module:
    network: nn.Module = timm_family.resolve(name).build(input_size=size, **options)
    return network


def maps(network: nn.Module, size: int) -> list[Tensor]:
    out = network(torch.randn(2, 3, size, size))
    return [out] if isinstance(out, Tensor) else out


@pytest.mark.parametrize(
    ("name", "size", "stride", "cells"),
    [
        ("resnet18", 64, 8, [8, 4, 2]),
        ("resnet18", 64, 32, [2]),
        # 112 px are 3.5 cells of 32: this network pads to 4, vgg drops to 3
        ("mobilenetv3_small_100", 112, 4, [28, 14, 7, 4]),
        ("vgg11", 112, 8, [14, 7, 3]),
        # 100 px are 12.5 cells of 8, and 13 are not finer than that
        ("mobilenetv3_small_100", 100, 8, [13, 7, 4]),
        ("hrnet_w18_small", 224, 8, [28, 14, 7]),
        ("convnext_atto", 64, 2, [16, 8, 4, 2]),
        ("swin_tiny_patch4_window7_224", 64, 8, [8, 4, 2]),
        # one stride only, so one map, the deepest
        ("vit_tiny_patch16_224", 64, 16, [4]),
        ("vit_tiny_patch16_224", 64, 8, [4]),
        # two branches of 20 and 14 cells in several blocks each: the deepest of each
        ("crossvit_9_240", 240, 12, [20, 14]),
        # none is as coarse as that: the coarsest
        ("resnet18", 64, 64, [2]),
    ],
)
def test_timm_gives_the_deepest_map_of_each_size(
    name: str, size: int, stride: float, cells: list[int]
) -> None:
    network = timm_model(name, size, stride=stride)
    out = maps(network, size)
    assert [each.shape[2] for each in out] == cells
    sum((each * torch.randn_like(each)).sum() for each in out).backward()  # type: ignore[union-attr]
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    assert [n for n, p in trained.items() if p.grad is None] == []


def test_a_transformers_only_map_goes_through_its_final_norm() -> None:
    assert "norm.weight" in timm_model("vit_tiny_patch16_224", 64, stride=8).state_dict()


def test_without_a_stride_timm_gives_its_coarsest_map_as_ever() -> None:
    [out] = maps(timm_model("resnet18", 64), 64)
    assert out.shape == (2, 512, 2, 2)


def test_maps_that_are_named_count_more_than_the_stride() -> None:
    out = maps(timm_model("resnet18", 64, stride=8, out_indices=[1]), 64)
    assert [each.shape[2] for each in out] == [16]


def test_looking_for_maps_leaves_statistics_and_random_numbers_alone() -> None:
    torch.manual_seed(0)
    network = timm_model("resnet18", 64, stride=8)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    timm_model("resnet18", 64)
    assert torch.equal(torch.rand(1), drawn)
    assert torch.equal(network.get_buffer("bn1.running_mean"), torch.zeros(64))
    assert all(module.training for module in network.modules())


def test_a_size_that_a_model_cannot_take_is_refused_as_without_a_stride() -> None:
    with pytest.raises(UsageError, match=r"cannot work at 112 px .* its own 224"):
        timm_model("hrnet_w18_small", 112, stride=8)


def on_meta(build: Any, **options: Any) -> nn.Module:
    with torch.device("meta"):
        module: nn.Module = build(**options)
    return module


def shapes(network: nn.Module, size: int) -> list[tuple[int, ...]]:
    out = network(torch.zeros(2, 3, size, size, device="meta"))
    return [tuple(m.shape[1:]) for m in (out if isinstance(out, list) else [out])]


@pytest.mark.parametrize(
    ("stride", "expected"),
    [
        (4, [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]),
        (16, [(1024, 14, 14), (2048, 7, 7)]),
        (32, [(2048, 7, 7)]),
        (64, [(2048, 7, 7)]),
    ],
)
def test_resnet152_gives_the_stages_from_a_stride(
    stride: float, expected: list[tuple[int, ...]]
) -> None:
    assert shapes(on_meta(resnet152.build, stride=stride), 224) == expected


def test_resnet152_gives_the_stages_that_are_named_whatever_the_stride() -> None:
    assert shapes(on_meta(resnet152.build, stride=8, out_indices=[1]), 224) == [(256, 56, 56)]


@pytest.mark.parametrize(
    ("stride", "expected"),
    [
        (1, [(64, 112), (128, 56), (256, 28), (512, 14), (512, 7), (512, 3)]),
        (8, [(512, 14), (512, 7), (512, 3)]),
        (32, [(512, 3)]),
    ],
)
def test_vgg19_gives_maps_in_place_of_its_classifier(
    stride: float, expected: list[tuple[int, int]]
) -> None:
    network = on_meta(vgg19.build, stride=stride, input_size=112)
    assert [shape[:2] for shape in shapes(network, 112)] == expected
    assert not any(name.startswith("classifier") for name in network.state_dict())
    assert network.state_dict().keys() < on_meta(vgg19.build).state_dict().keys()


def test_vgg19_gives_what_its_poolings_take_in_and_the_last_gives() -> None:
    network: Any = vgg19.build(stride=8, input_size=32).eval()
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        fine, middle, coarse = network(image)
        features = network.features(image)
        pooled = nn.functional.max_pool2d(fine, 2)
        assert torch.equal(coarse, features)
        assert torch.equal(nn.functional.max_pool2d(middle, 2), coarse)
        assert middle.shape == pooled.shape
    assert [math.log2(32 / m.shape[2]) for m in (fine, middle, coarse)] == [3, 4, 5]


def test_vgg19_refuses_both_a_classifier_and_a_stride() -> None:
    with pytest.raises(UsageError, match=r"vgg19: .* leave backbone\.classifier out"):
        vgg19.build(stride=8, classifier=True)
