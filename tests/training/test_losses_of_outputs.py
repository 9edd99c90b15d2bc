"""Losses that need more than points: they get the head's whole output, whatever calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from zoo.api import PluginError, UsageError
from zoo.registry import registry
from zoo.runs.trained import load_trained
from zoo.tensors import load_tensors
from zoo.training import run
from zoo.training.loss import Criterion

if TYPE_CHECKING:
    from conftest import Kit, Plant

SOURCE = """
import torch
from torch import nn

from zoo.api import Head, Loss


class Spread(nn.Module):
    "Points and a spread of each point; shape=0 gives the spread in another shape than declared."

    def __init__(self, channels, points, shape):
        super().__init__()
        self.shape = shape
        self.out = nn.Linear(channels, 2 * points)

    def forward(self, features):
        points = self.out(features.mean((2, 3))).sigmoid().unflatten(1, (-1, 2))
        return {"points": points, "spread": points.square().mean(-1) if self.shape else points}


def build_head(features, scheme, input_size, *, shape=1):
    return Spread(features.channels[-1], len(scheme), shape)


class Weighted(nn.Module):
    "The distance divided by the head's spread, times a learned scale."

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, points, target, visible, output):
        distance = (points - target).abs().sum(-1) / (1 + output["spread"])
        return (torch.where(visible, distance, 0.0)).mean() * self.scale.exp() - self.scale


head = Head(build=build_head, outputs={"spread": ("K",)}, api_version=2)
loss = Loss(build=Weighted, needs={"spread": ("K",)}, api_version=2)
"""


@pytest.fixture
def spreading(plant: Plant) -> None:
    plant(
        "Spreading", {"zoo.heads": {"spreading": "head"}, "zoo.losses": {"spread": "loss"}}, SOURCE
    )


class Relays(nn.Module):
    """A head with a loss of its own, which calls the point loss twice."""

    def loss(self, output: Any, target: Tensor, visible: Tensor, point_loss: Any) -> Tensor:
        value: Tensor = point_loss(output["points"], target, visible)
        return value + point_loss(output["points"], target, visible)


@pytest.mark.parametrize(("head", "expected"), [(nn.Identity(), 3.0), (Relays(), 6.0)])
def test_a_loss_is_given_the_heads_whole_output_in_float32(
    head: nn.Module, expected: float
) -> None:
    def loss(points: Tensor, target: Tensor, visible: Tensor, output: dict[str, Tensor]) -> Tensor:
        assert {each.dtype for each in output.values()} == {torch.float32}
        assert torch.equal(output["points"], torch.full((1, 2, 2), 0.5))
        return output["own"].sum()

    heads, losses = registry("head").locate("linear"), registry("loss").locate("l1")
    criterion = Criterion(heads, losses, loss)
    output = {"points": torch.full((1, 2, 2), 0.5).half(), "own": torch.tensor([1.0, 2.0]).half()}
    shown = torch.ones(1, 2, dtype=torch.bool)
    assert criterion(head, output, torch.zeros(1, 2, 2), shown).item() == expected


def test_a_loss_with_parameters_is_trained_and_resumed_to_the_bit(
    kit: Kit, spreading: None
) -> None:
    uninterrupted = kit.train(epochs=2, head="spreading", loss="spread")
    assert load_trained(uninterrupted).model.outputs == {"spread": (68,)}
    assert load_tensors(uninterrupted.state)[0]["loss/scale"] != 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINY_AT", "3 die")
        with pytest.raises(KeyboardInterrupt):
            kit.train(epochs=2, head="spreading", loss="spread", out="died")
    path = kit.only_run("died")
    run.resume(path)
    assert kit.outcome(path) == kit.outcome(uninterrupted.path)


def test_a_head_that_does_not_give_what_a_loss_needs_is_refused_before_a_run(kit: Kit) -> None:
    with pytest.raises(UsageError) as caught:
        kit.train(loss="star")
    assert str(caught.value) == (
        "loss landmark-zoo/star: needs the output covariance of a head, and head "
        "landmark-zoo/linear gives points; choose another --head, or another --loss"
    )
    assert not (kit.out / "runs").exists()


def test_an_output_in_another_shape_than_declared_is_refused_before_a_run(
    kit: Kit, spreading: None
) -> None:
    with pytest.raises(PluginError, match=r"declares the output spread, \(2, 68\) for 2 images, "):
        kit.train("head.shape=0", head="spreading")
    assert not (kit.out / "runs").exists()
