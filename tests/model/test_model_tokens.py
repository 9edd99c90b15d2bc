"""Tokens: a head that asks for them, a backbone that gives them, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from zoo.api import PluginError, UsageError, generic_scheme
from zoo.model import ModelPlan, build_model
from zoo.registry import registry
from zoo.testing import checks, run

if TYPE_CHECKING:
    from conftest import Plant

SOURCE = """
import torch
from torch import nn

from zoo.api import Backbone, Head


class Queries(nn.Module):
    "Points from learned queries that attend to all tokens."

    def __init__(self, features, points):
        super().__init__()
        self.features = features
        self.queries = nn.Parameter(torch.randn(points, features.channels[0]) * 0.02)
        self.out = nn.Linear(features.channels[0], 2)

    def forward(self, tokens):
        tokens = tokens.float()
        weight = (tokens @ self.queries.T / tokens.shape[-1] ** 0.5).softmax(1)
        return {"points": self.out(weight.mT @ tokens).sigmoid()}


def build(features, scheme, input_size):
    return Queries(features, len(scheme))


class Patches(nn.Module):
    def __init__(self, columns):
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 16, stride=16)
        if columns:
            self.token_grid, self.extra_tokens = (4, columns), 0

    def forward(self, x):
        return self.embed(x).flatten(2).mT


def build_patches(*, pretrained=False, tokens=False, columns=4):
    return Patches(columns) if tokens else nn.Conv2d(3, 8, 16, stride=16)


head = Head(build=build, tokens=True, api_version=2)
net = Backbone(build=build_patches, input_size=64, api_version=2)
"""


@pytest.fixture
def queries(plant: Plant) -> None:
    plant(
        "Queries", {"zoo.heads": {"queries": "head"}, "zoo.backbones": {"patches": "net"}}, SOURCE
    )


@pytest.mark.parametrize(("name", "extra"), [("test_vit", 1), ("test_vit_relpos", 0)])
def test_a_vision_transformer_gives_its_tokens(queries: None, name: str, extra: int) -> None:
    built = build_model(ModelPlan.of(f"timm:{name}", "queries", input_size=64), generic_scheme(5))
    features = built.model.head.features
    assert (features.grid, features.extra_tokens) == ((4, 4), extra)
    assert not features.is_vector
    model = built.model.eval()
    with torch.no_grad():
        tokens = model.backbone(torch.zeros(2, 3, 64, 64))
        assert tokens.shape == (2, extra + 16, features.channels[0])
        assert model(torch.rand(2, 3, 64, 64))["points"].shape == (2, 5, 2)


def test_tokens_are_those_of_timms_own_features(queries: None) -> None:
    """They are those of the last block, after the final norm, as timm gives them before pooling."""
    import timm

    plain = timm.create_model("test_vit", img_size=64).eval()
    plan = ModelPlan.of("timm:test_vit", "queries", input_size=64)
    ours = build_model(plan, generic_scheme(5)).model.backbone.eval()
    ours.load_state_dict(plain.state_dict(), strict=False)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(image), plain.forward_features(image))


@pytest.mark.parametrize("name", ["landmark-zoo/custom_cnn", "timm:test_resnet"])
def test_a_backbone_without_tokens_is_refused(queries: None, name: str) -> None:
    with pytest.raises(UsageError, match="gives no tokens"):
        build_model(ModelPlan.of(name, "queries"), generic_scheme(5))


@pytest.mark.parametrize(("columns", "words"), [(3, "gives 16 tokens and says 4 x 3"), (0, "lie")])
def test_tokens_that_do_not_fit_their_grid_are_refused(
    queries: None, columns: int, words: str
) -> None:
    plan = ModelPlan.of("patches", "queries", backbone_options={"columns": columns})
    with pytest.raises(PluginError, match=words):
        build_model(plan, generic_scheme(5))
    outcomes = {c.name: c for c in checks("patches", "backbone", options={"columns": columns})}
    assert run(outcomes["output_rank"]).status == "failed"


def test_the_kit_offers_tokens_to_a_head_that_asks_for_them(queries: None) -> None:
    named = {check.name: check for check in checks("queries", "head")}
    for name in ("gives_points", "every_parameter_gets_a_gradient", "exports_to_onnx"):
        assert run(named[name]).status == "ok"
    assert registry("head").get("queries").tokens
