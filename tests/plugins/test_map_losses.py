"""Losses of maps: divergences, adaptive wing and smoothing against values computed by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.plugins.heads.adaptive_wing import adaptive_wing, peak_weights
from zoo.plugins.heads.heatmap import smoothing
from zoo.plugins.heads.soft_argmax import jensen_shannon, kullback_leibler


def one_column(*p: float) -> tuple[Tensor, Tensor]:
    """A map of a single column, and the same as y with an x of one cell."""
    column = torch.tensor(p, dtype=torch.float64).log()
    return column[:, None], column


def test_divergences_by_hand() -> None:
    (p, _), (_, q) = one_column(0.5, 0.5), one_column(0.25, 0.75)
    x = torch.zeros(1, dtype=torch.float64)
    # KL(q || p) = 0.25 ln(0.25 / 0.5) + 0.75 ln(0.75 / 0.5)
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert kullback_leibler(p, x, q).item() == pytest.approx(expected)
    # m = (0.375, 0.625)
    of_p = 0.5 * math.log(0.5 / 0.375) + 0.5 * math.log(0.5 / 0.625)
    of_q = 0.25 * math.log(0.25 / 0.375) + 0.75 * math.log(0.75 / 0.625)
    assert jensen_shannon(p, x, q).item() == pytest.approx((of_p + of_q) / 2)


def test_maps_with_nothing_in_common_diverge_by_ln_2() -> None:
    """A probability that a softmax rounds to 0 gives no NaN."""
    log_map = torch.tensor([[0.0, -500.0]], requires_grad=True)
    value = jensen_shannon(log_map, torch.tensor([-500.0, 0.0]), torch.zeros(1))
    value.backward()
    assert value.item() == pytest.approx(math.log(2))
    assert log_map.grad is not None
    assert log_map.grad.isfinite().all()


@pytest.mark.parametrize("divergence", [jensen_shannon, kullback_leibler])
def test_gradients_of_divergences_are_those_of_the_formula(divergence: Any) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    log_x, log_y = draw(2, 3, 5).log_softmax(-1), draw(2, 3, 4).log_softmax(-1)
    logits = draw(2, 3, 4, 5).requires_grad_()

    def cost(values: Tensor) -> Tensor:
        result: Tensor = divergence(
            values.flatten(2).log_softmax(-1).unflatten(2, (4, 5)), log_x, log_y
        )
        return result

    assert cost(logits).shape == (2, 3)
    assert (cost(logits) > 0).all()
    assert cost(log_y[..., None] + log_x[..., None, :]).abs().max() < 1e-12
    assert torch.autograd.gradcheck(cost, logits)


def test_adaptive_wing_by_hand() -> None:
    """alpha 2.1, omega 14, epsilon 1, theta 0.5."""

    def cost(difference: float, target: float) -> float:
        return adaptive_wing(
            torch.tensor(difference).double(), torch.tensor(target).double()
        ).item()

    assert cost(0.0, 0.0) == cost(0.0, 1.0) == 0
    # background: 14 ln(1 + 0.25^2.1), 0.25^2.1 = 0.0544094
    assert cost(0.25, 0.0) == cost(-0.25, 0.0) == pytest.approx(14 * math.log(1.0544094))
    # on a peak: 14 ln(1 + 0.25^1.1), 0.25^1.1 = 0.2176376
    assert cost(-0.25, 1.0) == pytest.approx(14 * math.log(1.2176376))
    # beyond theta, y = 1: 0.5^1.1 = 0.4665165, A = 14 * 1.1 * 0.4665165 / 1.4665165 / 0.5
    slope = 14 * 1.1 * 0.4665165 / 1.4665165 / 0.5
    assert cost(0.8, 1.0) == pytest.approx(14 * math.log(1.4665165) + 0.3 * slope)


@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_adaptive_wing_has_neither_step_nor_kink(target: float) -> None:
    at = torch.tensor([0.5 - 1e-7, 0.5 + 1e-7, 0.0, -1.0], dtype=torch.float64, requires_grad=True)
    value = adaptive_wing(at, torch.full_like(at, target))
    value.sum().backward()
    assert at.grad is not None
    assert value[0].item() == pytest.approx(value[1].item(), abs=1e-5)
    assert at.grad[0].item() == pytest.approx(at.grad[1].item(), rel=1e-5)
    assert at.grad[2] == 0
    assert at.grad[3] == -at.grad[1]


def test_gradients_of_adaptive_wing_are_those_of_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    difference = torch.randn(4, 5, 6, dtype=torch.float64, generator=generator).requires_grad_()
    target = torch.rand(4, 5, 6, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda d: adaptive_wing(d, target), difference)


def test_cells_near_a_peak_weigh_more() -> None:
    x, y = torch.tensor([[[0.4, 0.1, 0.0, 0.1, 0.38]]]), torch.tensor([[[0.5, 0.1, 0.0, 0.1]]])
    expected = torch.ones(4, 5)
    expected[:2, :2] = 11  # 0.5 times 0.4 is near a peak, 0.5 times 0.38 is not
    assert torch.equal(peak_weights(x, y)[0, 0], expected)


def test_the_smoothing_of_maps_by_hand() -> None:
    """Taps exp(-0.5 (i / 0.7)^2) over their sum 1.7546: 0.5699, 0.2054, 0.0096, 0.0001."""
    matrix = smoothing(9)
    torch.testing.assert_close(matrix.sum(1), torch.ones(9))
    torch.testing.assert_close(matrix.flip(0, 1), matrix)
    middle = torch.tensor([0, 0.0001, 0.0096, 0.2054, 0.5699, 0.2054, 0.0096, 0.0001, 0])
    torch.testing.assert_close(matrix[4], middle, atol=6e-5, rtol=0)
    # beyond the end, the last value is repeated
    torch.testing.assert_close(matrix[0, :2], torch.tensor([0.785, 0.2054]), atol=1e-4, rtol=0)
