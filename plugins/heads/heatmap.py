"""``heatmap``: a map a point with a bump where the point is, read to a part of a cell.

The target is a Gaussian of height 1 about the true place, not rounded to a cell; the loss is the
adaptive wing loss (:mod:`zoo.plugins.heads.adaptive_wing`) or the squared difference, over all
cells of a visible point. The maps alone are trained: the point loss (``--loss``) has no part.

Unbiased reading, after DARK (Zhang et al., arXiv:1910.06278): the logarithm of a Gaussian is a
parabola, and its top is where the point is. DARK takes the derivatives at the greatest cell from
differences of its neighbours; here a parabola is fitted to the three by three cells, by least
squares, which gives the same place for a Gaussian and averages over noise. The greatest cell is
sought away from the edge, so that there are always three by three, and the top may lie up to a
cell and a half from its centre.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.api import FeatureInfo, Head, LandmarkScheme, UsageError
from zoo.plugins.heads.adaptive_wing import adaptive_wing, peak_weights
from zoo.plugins.heads.grid import Axis
from zoo.plugins.heads.neck import PointMaps, plan_maps
from zoo.plugins.heads.units import label_fractions
from zoo.plugins.losses.pointwise import PointLoss, mean_over_points

FARTHEST = 1.5
"""Cells, from the centre of the three by three, on each axis."""

LOWEST = 1e-4
"""What a cell must have to have a logarithm."""


def parabola_top(window: Tensor) -> Tensor:
    """Where the parabola through logarithms in 3 x 3 cells, (..., 3, 3), has its top: (..., 2) as
    x, y from the middle cell. Clipped to FARTHEST; 0 where the fit has no top."""
    step = torch.tensor([-1.0, 0.0, 1.0], dtype=window.dtype, device=window.device)
    bend = torch.tensor([0.5, -1.0, 0.5], dtype=window.dtype, device=window.device)
    rows, columns = window.mean(-1), window.mean(-2)
    slope_x, slope_y = columns @ step / 2, rows @ step / 2
    bend_x, bend_y = 2 * (columns @ bend), 2 * (rows @ bend)
    twist = (window @ step @ step) / 4
    determinant = bend_x * bend_y - twist * twist
    top = (bend_x < 0) & (determinant > 0)
    safe = torch.where(top, determinant, 1.0)
    x = (twist * slope_y - bend_y * slope_x) / safe
    y = (twist * slope_x - bend_x * slope_y) / safe
    place = torch.stack((x, y), -1).clamp(-FARTHEST, FARTHEST)
    return torch.where(top.unsqueeze(-1), place, 0.0)


def find_tops(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Maps (B, K, h, w) to the places (B, K, 2) of their tops, x and y in cells, and the greatest
    values (B, K)."""
    inner = maps[:, :, 1:-1, 1:-1]
    best = inner.flatten(2).argmax(-1)
    y, x = best // inner.shape[3], best % inner.shape[3]  # of the window's first row and column
    width = maps.shape[3]
    near = torch.arange(3, device=maps.device)
    cells = ((y[..., None] + near) * width)[..., :, None] + (x[..., None] + near)[..., None, :]
    window = maps.flatten(2).gather(2, cells.flatten(2)).reshape(cells.shape)
    top = parabola_top(window.clamp(min=LOWEST).log())
    return torch.stack((x, y), -1) + 1 + top, window.flatten(2).amax(-1)


class HeatmapHead(nn.Module):
    """Features to points (B, K, 2), their scores (B, K) in [0, 1] and maps, ``"map"`` (B, K, h, w),
    all float32."""

    def __init__(self, maps: PointMaps, axis: Axis, sigma: float, squared: bool) -> None:
        super().__init__()
        self.maps = maps
        self.axis = axis
        self.sigma, self.squared = sigma, squared
        # Nearly all cells are background: maps that start near 0 have only the peaks to learn.
        for parameter in maps.project.parameters():
            nn.init.normal_(parameter, std=0.001)

    def forward(self, features: Tensor | list[Tensor]) -> dict[str, Tensor]:
        maps = self.maps(features)
        with torch.autocast(maps.device.type, enabled=False):
            return self.read(maps)

    def read(self, maps: Tensor) -> dict[str, Tensor]:
        """What maps (B, K, h, w) say."""
        with torch.no_grad():
            place, greatest = find_tops(maps.detach())
        return {
            "points": self.axis.to_unit(place),
            "score": greatest.clamp(0, 1),
            "map": maps,
        }

    def target(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """What maps of points (B, K, 2), fractions of the input, should show: (B, K, h, w) is the
        product of what is given, along x (B, K, w) and along y (B, K, h)."""
        x, y = self.axis.log_gaussian(self.axis.to_cells(unit), self.sigma).exp().unbind(2)
        return x, y

    def loss(
        self, output: dict[str, Tensor], target: Tensor, visible: Tensor, point_loss: PointLoss
    ) -> Tensor:
        """The mean over a visible point's cells; ``point_loss`` has no part in it."""
        x, y = self.target(label_fractions(target, visible))
        wanted = y.unsqueeze(-1) * x.unsqueeze(-2)
        difference = output["map"] - wanted
        if self.squared:
            cost = difference.square()
        else:
            cost = adaptive_wing(difference, wanted) * peak_weights(x, y)
        return mean_over_points(cost.mean((2, 3)), visible)


def build(
    features: FeatureInfo,
    scheme: LandmarkScheme,
    input_size: int,
    *,
    stride: float = 4,
    width: int = 64,
    sigma: float = 1.5,
    map_loss: str = "adaptive_wing",
) -> HeatmapHead:
    """A head on maps of ``stride`` input pixels a cell and coarser ones, fused to ``width``
    channels.

    ``sigma``, in cells, is the target's; ``map_loss`` is ``adaptive_wing`` or ``mse``. Raises
    :class:`UsageError` for a stride that cannot be had or that leaves fewer than three cells a
    side, and for options out of range.
    """
    if map_loss not in ("adaptive_wing", "mse"):
        raise UsageError(
            f"head heatmap: map_loss is {map_loss!r}, expected adaptive_wing or mse; the point "
            "loss that --loss names has no part in this head"
        )
    if not 0.5 <= sigma < math.inf:
        raise UsageError(f"head heatmap: sigma is {sigma}, it must be at least half a cell")
    maps, axis = plan_maps("heatmap", features, len(scheme), input_size, stride=stride, width=width)
    if axis.count < 3:
        raise UsageError(
            f"head heatmap: {axis.count} cells a side at stride {stride:g} and {input_size} px; a "
            "point is read from three by three: set a finer head.stride"
        )
    return HeatmapHead(maps, axis, sigma, map_loss == "mse")


heatmap = Head(
    build=build,
    reference="Wang et al., arXiv:1904.07399; Zhang et al., DARK, arXiv:1910.06278",
    summary="a bump a point, trained as a map, read to a part of a cell",
)
