"""Where the cells of a map lie on the input, and Gaussians and moments over them.

A map of stride s has cells of s x s input pixels, laid side by side from the input's top left
corner: cell 0 covers pixels 0 to s - 1, and its centre lies at the fraction s / 2 / S of an input
of S pixels. Where S is no multiple of s, the last cell extends beyond the edge (networks that pad)
or the last pixels have no cell (networks that do not); the other cells lie as before. A ``margin``
adds cells on all sides, so that a point at the very edge has cells on both of its sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.geometry import from_landmark_units


@dataclass(frozen=True)
class Axis:
    """Cells along one axis: ``count`` cells, including both margins, of ``cell`` pixels each."""

    count: int
    cell: float
    input_size: int
    margin: int = 0

    def to_cells(self, unit: Tensor) -> Tensor:
        """Convert fractions of the input to coordinates in cells, where integers are centres."""
        return unit * (self.input_size / self.cell) + (self.margin - 0.5)

    def to_unit(self, place: Tensor) -> Tensor:
        """The inverse of :meth:`to_cells`."""
        return (place - (self.margin - 0.5)) * (self.cell / self.input_size)

    def places(self, like: Tensor) -> Tensor:
        """0, 1, ... count - 1, of the dtype and on the device of ``like``."""
        return torch.arange(self.count, dtype=like.dtype, device=like.device)

    def log_gaussian(self, place: Tensor, sigma: float) -> Tensor:
        """The log of a Gaussian about each ``place`` (...), in cells, at every cell: (..., count).

        It is not normalised: a cell whose centre is at ``place`` has 0.
        """
        return -0.5 * ((self.places(place) - place.unsqueeze(-1)) / sigma) ** 2

    def variance(self, of_cell: Tensor, mean: Tensor) -> Tensor:
        """The variance (...), in squared fractions of the input, of probabilities of the cells
        (..., count) with this ``mean`` (...). A cell's probability is spread evenly over the cell,
        which adds 1 / 12 and keeps the variance above 0."""
        deviation = self.places(of_cell) - mean.unsqueeze(-1)
        return ((of_cell * deviation**2).sum(-1) + 1 / 12) * (self.cell / self.input_size) ** 2

    def covariance(self, of_cell: Tensor, mean: Tensor) -> Tensor:
        """The covariance (..., 2, 2), in squared fractions of the input, of a probability map
        (..., h, w) with this ``mean`` (..., 2) as x, y."""
        x, y = (self.places(of_cell) - axis.unsqueeze(-1) for axis in mean.unbind(-1))
        xx = self.variance(of_cell.sum(-2), mean[..., 0])
        yy = self.variance(of_cell.sum(-1), mean[..., 1])
        xy = ((of_cell @ x.unsqueeze(-1)).squeeze(-1) * y).sum(-1)
        xy = xy * (self.cell / self.input_size) ** 2
        rows = torch.stack((xx, xy), -1), torch.stack((xy, yy), -1)
        return torch.stack(rows, -2)

    def near(self, place: Tensor, reach: float) -> Tensor:
        """Whether each cell's centre lies at most ``reach`` cells from ``place``: (..., count)."""
        return (self.places(place) - place.unsqueeze(-1)).abs() <= reach


def label_fractions(target: Tensor, visible: Tensor) -> Tensor:
    """Convert labels (B, K, 2) from landmark units to fractions of the input. Points that are not
    visible become 0; their labels may be anything, NaN included."""
    return from_landmark_units(torch.where(visible.unsqueeze(-1), target, 0.0))
