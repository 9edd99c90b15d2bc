"""smooth_l1, l1 and mse against values computed by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.api import UsageError
from zoo.plugins.losses.pointwise import l1, mse, smooth_l1

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


@pytest.mark.parametrize("beta", [0.0, -1.0, NAN])
def test_smooth_l1_refuses_a_beta_that_makes_no_sense(beta: float) -> None:
    with pytest.raises(UsageError, match="smooth_l1: beta"):
        smooth_l1.build(beta=beta)
