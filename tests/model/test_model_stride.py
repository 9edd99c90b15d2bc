"""A head asks for a stride; the backbone gives maps from that stride on, or is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from zoo.api import UsageError, generic_scheme
from zoo.model import BuiltModel, ModelPlan, build_model

if TYPE_CHECKING:
    from conftest import Plant

SOURCE = """
import torch
from torch import nn
from zoo.api import Backbone, Head

class Maps(nn.Module):
    def __init__(self, strides):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, 4, s, stride=s) for s in strides)

    def forward(self, x):
        return [layer(x) for layer in self.layers]

def strided(*, pretrained=False, stride=None):
    return Maps([s for s in (4, 8, 16, 32) if stride is None or s >= stride])

def fixed(*, pretrained=False):
    return Maps([4, 8, 16, 32])

def vector(*, pretrained=False):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))

class MeanPoint(nn.Module):
    def __init__(self, features, points):
        super().__init__()
        self.features, self.points = features, points

    def forward(self, maps):
        return {"points": maps[-1].mean((1, 2, 3))[:, None, None].expand(-1, self.points, 2)}

def asks(features, scheme, input_size, *, stride=8):
    return MeanPoint(features, len(scheme))

def takes(features, scheme, input_size):
    return MeanPoint(features, len(scheme))

strided, fixed, vector = map(Backbone, (strided, fixed, vector))
asks, takes = map(Head, (asks, takes))
"""


@pytest.fixture(autouse=True)
def planted(plant: Plant) -> None:
    plugins = {
        "zoo.backbones": {n: n for n in ("strided", "fixed", "vector")},
        "zoo.heads": {n: n for n in ("asks", "takes")},
    }
    plant("Strides", plugins, SOURCE)


def build(backbone: str, head: str, **plan: Any) -> BuiltModel:
    return build_model(ModelPlan.of(backbone, head, input_size=64, **plan), generic_scheme(5))


def strides(built: BuiltModel) -> tuple[float, ...]:
    features: Any = built.model.head.features
    strides: tuple[float, ...] = features.strides
    return strides


def test_a_backbone_that_names_a_stride_is_given_the_heads() -> None:
    assert strides(build("strided", "asks")) == (8, 16, 32)
    assert strides(build("strided", "asks", head_options={"stride": 16})) == (16, 32)


def test_a_head_that_asks_for_none_leaves_the_backbone_as_it_is() -> None:
    assert strides(build("strided", "takes")) == (4, 8, 16, 32)


def test_the_head_sees_what_other_backbones_emit() -> None:
    assert strides(build("fixed", "asks")) == (4, 8, 16, 32)


def test_a_vector_is_refused_where_a_stride_is_asked_for() -> None:
    with pytest.raises(UsageError) as caught:
        build("vector", "asks")
    assert str(caught.value) == (
        "backbone Strides/vector: gives a vector, and head Strides/asks works on maps; choose "
        "another backbone, or a head that takes a vector, such as --head linear"
    )


@pytest.mark.parametrize("stride", ["8", 0, -4, True, None, float("nan")])
def test_an_invalid_stride_is_refused(stride: Any) -> None:
    with pytest.raises(UsageError, match=r"head\.stride = .*: expected input pixels a cell"):
        build("strided", "asks", head_options={"stride": stride})


def test_the_stride_is_no_option_of_the_backbone() -> None:
    with pytest.raises(UsageError, match=r"backbone\.stride: .*--set head\.stride=N"):
        build("strided", "asks", backbone_options={"stride": 4})
    with pytest.raises(
        UsageError, match=r"backbone Strides/strided: .*'depth'; its options are none"
    ):
        build("strided", "asks", backbone_options={"depth": 4})
    with pytest.raises(UsageError, match=r"head Strides/takes: .*'stride'; its options are none"):
        build("strided", "takes", head_options={"stride": 4})


HEADS = ["soft_argmax", "simcc", "heatmap"]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    "backbone", ["timm:test_resnet", "timm:test_vit", "timm:test_efficientnet", "strided", "fixed"]
)
@pytest.mark.parametrize("stride", [4, 8, 16])
def test_built_in_heads_work_on_any_backbone_that_gives_maps(
    head: str, backbone: str, stride: int
) -> None:
    torch.manual_seed(0)
    model = build(backbone, head, head_options={"stride": stride}).model.eval()
    model.head.start_at(torch.full((5, 2), 0.5)) if hasattr(model.head, "start_at") else None
    images = torch.rand(3, 3, 64, 64)
    output = model(images)
    assert output["points"].shape == (3, 5, 2)
    assert output["score"].shape == (3, 5)
    assert output["points"].isfinite().all()
    alone = model(images[:1])
    torch.testing.assert_close(alone["points"], output["points"][:1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_built_in_heads_refuse_custom_cnn_by_name(head: str) -> None:
    message = f"backbone landmark-zoo/custom_cnn: gives a vector, and head landmark-zoo/{head} "
    with pytest.raises(UsageError, match=message):
        build_model(ModelPlan.of("custom_cnn", head), generic_scheme(5))


def test_a_stride_that_the_backbone_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(
        UsageError, match=r"no map of stride 5 .* have 4, 8, 16, 32; set head.stride"
    ):
        build("fixed", "soft_argmax", head_options={"stride": 5})
