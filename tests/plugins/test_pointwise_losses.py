"""smooth_l1, l1 and mse against figures worked by hand, and what must not reach them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.api import UsageError
from zoo.plugins.losses.pointwise import l1, mse, smooth_l1

ALL = [smooth_l1, l1, mse]
NAN = float("nan")


def face(*differences: tuple[float, float]) -> Tensor:
    return torch.tensor([differences], requires_grad=True)


@pytest.mark.parametrize(
    ("loss", "options", "expected"),
    [
        # differences 0.5, -2, 0, 1
        (l1, {}, (0.5 + 2 + 0 + 1) / 4),
        (mse, {}, (0.25 + 4 + 0 + 1) / 4),
        (smooth_l1, {}, (0.125 + 1.5 + 0 + 0.5) / 4),
        (smooth_l1, {"beta": 2.0}, (0.0625 + 1 + 0 + 0.25) / 4),
    ],
)
def test_one_face_by_hand(loss: Any, options: dict[str, float], expected: float) -> None:
    points = face((1.5, -1.0), (3.0, 5.0))
    target = torch.tensor([[[1.0, 1.0], [3.0, 4.0]]])
    value = loss.build(**options)(points, target, torch.ones(1, 2, dtype=torch.bool))
    assert value.shape == ()
    assert value.item() == pytest.approx(expected)


def test_every_face_with_a_label_weighs_the_same() -> None:
    # Means over visible coordinates: (1 + 3) / 2 = 2 of one point, 1 of two points, no label.
    points = torch.tensor([[[1.0, 3.0], [9.0, 9.0]], [[1.0, 1.0], [1.0, 1.0]], [[7.0, 7.0]] * 2])
    visible = torch.tensor([[True, False], [True, True], [False, False]])
    value = l1.build()(points, torch.zeros(3, 2, 2), visible)
    assert value.item() == pytest.approx((2 + 1) / 2)


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("garbage", [NAN, float("inf"), 1e30])
def test_invisible_points_reach_neither_loss_nor_gradient(loss: Any, garbage: float) -> None:
    visible = torch.tensor([[True, False]])
    target = torch.tensor([[[0.0, 0.0], [garbage, garbage]]])
    points = face((0.5, 2.0), (garbage, 1.0))
    value = loss.build()(points, target, visible)
    value.backward()
    alone = face((0.5, 2.0))
    expected = loss.build()(alone, torch.zeros(1, 1, 2), torch.ones(1, 1, dtype=torch.bool))
    expected.backward()
    assert value.item() == expected.item()
    assert points.grad is not None
    assert alone.grad is not None
    assert torch.equal(points.grad[:, 1], torch.zeros(1, 2))
    assert torch.equal(points.grad[:, :1], alone.grad)


@pytest.mark.parametrize("loss", ALL)
def test_a_batch_without_a_visible_point_costs_nothing(loss: Any) -> None:
    points = torch.randn(2, 3, 2, requires_grad=True)
    value = loss.build()(points, torch.full((2, 3, 2), NAN), torch.zeros(2, 3, dtype=torch.bool))
    value.backward()
    assert value.item() == 0
    assert points.grad is not None
    assert torch.equal(points.grad, torch.zeros(2, 3, 2))


@pytest.mark.parametrize("loss", ALL)
def test_a_visible_point_that_is_not_finite_shows(loss: Any) -> None:
    visible = torch.ones(1, 1, dtype=torch.bool)
    assert loss.build()(face((NAN, 0.0)), torch.zeros(1, 1, 2), visible).isnan()


@pytest.mark.parametrize("loss", ALL)
def test_gradients_are_those_of_the_formula(loss: Any) -> None:
    torch.manual_seed(0)
    points = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    target = torch.randn(3, 4, 2, dtype=torch.float64)
    visible = torch.rand(3, 4) > 0.4
    assert torch.autograd.gradcheck(lambda p: loss.build()(p, target, visible), points)


@pytest.mark.parametrize("loss", ALL)
def test_half_precision_points_are_compared_in_float32(loss: Any) -> None:
    points = torch.randn(4, 68, 2).bfloat16()
    target, visible = torch.randn(4, 68, 2), torch.ones(4, 68, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss.build()(points, target, visible)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss.build()(points.float(), target, visible))


@pytest.mark.parametrize("beta", [0.0, -1.0, NAN])
def test_smooth_l1_refuses_a_beta_that_makes_no_sense(beta: float) -> None:
    with pytest.raises(UsageError, match="smooth_l1: beta"):
        smooth_l1.build(beta=beta)
