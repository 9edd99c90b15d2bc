"""The adaptive wing loss of heat maps (Wang et al., ICCV 2019, arXiv:1904.07399).

For a cell with target y and difference d from it:

    omega ln(1 + |d / epsilon|^(alpha - y))     for |d| < theta
    A |d| - C                                    above, without a step or a kink between them

with A = omega (alpha - y) (theta / epsilon)^(alpha - y - 1) / epsilon
         / (1 + (theta / epsilon)^(alpha - y)) and
C = theta A - omega ln(1 + (theta / epsilon)^(alpha - y)). On the background (y = 0) it is nearly
quadratic and forgives small differences; on a peak (y = 1) it is nearly a logarithm and does not.
Its gradient at d = 0 is 0, since alpha - y is above 1.

Cells near a peak weigh more: where the target, dilated by one cell, is at least 0.2, the loss
counts ``boost`` + 1 times. All figures are the paper's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ALPHA, OMEGA, EPSILON, THETA = 2.1, 14.0, 1.0, 0.5
NEAR_PEAK = 0.2
BOOST = 10.0


def adaptive_wing(difference: Tensor, target: Tensor) -> Tensor:
    """The cost of each cell; ``target`` in [0, 1], of the same shape."""
    size, power = difference.abs(), ALPHA - target
    turn = (THETA / EPSILON) ** power
    slope = OMEGA * power * turn / (1 + turn) / THETA
    curved = OMEGA * torch.log1p((size.clamp(max=THETA) / EPSILON) ** power)
    return torch.where(size < THETA, curved, OMEGA * turn.log1p() + slope * (size - THETA))


def peak_weights(target: Tensor, boost: float = BOOST) -> Tensor:
    """1, and ``boost`` + 1 within a cell of where the target, (B, K, h, w), is NEAR_PEAK."""
    return 1 + boost * (F.max_pool2d(target, 3, stride=1, padding=1) >= NEAR_PEAK).to(target.dtype)
