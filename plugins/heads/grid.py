"""Where the cells of a map lie on the input, and values spread over them.

A map of stride s has cells of s x s input pixels, laid side by side from the input's top left
corner: cell 0 covers pixels 0 to s - 1, and its centre lies at the fraction s / 2 / S of an input
of S pixels. Where S is no multiple of s, the last cell reaches over the edge (networks that pad) or
the last pixels have no cell (networks that do not): the geometry of the others is the same. A
``margin`` adds cells all around, so that a point at the very edge has cells on both of its sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.geometry import from_landmark_units


@dataclass(frozen=True)
class Axis:
    """Cells along one axis: ``count`` of them, the margin's included, each of ``cell`` pixels."""

    count: int
    cell: float
    input_size: int
    margin: int = 0

    def to_cells(self, unit: Tensor) -> Tensor:
        """Fractions of the input to places among the cells, where whole numbers are centres."""
        return unit * (self.input_size / self.cell) + (self.margin - 0.5)

    def to_unit(self, place: Tensor) -> Tensor:
        """The inverse of :meth:`to_cells`."""
        return (place - (self.margin - 0.5)) * (self.cell / self.input_size)

    def places(self, like: Tensor) -> Tensor:
        """0, 1, ... count - 1, of the dtype and on the device of ``like``."""
        return torch.arange(self.count, dtype=like.dtype, device=like.device)

    def log_gaussian(self, place: Tensor, sigma: float) -> Tensor:
        """The log of a Gaussian about each ``place`` (...), in cells, at every cell: (..., count).

        Not normalised: its greatest value would be 0, at a centre.
        """
        return -0.5 * ((self.places(place) - place.unsqueeze(-1)) / sigma) ** 2

    def variance(self, of_cell: Tensor, mean: Tensor) -> Tensor:
        """The variance (...), in squared fractions of the input, under probabilities of the cells
        (..., count) with this ``mean`` (...). What a cell holds is spread evenly over it, which
        adds 1 / 12 and keeps the variance above 0."""
        away = self.places(of_cell) - mean.unsqueeze(-1)
        return ((of_cell * away**2).sum(-1) + 1 / 12) * (self.cell / self.input_size) ** 2

    def covariance(self, of_cell: Tensor, mean: Tensor) -> Tensor:
        """The same of a map (..., h, w) with this ``mean`` (..., 2) as x, y: (..., 2, 2)."""
        x, y = (self.places(of_cell) - axis.unsqueeze(-1) for axis in mean.unbind(-1))
        along_x = self.variance(of_cell.sum(-2), mean[..., 0])
        along_y = self.variance(of_cell.sum(-1), mean[..., 1])
        both = ((of_cell @ x.unsqueeze(-1)).squeeze(-1) * y).sum(-1)
        both = both * (self.cell / self.input_size) ** 2
        rows = torch.stack((along_x, both), -1), torch.stack((both, along_y), -1)
        return torch.stack(rows, -2)

    def near(self, place: Tensor, reach: float) -> Tensor:
        """Whether each cell's centre lies at most ``reach`` cells from ``place``: (..., count)."""
        return (self.places(place) - place.unsqueeze(-1)).abs() <= reach


def label_fractions(target: Tensor, visible: Tensor) -> Tensor:
    """Labels (B, K, 2) in landmark units as fractions of the input; 0 for what is not visible,
    which may be anything, NaN included."""
    return from_landmark_units(torch.where(visible.unsqueeze(-1), target, 0.0))
