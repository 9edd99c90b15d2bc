"""``heatmap``: one map per point, with a Gaussian peak at the point, read with subcell accuracy.

The target is a Gaussian of height 1 about the true place, not rounded to a cell. The loss is the
adaptive wing loss (:mod:`zoo.plugins.heads.adaptive_wing`) or the squared difference, over all
cells of a visible point. Only the maps are trained: the point loss (``--loss``) is not used.

The maps are read without bias, after DARK (Zhang et al., arXiv:1910.06278). The map is smoothed.
The logarithm of a Gaussian, smoothed or not, is a parabola whose top is the point. DARK computes
derivatives at the greatest cell from differences of its neighbours. Here a parabola is fitted to
the 3 x 3 cells by least squares, which gives the same place for a Gaussian and averages over noise.
The outermost cells are left out of the search for the greatest cell, so that it always has 3 x 3
cells, and the top may lie up to 1.5 cells from its centre. Near the edge the map is read without
smoothing, since smoothing cannot use values beyond the edge and would move the top.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.api import FeatureInfo, Head, LandmarkScheme, UsageError
from zoo.plugins.heads.adaptive_wing import adaptive_wing, peak_weights
from zoo.plugins.heads.grid import Axis, label_fractions
from zoo.plugins.heads.neck import PointMaps, plan_maps
from zoo.plugins.losses.pointwise import PointLoss, mean_over_points

MARGIN = 1
"""Cells beyond the input's edge on every side, so that a peak at the very edge lies in the map."""

EDGE = 3.0
"""Cells: peaks closer than this to the outermost cells are read from the map without smoothing."""

SMOOTHING = 0.7
"""Cells: standard deviation of the Gaussian that a map is smoothed with before it is read."""

FARTHEST = 1.5
"""Cells: largest distance of the top from the centre of the 3 x 3 cells, on each axis."""

LOWEST = 1e-4
"""Lower limit of a cell's value before the logarithm."""


def smoothing(cells: int) -> Tensor:
    """The matrix (cells, cells) that smooths along an axis with a Gaussian; end cells repeat."""
    reach = math.ceil(3 * SMOOTHING)
    steps = torch.arange(-reach, reach + 1)
    taps = torch.softmax(-0.5 * (steps / SMOOTHING) ** 2, 0)
    places = (torch.arange(cells)[:, None] + steps).clamp(0, cells - 1)
    return torch.zeros(cells, cells).scatter_add_(1, places, taps.expand(cells, -1))


def parabola_top(window: Tensor) -> Tensor:
    """The top (..., 2) of the parabola fitted to logarithms in 3 x 3 cells (..., 3, 3), as x, y
    from the middle cell. It is clipped to FARTHEST, and 0 where the fit has no top."""
    # created on the window's device: copying a list to a GPU would wait for the GPU
    step = torch.arange(-1, 2, dtype=window.dtype, device=window.device)
    bend = 1.5 * step.abs() - 1
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


def find_tops(maps: Tensor) -> Tensor:
    """Maps (B, K, h, w) to the places (B, K, 2) of their tops, x and y in cells."""
    inner = maps[:, :, 1:-1, 1:-1]
    best = inner.flatten(2).argmax(-1)
    y, x = best // inner.shape[3], best % inner.shape[3]  # of the window's first row and column
    width = maps.shape[3]
    near = torch.arange(3, device=maps.device)
    cells = ((y[..., None] + near) * width)[..., :, None] + (x[..., None] + near)[..., None, :]
    window = maps.flatten(2).gather(2, cells.flatten(2)).reshape(cells.shape)
    top = parabola_top(window.clamp(min=LOWEST).log())
    return torch.stack((x, y), -1) + 1 + top


