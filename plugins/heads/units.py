"""Landmark units and fractions of the input, and labels that are safe to compute with."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.geometry import UNIT_SCALE, UNIT_SHIFT, UNIT_SPREAD


def landmark_units(points: Tensor) -> Tensor:
    """Fractions of the input to landmark units."""
    return (UNIT_SCALE * points - UNIT_SHIFT) / UNIT_SPREAD


def fractions(units: Tensor) -> Tensor:
    """Landmark units to fractions of the input."""
    return (UNIT_SPREAD * units + UNIT_SHIFT) / UNIT_SCALE


def label_fractions(target: Tensor, visible: Tensor) -> Tensor:
    """Labels (B, K, 2) in landmark units as fractions of the input; 0 for what is not visible,
    which may be anything, NaN included."""
    return fractions(torch.where(visible.unsqueeze(-1), target, 0.0))
