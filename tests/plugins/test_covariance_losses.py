"""gaussian_nll and star against values computed by hand, and the covariances that heads give."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.api import FeatureInfo, UsageError, generic_scheme
from zoo.plugins.heads.simcc import simcc
from zoo.plugins.heads.soft_argmax import soft_argmax
from zoo.plugins.losses.covariance import gaussian_nll, star

ACROSS = 224 / 50
"""Landmark units across the input."""


def cost(loss: Any, error: list[float], covariance: list[list[float]], scale: float) -> float:
    """The loss of one point with this error; the input is ``scale`` units wide."""
    points = torch.tensor([[error]]) * (ACROSS / scale)
    output = {"covariance": torch.tensor([[covariance]]) / scale**2}
    visible = torch.ones(1, 1, dtype=torch.bool)
    return float(loss(points, torch.zeros(1, 1, 2), visible, output=output))


@pytest.mark.parametrize(
    ("error", "covariance", "expected"),
    [
        # (2^2 / 4 + 1 / 1 + ln 4) / 2
        ([2.0, 1.0], [[4.0, 0.0], [0.0, 1.0]], (2 + math.log(4)) / 2),
        # the inverse of [[2, 1], [1, 2]] is [[2, -1], [-1, 2]] / 3
        ([1.0, 1.0], [[2.0, 1.0], [1.0, 2.0]], (2 / 3 + math.log(3)) / 2),
        ([1.0, -1.0], [[2.0, 1.0], [1.0, 2.0]], (2 + math.log(3)) / 2),
    ],
)
def test_gaussian_nll_by_hand(
    error: list[float], covariance: list[list[float]], expected: float
) -> None:
    assert cost(gaussian_nll.build(), error, covariance, ACROSS) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("error", "covariance", "expected"),
    [
        # smooth_l1 of .1 and .02 with a beta of .01: .095 and .015; roots .2 and .1; sum .05
        ([0.1, 0.02], [[0.04, 0.0], [0.0, 0.01]], 0.095 / 0.2 + 0.015 / 0.1 + 0.05),
        # below beta a parabola: .004^2 / .02
        ([0.0, 0.004], [[0.04, 0.0], [0.0, 0.01]], 0.0008 / 0.1 + 0.05),
        # eigenvalues .04 along (1, 1), .01 along (1, -1), where the error lies
        ([0.1, 0.1], [[0.025, 0.015], [0.015, 0.025]], (math.sqrt(0.02) - 0.005) / 0.2 + 0.05),
        ([0.1, -0.1], [[0.025, 0.015], [0.015, 0.025]], (math.sqrt(0.02) - 0.005) / 0.1 + 0.05),
    ],
)
def test_star_by_hand(error: list[float], covariance: list[list[float]], expected: float) -> None:
    """The unit is half the input, so the input is two wide."""
    assert cost(star.build(), error, covariance, 2.0) == pytest.approx(expected, abs=1e-3)


def test_star_has_a_gradient_where_there_is_no_direction() -> None:
    covariance = (torch.eye(2) * 0.01).expand(1, 3, 2, 2).clone().requires_grad_()
    points = torch.zeros(1, 3, 2, requires_grad=True)
    visible = torch.ones(1, 3, dtype=torch.bool)
    star.build()(points, torch.ones(1, 3, 2), visible, output={"covariance": covariance}).backward()
    assert covariance.grad is not None
    assert covariance.grad.isfinite().all()
    assert (covariance.grad.diagonal(dim1=-2, dim2=-1) != 0).all()


@pytest.mark.parametrize("options", [{"beta": 0.0}, {"weight": -1.0}, {"beta": math.nan}])
def test_star_refuses_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"star: {next(iter(options))} is"):
        star.build(**options)


def _build(head: Any, **options: Any) -> Any:
    return head.build(FeatureInfo((8,), ((8, 8),), (8.0,)), generic_scheme(1), 64, **options)


def _read(cells: dict[tuple[int, int], float]) -> Tensor:
    """The covariance, in squared cells, of a map with these probabilities by row and column."""
    head = _build(soft_argmax, stride=8, width=4)
    logits = torch.full((1, 1, head.axis.count, head.axis.count), -1e4)
    for (row, column), probability in cells.items():
        logits[0, 0, row, column] = math.log(probability)
    covariance: Tensor = head.read(logits)["covariance"][0, 0]
    return covariance * 8**2  # 8 cells across the input


def test_a_map_of_one_cell_is_as_unsure_as_the_cell_is_wide() -> None:
    torch.testing.assert_close(_read({(3, 4): 1.0}), torch.eye(2) / 12)


def test_two_cells_on_a_diagonal_vary_along_it() -> None:
    """Both are one step from their mean in x and in y; a cell adds 1/12 to each variance."""
    found = _read({(3, 3): 0.5, (5, 5): 0.5})
    torch.testing.assert_close(found, torch.tensor([[1 + 1 / 12, 1.0], [1.0, 1 + 1 / 12]]))


def test_bins_vary_on_each_axis_alone() -> None:
    head = _build(simcc, stride=8, width=4, split=1.0, sigma=0.02)
    logits = torch.full((1, 1, 2, head.bins.count), -1e4)
    logits[0, 0, 0, [20, 24]] = 0.0  # x: half at each of two bins, 2 from their mean
    logits[0, 0, 1, 30] = 0.0
    found = head.read(logits)["covariance"][0, 0] * 64**2
    torch.testing.assert_close(found, torch.tensor([[4 + 1 / 12, 0.0], [0.0, 1 / 12]]))