class HeatmapHead(nn.Module):
    """Features to points (B, K, 2), their scores (B, K) in [0, 1], maps, ``"map"`` (B, K, h, w),
    and optionally their visibility (B, K) in [0, 1]; all float32."""

    smoothing: Tensor

    def __init__(
        self,
        maps: PointMaps,
        axis: Axis,
        sigma: float,
        squared: bool,
        seen: nn.Conv2d | None = None,
    ) -> None:
        """``seen`` gives one map per point of its visibility, from the features of the maps."""
        super().__init__()
        self.maps = maps
        self.seen = seen
        self.axis = axis
        # A matrix product: on a CPU, a one-channel convolution takes longer than all other layers.
        self.register_buffer("smoothing", smoothing(axis.count), persistent=False)
        self.sigma, self.squared = sigma, squared
        # Nearly all cells are background: if maps start near 0, only the peaks are to be learned.
        for parameter in maps.project.parameters():
            nn.init.normal_(parameter, std=0.001)

    def forward(self, features: Tensor | list[Tensor]) -> dict[str, Tensor]:
        mixed = self.maps.mixed(features)
        maps = self.maps.of(mixed)
        with torch.autocast(maps.device.type, enabled=False):
            output = self.read(maps)
            if self.seen is not None:
                output["visibility"] = self.visibility(mixed.to(self.seen.weight.dtype), maps)
            return output

    def visibility(self, mixed: Tensor, maps: Tensor) -> Tensor:
        """The probability that each point is visible, (B, K), with the point's map as weights."""
        assert self.seen is not None
        weights = maps.detach().clamp(min=0) + LOWEST
        logit: Tensor = (self.seen(mixed) * weights).sum((2, 3)) / weights.sum((2, 3))
        return logit.sigmoid()

    def read(self, maps: Tensor) -> dict[str, Tensor]:
        """The points and scores of maps (B, K, h, w)."""
        with torch.no_grad():
            inner = find_tops(self.smoothing @ maps @ self.smoothing.mT)
            near_edge = (inner - (self.axis.count - 1) / 2).abs().amax(-1, keepdim=True)
            near_edge = near_edge > (self.axis.count - 1) / 2 - EDGE
            place = torch.where(near_edge, find_tops(maps), inner)
            score = maps.flatten(2).amax(-1).clamp(0, 1)
        return {"points": self.axis.to_unit(place), "score": score, "map": maps}

    def target(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """The target maps (B, K, h, w) of points (B, K, 2), fractions of the input, as two factors
        whose product they are: along x (B, K, w) and along y (B, K, h)."""
        x, y = self.axis.log_gaussian(self.axis.to_cells(unit), self.sigma).exp().unbind(2)
        return x, y

    def loss(
        self, output: dict[str, Tensor], target: Tensor, visible: Tensor, point_loss: PointLoss
    ) -> Tensor:
        """The mean over the cells of visible points; ``point_loss`` is not used."""
        x, y = self.target(label_fractions(target, visible))
        target_map = y.unsqueeze(-1) * x.unsqueeze(-2)
        difference = output["map"] - target_map
        if self.squared:
            cost = difference.square()
        else:
            cost = adaptive_wing(difference, target_map) * peak_weights(x, y)
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
    visibility: bool = False,
) -> HeatmapHead:
    """A head on maps of ``stride`` input pixels a cell and coarser ones, fused to ``width``
    channels.

    ``sigma``, in cells, is that of the target; ``map_loss`` is ``adaptive_wing`` or ``mse``. With
    ``visibility`` the head predicts the probability that each point is visible, which needs data
    with visibility labels. Raises :class:`UsageError` for a stride that the backbone cannot give
    and for options out of range.
    """
    if map_loss not in ("adaptive_wing", "mse"):
        raise UsageError(
            f"head heatmap: map_loss is {map_loss!r}, expected adaptive_wing or mse; the point "
            "loss that --loss names has no part in this head"
        )
    if not 0.5 <= sigma < math.inf:
        raise UsageError(f"head heatmap: sigma is {sigma}, it must be at least half a cell")
    maps, axis = plan_maps(
        "heatmap", features, len(scheme), input_size, stride=stride, width=width, margin=MARGIN
    )
    seen = nn.Conv2d(width, len(scheme), 1) if visibility else None
    return HeatmapHead(maps, axis, sigma, map_loss == "mse", seen)


heatmap = Head(
    build=build,
    reference="Wang et al., arXiv:1904.07399; Zhang et al., DARK, arXiv:1910.06278",
    summary="a bump a point, trained as a map, read to a part of a cell",
)
