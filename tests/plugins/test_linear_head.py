"""The linear head: what it takes, its landmark units, and its start at the mean shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from zoo.api import IBUG68, FeatureInfo, generic_scheme
from zoo.geometry import to_landmark_units
from zoo.plugins.heads.linear import linear

MAPS = FeatureInfo(channels=(8, 16), sizes=((8, 8), (4, 4)), strides=(8.0, 16.0))


def test_a_map_is_averaged_over_its_cells() -> None:
    head: Any = linear.build(MAPS, IBUG68, 64)
    coarse = torch.randn(3, 16, 4, 4)
    points = head(coarse)["points"]
    assert points.shape == (3, 68, 2)
    torch.testing.assert_close(points, head(coarse.mean((2, 3)))["points"])


def test_of_several_maps_the_coarsest_counts() -> None:
    head: Any = linear.build(MAPS, IBUG68, 64)
    fine, coarse = torch.randn(3, 8, 8, 8), torch.randn(3, 16, 4, 4)
    torch.testing.assert_close(head([fine, coarse])["points"], head(coarse)["points"])


def test_with_features_of_zero_it_starts_at_exactly_the_mean_shape() -> None:
    head: Any = linear.build(FeatureInfo((16,)), IBUG68, 64)
    weight = head.linear.weight.clone()
    mean = torch.rand(68, 2)
    head.start_at(mean)
    torch.testing.assert_close(head(torch.zeros(2, 16))["points"], mean.expand(2, 68, 2))
    assert torch.equal(head.linear.weight, weight)
    assert head.linear.bias.requires_grad


def test_its_layer_works_in_landmark_units() -> None:
    head: Any = linear.build(FeatureInfo((4,)), generic_scheme(3), 64)
    features = torch.randn(2, 4)
    units = head.linear(features).detach().numpy().reshape(2, 3, 2)
    points = head(features)["points"].detach().numpy()
    np.testing.assert_allclose(to_landmark_units(points), units, atol=1e-6)


def test_points_may_leave_the_input() -> None:
    head: Any = linear.build(FeatureInfo((1,)), generic_scheme(1), 64)
    head.start_at(torch.tensor([[-0.2, 1.3]]))
    points = head(torch.zeros(1, 1))["points"]
    torch.testing.assert_close(points, torch.tensor([[[-0.2, 1.3]]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_coordinates_are_float32_under_autocast(dtype: torch.dtype) -> None:
    head: Any = linear.build(FeatureInfo((16,)), IBUG68, 64)
    features = torch.randn(2, 16).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        points = head(features)["points"]
    assert points.dtype == torch.float32
    torch.testing.assert_close(points, head(features.float())["points"])


def test_every_parameter_gets_a_gradient() -> None:
    head: Any = linear.build(MAPS, IBUG68, 64)
    head(torch.randn(2, 16, 4, 4))["points"].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())
