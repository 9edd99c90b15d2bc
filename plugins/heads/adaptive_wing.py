"""The adaptive wing loss of heat maps (Wang et al., ICCV 2019, arXiv:1904.07399).

For a cell with target y and difference d from it:

    omega ln(1 + |d|^(alpha - y))     for |d| < theta
    A |d| - C                          above; value and slope are continuous at theta

with A = omega (alpha - y) theta^(alpha - y - 1) / (1 + theta^(alpha - y)) and
C = theta A - omega ln(1 + theta^(alpha - y)). On the background (y = 0) it is nearly quadratic, so
that small differences cost little. On a peak (y = 1) it is nearly linear, so that small differences
still cost. Its gradient at d = 0 is 0, since alpha - y is above 1.

Cells near a peak weigh more: where the target, dilated by one cell, is at least 0.2, the loss
counts ``BOOST`` + 1 times. All constants are the paper's, whose epsilon is 1.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ALPHA, OMEGA, THETA = 2.1, 14.0, 0.5
NEAR_PEAK = 0.2
BOOST = 10.0


class _AdaptiveWing(torch.autograd.Function):
    """The loss with its slope, computed in one pass: powers take most of the time, and autograd
    would compute them again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, difference: Tensor, target: Tensor) -> Tensor:
        size, power = difference.abs(), ALPHA - target
        curved = size.clamp(max=THETA)
        # beyond theta, the slope is that at theta
        ratio = curved.pow(power - 1)
        raised = ratio * curved
        slope = ratio.mul_(power).mul_(OMEGA).div_(1 + raised)
        ctx.save_for_backward(slope * difference.sign())
        return raised.log1p_().mul_(OMEGA).addcmul_(slope, size.sub_(curved))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        [slope] = ctx.saved_tensors
        return gradient * slope, None


def adaptive_wing(difference: Tensor, target: Tensor) -> Tensor:
    """The cost of each cell; ``target`` in [0, 1], of the same shape."""
    cost: Tensor = _AdaptiveWing.apply(difference, target)
    return cost


def peak_weights(x: Tensor, y: Tensor) -> Tensor:
    """Weights of the cells (B, K, h, w): BOOST + 1 within one cell of where the target is at least
    NEAR_PEAK, 1 elsewhere.

    The target is the product of ``x`` (B, K, w) and ``y`` (B, K, h), so the maximum over 3 x 3
    cells is the product of the maxima over 3 cells along each axis.
    """
    wide, high = (F.max_pool1d(each, 3, stride=1, padding=1) for each in (x, y))
    near = high.unsqueeze(-1) * wide.unsqueeze(-2) >= NEAR_PEAK
    return 1 + BOOST * near.to(x.dtype)
