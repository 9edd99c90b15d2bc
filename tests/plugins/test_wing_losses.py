"""wing, soft_wing and rectified_wing against values computed by hand.

ln 1.5 = 0.405465, ln 2 = 0.693147, ln 3 = 1.098612.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from zoo.api import UsageError
from zoo.plugins.losses.wing import rectified_wing, soft_wing, wing

PIXEL = 224 / 50 / 256
"""A pixel of a 256 px input, in landmark units."""


def cost(loss: Any, difference: float, **options: float) -> float:
    """The loss of one coordinate: both coordinates of one point differ by ``difference``."""
    points = torch.full((1, 1, 2), difference, dtype=torch.float64)
    target = torch.zeros(1, 1, 2, dtype=torch.float64)
    value: float = loss.build(**options)(points, target, torch.ones(1, 1, dtype=torch.bool)).item()
    return value


def slope(loss: Any, difference: float, **options: float) -> float:
    points = torch.full((1, 1, 2), difference, dtype=torch.float64, requires_grad=True)
    target = torch.zeros(1, 1, 2, dtype=torch.float64)
    loss.build(**options)(points, target, torch.ones(1, 1, dtype=torch.bool)).backward()
    assert points.grad is not None
    return float(points.grad.sum())


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (0.0, 0.0),
        (0.5, 2 * 0.405465),
        (-1.0, 2 * 0.693147),
        (2.0, 2 * 1.098612),
        # C = 2 - 2 ln 3, and 3 - C
        (-3.0, 1 + 2 * 1.098612),
    ],
)
def test_wing_by_hand(difference: float, expected: float) -> None:
    assert cost(wing, difference, w=2.0, epsilon=1.0) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (0.0, 0.0),
        (-0.25, 0.25),
        # omega1 = 0.5, omega2 = 4, epsilon = 0.5: B = 0.5 - 4 ln 2
        (0.5, 0.5),
        (1.0, 0.5 + 4 * (1.098612 - 0.693147)),
        (-2.0, 0.5 + 4 * (1.609438 - 0.693147)),  # ln 5
    ],
)
def test_soft_wing_by_hand(difference: float, expected: float) -> None:
    options = {"omega1": 0.5, "omega2": 4.0, "epsilon": 0.5}
    assert cost(soft_wing, difference, **options) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (0.0, 0.0),
        (0.9, 0.0),
        (-1.0, 0.0),
        (1.5, 3 * 0.405465),
        (2.0, 3 * 0.693147),
        # C = 3 - 3 ln 3, and 4 - C
        (-3.0, 3 * 1.098612),
        (4.0, 1 + 3 * 1.098612),
    ],
)
def test_rectified_wing_by_hand(difference: float, expected: float) -> None:
    options = {"r": 1.0, "w": 3.0, "epsilon": 1.0}
    assert cost(rectified_wing, difference, **options) == pytest.approx(expected, abs=1e-5)


def test_slopes_by_hand() -> None:
    """w / (epsilon + |d|) within, 1 beyond; 0 at exactly 0, where wing jumps from -2 to 2."""
    at = {0.0: 0.0, 1e-9: 2.0, 1.0: 1.0, -1.0: -1.0, 5.0: 1.0, -5.0: -1.0}
    for difference, expected in at.items():
        assert slope(wing, difference, w=2.0, epsilon=1.0) == pytest.approx(expected)
    soft = {"omega1": 0.5, "omega2": 4.0, "epsilon": 0.5}
    for difference, expected in {0.0: 0.0, 0.3: 1.0, -0.6: -4 / 1.1, 7.5: 0.5}.items():
        assert slope(soft_wing, difference, **soft) == pytest.approx(expected)
    rectified = {"r": 1.0, "w": 3.0, "epsilon": 1.0}
    for difference, expected in {0.0: 0.0, 0.9: 0.0, 2.0: 1.5, -4.0: -1.0}.items():
        assert slope(rectified_wing, difference, **rectified) == pytest.approx(expected)


def test_defaults_are_the_papers_pixels_in_landmark_units() -> None:
    """A pixel of 256 is 0.0175 units; in pixels these costs are by hand 10 ln(1 + d / 2),
    2 + 20 ln(1 + d / 0.5) - 20 ln 5, and 10 ln(1 + (d - 0.5) / 2)."""
    assert pytest.approx(0.0175) == PIXEL
    assert cost(wing, 1 * PIXEL) == pytest.approx(PIXEL * 4.054651)
    assert cost(wing, 30 * PIXEL) == pytest.approx(PIXEL * (20 + 17.917595))  # 10 ln 6
    assert cost(soft_wing, 1 * PIXEL) == pytest.approx(PIXEL)
    assert cost(soft_wing, 4 * PIXEL) == pytest.approx(PIXEL * (2 + 20 * 0.587787))  # ln 1.8
    assert cost(rectified_wing, 0.4 * PIXEL) == 0
    assert cost(rectified_wing, 1.5 * PIXEL) == pytest.approx(PIXEL * 4.054651)


@pytest.mark.parametrize(
    ("loss", "edges"),
    [(wing, [10]), (soft_wing, [2]), (rectified_wing, [0.5, 10])],
    ids=["wing", "soft_wing", "rectified_wing"],
)
def test_pieces_meet_without_a_step(loss: Any, edges: list[float]) -> None:
    for edge in edges:
        below, above = (cost(loss, edge * PIXEL * (1 + s)) for s in (-1e-9, 1e-9))
        assert below == pytest.approx(above, abs=1e-8)


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        (wing, {"w": 0.0}, "wing: w is 0.0, it must be a number above 0"),
        (wing, {"epsilon": -1.0}, "wing: epsilon is -1.0"),
        (soft_wing, {"omega2": float("inf")}, "soft_wing: omega2 is inf"),
        (soft_wing, {"omega1": float("nan")}, "soft_wing: omega1 is nan"),
        (rectified_wing, {"r": 0.5}, r"r is 0.5, it must be at least 0 and below w = 0.175"),
        (rectified_wing, {"r": -0.1}, "rectified_wing: r is -0.1"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    loss: Any, options: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        loss.build(**options)
