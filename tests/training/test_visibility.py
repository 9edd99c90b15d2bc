"""A head's visibility is trained by what the data says is hidden, and by nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from zoo.api import LandmarkScheme
from zoo.config import Augment
from zoo.data.augment import Augmenter, draw
from zoo.training.loss import visibility_loss

NAN = float("nan")


def test_the_loss_of_visibility_is_binary_cross_entropy_by_face() -> None:
    visibility = torch.tensor([[0.9, 0.2, 0.5], [0.6, 0.5, 0.5], [0.1, 0.1, 0.1]])
    visible = torch.tensor([[True, True, False], [True, True, True], [True, True, True]])
    occluded = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [NAN] * 3])
    # Face 1: .9 for a visible point, .2 for a hidden one, and one without a label. Face 2: .6 for a
    # hidden point, .5 for two visible ones. Face 3: occlusion is unknown.
    first = -(math.log(0.9) + math.log(0.8)) / 2
    second = -(math.log(0.4) + 2 * math.log(0.5)) / 3
    loss = visibility_loss(visibility, visible, occluded)
    assert float(loss) == pytest.approx((first + second) / 2)


def test_faces_of_unknown_occlusion_give_no_loss_and_no_gradient() -> None:
    visibility = torch.full((2, 3), 0.5, requires_grad=True)
    loss = visibility_loss(visibility, torch.ones(2, 3, dtype=torch.bool), torch.full((2, 3), NAN))
    loss.backward()
    assert float(loss) == 0
    assert visibility.grad is not None
    assert not visibility.grad.any()


def test_a_mirror_exchanges_what_is_hidden_as_it_does_the_points() -> None:
    scheme = LandmarkScheme("three", ("left", "right", "nose"), flip=(1, 0, 2))
    hidden = torch.tensor([[1.0, 0.0, NAN]]).repeat(64, 1)
    draws = draw(64, 0)
    augment = Augmenter(Augment(flip=0.5), scheme, (0.0, 0.0), 8, 8)
    points = torch.tensor([[[0.2, 0.5], [0.6, 0.5], [0.5, 0.7]]]).repeat(64, 1, 1)
    images = torch.zeros(64, 8, 8, 3, dtype=torch.uint8)
    _, moved, _ = augment(images, points, torch.ones(64, 3, dtype=torch.bool), draws)
    mirrored = (moved[:, 0, 0] - 0.4).abs() < 1e-5  # 1 - .6: the right point, mirrored
    assert 16 < int(mirrored.sum()) < 48
    marks = augment.mirror_marks(hidden, draws).numpy()
    swapped = np.where(mirrored[:, None], [[0.0, 1.0, NAN]], [[1.0, 0.0, NAN]])
    np.testing.assert_array_equal(marks, swapped)
