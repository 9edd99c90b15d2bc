"""What holds for every built-in loss: masks, averages, precision, the gradient at zero.

Their formulas have tests of their own.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from zoo.api import UsageError, generic_scheme
from zoo.registry import registry
from zoo.training.loss import PointLoss, build_loss, wants_output

ALL = [e.id for e in registry("loss").entries() if e.distribution == "landmark-zoo"]
UNSURE = {"gaussian_nll", "star"}
"""Losses that depend on a covariance too: a perfect point has a cost."""
NAN = float("nan")


def build(loss: str, points: int) -> PointLoss:
    """The loss; one that needs a covariance gets the same one for every point."""
    built = build_loss(registry("loss").resolve(loss), generic_scheme(points))
    if not wants_output(built):
        return built
    covariance = torch.tensor([[0.05, 0.01], [0.01, 0.04]])
    return lambda found, target, visible: built(
        found, target, visible, output={"covariance": covariance.expand(*found.shape, 2)}
    )


def faces(*shape: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Predictions and labels that differ by about one landmark unit."""
    generator = torch.Generator().manual_seed(0)
    points, target = torch.randn(2, *shape, 2, dtype=dtype, generator=generator)
    return points.requires_grad_(), target


def gradient(points: Tensor) -> Tensor:
    assert points.grad is not None
    return points.grad


def test_all_of_them_are_here() -> None:
    named = {"smooth_l1", "l1", "mse", "wing", "soft_wing", "rectified_wing", "nme"}
    assert named | UNSURE <= set(ALL)


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("garbage", [NAN, float("inf"), 1e30])
def test_invisible_points_reach_neither_loss_nor_gradient(loss: str, garbage: float) -> None:
    points, target = faces(2, 4)
    visible = torch.tensor([[True, True, False, True]] * 2)
    garbled = torch.where(visible[..., None], points.detach(), garbage).requires_grad_()
    value = build(loss, 4)(garbled, torch.where(visible[..., None], target, garbage), visible)
    value.backward()
    alone = points.detach()[:, visible[0]].requires_grad_()
    all_visible = torch.ones(2, 3, dtype=torch.bool)
    expected = build(loss, 3)(alone, target[:, visible[0]], all_visible)
    expected.backward()
    assert value.item() == pytest.approx(expected.item())
    assert expected > 0
    assert torch.equal(gradient(garbled)[:, 2], torch.zeros(2, 2))
    torch.testing.assert_close(gradient(garbled)[:, visible[0]], gradient(alone))


@pytest.mark.parametrize("loss", ALL)
def test_a_batch_without_a_visible_point_costs_nothing(loss: str) -> None:
    points, _ = faces(2, 3)
    value = build(loss, 3)(points, torch.full((2, 3, 2), NAN), torch.zeros(2, 3, dtype=torch.bool))
    value.backward()
    assert value.item() == 0
    assert torch.equal(gradient(points), torch.zeros(2, 3, 2))


@pytest.mark.parametrize("loss", ALL)
def test_every_face_with_labels_weighs_the_same(loss: str) -> None:
    points, target = faces(3, 5)
    visible = torch.tensor([[True] * 5, [True, True, False, False, True], [False] * 5])
    batch_value = build(loss, 5)(points, target, visible)
    each = [
        build(loss, 5)(points[i : i + 1], target[i : i + 1], visible[i : i + 1]) for i in (0, 1)
    ]
    assert batch_value.item() == pytest.approx((each[0].item() + each[1].item()) / 2)


@pytest.mark.parametrize("loss", ALL)
def test_a_visible_point_that_is_not_finite_shows(loss: str) -> None:
    points, target = faces(1, 3)
    broken = points.detach().clone()
    broken[0, 1, 0] = NAN
    assert build(loss, 3)(broken, target, torch.ones(1, 3, dtype=torch.bool)).isnan()


@pytest.mark.parametrize("loss", ALL)
def test_a_perfect_prediction_costs_nothing_and_has_no_gradient(loss: str) -> None:
    """The slope of some losses jumps there, and that of a distance is undefined: 0 is taken."""
    _, target = faces(2, 4)
    points = target.clone().requires_grad_()
    value = build(loss, 4)(points, target, torch.ones(2, 4, dtype=torch.bool))
    value.backward()
    assert value.item() == 0 or loss in UNSURE
    assert torch.equal(gradient(points), torch.zeros(2, 4, 2))


@pytest.mark.parametrize("loss", ALL)
def test_gradients_are_those_of_the_formula(loss: str) -> None:
    points, target = faces(3, 4, dtype=torch.float64)
    visible = torch.tensor([[True, True, False, True], [True] * 4, [False, True, True, True]])
    # small differences as well, so that each piece of a formula is used
    points = target + (points.detach() - target) * torch.tensor([0.003, 0.05, 1])[:, None, None]
    assert torch.autograd.gradcheck(
        lambda p: build(loss, 4)(p, target, visible), points.requires_grad_(), eps=1e-7
    )


@pytest.mark.parametrize("loss", ALL)
def test_half_precision_points_are_compared_in_float32(loss: str) -> None:
    points, target = faces(4, 68)
    visible = torch.ones(4, 68, dtype=torch.bool)
    rounded = points.detach().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        value = build(loss, 68)(rounded, target, visible)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, build(loss, 68)(rounded.float(), target, visible))


@pytest.mark.parametrize("loss", ALL)
def test_an_unknown_option_is_refused_with_the_losss_own(loss: str) -> None:
    with pytest.raises(UsageError, match=rf"loss [\w-]+/{loss}: .*'colour'") as caught:
        build_loss(registry("loss").resolve(loss, {"colour": 1}), generic_scheme(3))
    assert "loss.scheme" not in str(caught.value)


def test_the_scheme_is_the_data_sets_and_no_option() -> None:
    with pytest.raises(UsageError, match=r"loss\.scheme: the data set says it"):
        build_loss(registry("loss").resolve("nme", {"scheme": 5}), generic_scheme(3))
