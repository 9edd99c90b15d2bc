"""nme: the headline metric as a loss, by hand and against the metric itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zoo.api import IBUG68, LandmarkScheme, generic_scheme
from zoo.evaluation.scores import metrics
from zoo.plugins.losses.nme import SHORTEST, nme

EYES = LandmarkScheme(name="eyes", names=("left", "right", "chin"), eye_corners=(0, 1))
FACE = torch.tensor([[[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]]])
ALL = torch.ones(1, 3, dtype=torch.bool)


def value(points: Tensor, target: Tensor, visible: Tensor, scheme: LandmarkScheme = EYES) -> float:
    return float(nme.build(scheme=scheme)(points, target, visible))


def moved(*by: tuple[float, float]) -> Tensor:
    return FACE + torch.tensor([by])


def test_distances_over_the_eye_corners_by_hand() -> None:
    # distances 5, 0 and 1, eye corners 4 apart
    assert value(moved((3, 4), (0, 0), (0, -1)), FACE, ALL) == pytest.approx((5 + 0 + 1) / 3 / 4)


def test_every_face_is_measured_by_its_own_eyes() -> None:
    both = torch.cat((FACE, 2 * FACE))
    points = both + torch.tensor([1.0, 0.0])
    assert value(points, both, ALL.expand(2, 3)) == pytest.approx((1 / 4 + 1 / 8) / 2)


def test_a_scheme_without_eye_corners_is_measured_by_the_box() -> None:
    points = moved((1, 0), (1, 0), (1, 0))
    assert value(points, FACE, ALL, generic_scheme(3)) == pytest.approx(1 / math.sqrt(12))


def test_so_is_a_face_that_hides_an_eye_corner() -> None:
    target = torch.tensor([[[0.0, 0.0], [math.nan, 0.0], [2.0, 3.0]]])
    visible = torch.tensor([[True, False, True]])
    points = moved((1, 0), (9, 9), (1, 0))
    assert value(points, target, visible) == pytest.approx(1 / math.sqrt(6))


def test_a_short_distance_is_raised_as_the_metric_does() -> None:
    profile = torch.tensor([[[1.0, 0.0], [1.01, 0.0], [0.0, 4.0]]])
    scale = math.sqrt(1.01 * 4)
    points = profile + torch.tensor([0.1, 0.0])
    assert value(points, profile, ALL) == pytest.approx(0.1 / (0.05 * scale), rel=1e-4)
    assert metrics.SHORTEST == SHORTEST


@pytest.mark.parametrize("visible", [[True, False, False], [True, True, False]])
def test_a_face_whose_points_span_no_box_costs_nothing(visible: list[bool]) -> None:
    """It does not count as a face: the mean is that of the other face."""
    points = torch.cat((moved((1, 0), (1, 0), (1, 0)), FACE + 2)).requires_grad_()
    both_visible = torch.cat((ALL, torch.tensor([visible])))
    loss = nme.build(scheme=EYES)(points, FACE.expand(2, 3, 2), both_visible)
    loss.backward()
    assert loss.item() == pytest.approx(1 / 4)
    assert points.grad is not None
    assert points.grad[1].abs().max() == 0


@settings(deadline=None)
@given(seed=st.integers(0, 2**31), hidden=st.floats(0, 0.5))
def test_it_is_the_headline_metric_of_faces_that_show_their_eyes(seed: int, hidden: float) -> None:
    rng = np.random.default_rng(seed)
    points, target = rng.normal(size=(2, 4, 68, 2))
    visible = rng.random((4, 68)) >= hidden
    assert IBUG68.eye_corners is not None
    visible[:, list(IBUG68.eye_corners)] = True
    errors = metrics.headline_errors(points, target, visible, IBUG68)
    found = value(*map(torch.from_numpy, (points, target, visible)), IBUG68)
    assert found == pytest.approx(errors.mean(), rel=1e-6)
