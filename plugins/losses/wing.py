"""``wing``, ``soft_wing``, ``rectified_wing``: losses with a logarithm for errors of middle size.

All three give a cost of a coordinate's difference d, in landmark units, and are averaged as in
:mod:`zoo.plugins.losses.pointwise`. Their papers use pixels of a 256 px input. One such pixel is
224 / (50 * 256) = 0.0175 landmark units, and every threshold, offset and curvature below is the
papers' value times that. The shape of a loss does not change, since each of them satisfies
L(c d; c w, c epsilon) = c L(d; w, epsilon). Where faces fill much less of the input than in a face
crop, make all options of a loss smaller by the same factor: this is the same loss for a smaller
face.

The slopes of ``wing`` and ``soft_wing`` jump at d = 0 from -a to a; there the gradient is 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.api import Loss, UsageError
from zoo.geometry import UNIT_SCALE, UNIT_SPREAD
from zoo.plugins.losses.pointwise import PointLoss, coordinate_loss

PIXEL = UNIT_SCALE / UNIT_SPREAD / 256
"""One pixel of a 256 px input, in landmark units."""


def build_wing(*, w: float = 10 * PIXEL, epsilon: float = 2 * PIXEL) -> PointLoss:
    """w ln(1 + |d| / epsilon) for |d| below ``w``, |d| - C above, continuous at w.

    The slope falls from w / epsilon at 0 to w / (w + epsilon), then is 1. The options are in
    landmark units; the paper's are 10 and 2 pixels. Raises :class:`UsageError` for an option that
    is not above 0.
    """
    _check_positive("wing", w=w, epsilon=epsilon)
    step = w - w * math.log1p(w / epsilon)

    def cost(difference: Tensor) -> Tensor:
        size = difference.abs()
        return torch.where(size < w, w * torch.log1p(size / epsilon), size - step)

    return coordinate_loss(cost)


def build_soft_wing(
    *, omega1: float = 2 * PIXEL, omega2: float = 20 * PIXEL, epsilon: float = 0.5 * PIXEL
) -> PointLoss:
    """|d| below ``omega1``, omega2 ln(1 + |d| / epsilon) + B above, continuous at omega1.

    Small errors, which are the noise of the labels, have slope 1; in the wing loss they have the
    steepest slope. Errors just above omega1 have the steepest slope here, omega2 / (omega1 +
    epsilon), and outliers a small one. The options are in landmark units; the paper's are 2, 20 and
    0.5 pixels. Raises :class:`UsageError` for an option that is not above 0.
    """
    _check_positive("soft_wing", omega1=omega1, omega2=omega2, epsilon=epsilon)
    step = omega1 - omega2 * math.log1p(omega1 / epsilon)

    def cost(difference: Tensor) -> Tensor:
        size = difference.abs()
        return torch.where(size < omega1, size, omega2 * torch.log1p(size / epsilon) + step)

    return coordinate_loss(cost)


def build_rectified_wing(
    *, r: float = 0.5 * PIXEL, w: float = 10 * PIXEL, epsilon: float = 2 * PIXEL
) -> PointLoss:
    """0 for |d| below ``r``, w ln(1 + (|d| - r) / epsilon) up to ``w``, |d| - C above.

    An error smaller than the noise of the labels has no cost and no gradient. The options are in
    landmark units. By default, r is half a pixel of 256: the error of labels that are rounded to
    whole pixels. Raises :class:`UsageError` for a w or an epsilon that is not above 0, and for an r
    that is not from 0 to below w.
    """
    _check_positive("rectified_wing", w=w, epsilon=epsilon)
    if not 0 <= r < w:
        raise UsageError(f"rectified_wing: r is {r}, it must be at least 0 and below w = {w:g}")
    step = w - w * math.log1p((w - r) / epsilon)

    def cost(difference: Tensor) -> Tensor:
        size = difference.abs()
        beyond = (size - r).clamp(min=0)
        return torch.where(size < w, w * torch.log1p(beyond / epsilon), size - step)

    return coordinate_loss(cost)


def _check_positive(loss: str, **options: float) -> None:
    for name, value in options.items():
        if not 0 < value < math.inf:
            raise UsageError(f"{loss}: {name} is {value}, it must be a number above 0")


wing = Loss(
    build=build_wing,
    reference="Feng et al., Wing Loss, CVPR 2018, arXiv:1711.06753",
    summary="logarithmic below w, linear above: small and middle errors pull more than in l1",
)
soft_wing = Loss(
    build=build_soft_wing,
    reference="Lin et al., Structure-Coherent Deep Feature Learning, TIP 2021",
    summary="linear below omega1, logarithmic above: the labels' noise and outliers pull little",
)
rectified_wing = Loss(
    build=build_rectified_wing,
    reference="Feng et al., Rectified Wing Loss, IJCV 2020, doi:10.1007/s11263-019-01275-0",
    summary="wing, with no cost below r, the labels' own noise",
)
