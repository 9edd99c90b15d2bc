"""Points and cells: the ideal map of a known point is read back as that point, without bias.

The maps are ideal maps and bins for many strides, sizes and places between cells, mirrored maps,
and maps of images that go through strides, paddings and the neck.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from zoo.api import FeatureInfo, generic_scheme
from zoo.plugins.heads.grid import Axis
from zoo.plugins.heads.heatmap import find_tops, heatmap, parabola_top
from zoo.plugins.heads.neck import enlarge, fits, ratio, stride_of
from zoo.plugins.heads.simcc import simcc
from zoo.plugins.heads.soft_argmax import soft_argmax

SIZES = st.sampled_from([96, 112, 128, 224, 256])
STRIDES = st.sampled_from([4, 8])
UNIT = st.floats(0, 1)

untimed = settings(deadline=None, max_examples=50)  # a busy machine may be slow


def features(input_size: int, stride: int) -> FeatureInfo:
    cells = -(-input_size // stride)
    return FeatureInfo((4,), ((cells, cells),), (input_size / cells,))


def head(kind: Any, input_size: int, stride: int, **options: Any) -> Any:
    built = kind.build(
        features(input_size, stride), generic_scheme(1), input_size, stride=stride, **options
    )
    return built.eval()


def ideal(axis: Axis, unit: Tensor, sigma: float) -> Tensor:
    """Logs of Gaussians about points (B, 1, 2): (B, 1, 2, count)."""
    return axis.log_gaussian(axis.to_cells(unit), sigma)


def square(logs: Tensor) -> Tensor:
    return logs[:, :, 1, :, None] + logs[:, :, 0, None, :]


def test_cells_by_hand() -> None:
    axis = Axis(count=14, cell=8, input_size=112)
    # the first cell is pixels 0 to 7: its centre is 4 pixels from the edge
    assert axis.to_unit(torch.tensor(0.0)).item() == pytest.approx(4 / 112)
    assert axis.to_unit(torch.tensor(13.0)).item() == pytest.approx(108 / 112)
    assert axis.to_cells(torch.tensor(0.5)).item() == 6.5
    wider = Axis(count=16, cell=8, input_size=112, margin=1)
    assert wider.to_unit(torch.tensor(0.0)).item() == pytest.approx(-4 / 112)
    assert wider.to_cells(torch.tensor(0.5)).item() == 7.5
    # a network that pads has 13 cells of 8 in 100 pixels, not 13 of 7.7
    padded = Axis(count=13, cell=8, input_size=100)
    assert padded.to_unit(torch.tensor(12.0)).item() == pytest.approx(1.0)


@untimed
@given(unit=st.floats(-1, 2), count=st.integers(1, 64), margin=st.integers(0, 9))
def test_cells_and_fractions_are_inverses(unit: float, count: int, margin: int) -> None:
    axis = Axis(count, 8, 112, margin)
    place = axis.to_cells(torch.tensor(unit, dtype=torch.float64))
    assert axis.to_unit(place).item() == pytest.approx(unit, abs=1e-12)


@untimed
@given(size=SIZES, stride=STRIDES, x=UNIT, y=UNIT, sigma=st.floats(1, 2.5))
def test_an_ideal_heat_map_is_read_exactly(
    size: int, stride: int, x: float, y: float, sigma: float
) -> None:
    """At the very edge too, where the map is not smoothed; elsewhere, a smoothed bump of steps is
    nearly a Gaussian."""
    built = head(heatmap, size, stride)
    unit = torch.tensor([[[x, y]]])
    bump = square(ideal(built.axis, unit, sigma)).exp()
    assert (find_tops(bump) - built.axis.to_cells(unit)).abs().max().item() < 2e-3
    error = ((built.read(bump)["points"] - unit).abs() * size / stride).max().item()
    assert error < 0.02


@untimed
@given(size=SIZES, stride=STRIDES, x=UNIT, y=UNIT, sigma=st.floats(0.7, 1.5))
def test_an_ideal_probability_map_has_its_mean_at_the_point(
    size: int, stride: int, x: float, y: float, sigma: float
) -> None:
    """Where four sigmas lie on the grid: the mean of a Gaussian that is cut off lies elsewhere."""
    built = head(soft_argmax, size, stride)
    last = built.axis.count - 1
    sigma = min(sigma, last / 8)
    place = 4 * sigma + torch.tensor([[[x, y]]]).clamp(0, 1) * (last - 8 * sigma)
    unit = built.axis.to_unit(place)
    found = built.read(square(ideal(built.axis, unit, sigma)))["points"]
    assert (found - unit).abs().max().item() * size / stride < 2e-3


def test_a_margin_lets_a_mean_reach_the_edge() -> None:
    """A Gaussian at the very edge is cut off, and its mean is a third of a cell inside. Without the
    margin no mean could be closer to the edge than half a cell, however narrow the map."""
    built = head(soft_argmax, 112, 8)
    unit = torch.tensor([[[0.0, 0.5]]])
    found = built.read(square(ideal(built.axis, unit, 1.0)))["points"]
    assert 0 < found[0, 0, 0].item() * 14 < 0.4
    corner = torch.full((1, 1, 16, 16), -99.0)
    corner[..., 0, 0] = 99.0
    assert built.read(corner)["points"].max().item() * 14 == pytest.approx(-0.5)


@untimed
@given(size=SIZES, x=UNIT, y=UNIT, split=st.sampled_from([0.5, 1.0, 2.0, 3.0]))
def test_ideal_bins_have_their_mean_at_the_point(
    size: int, x: float, y: float, split: float
) -> None:
    """At the very edge too: the bins go on beyond it for three sigmas."""
    built = head(simcc, size, 8, split=split, sigma=0.015)
    unit = torch.tensor([[[x, y]]])
    found = built.read(ideal(built.bins, unit, built.sigma))["points"]
    assert (found - unit).abs().max().item() * size < 0.02  # pixels


@untimed
@given(seed=st.integers(0, 2**31), size=SIZES, stride=STRIDES)
def test_a_mirrored_map_is_the_mirrored_point(seed: int, size: int, stride: int) -> None:
    """True of any map, not only of ideal ones: reading prefers no side."""
    generator = torch.Generator().manual_seed(seed)
    for kind in (soft_argmax, heatmap, simcc):
        built = head(kind, size, stride)
        axis = built.bins if kind is simcc else built.axis
        shape = (3, 1, 2, axis.count) if kind is simcc else (3, 1, axis.count, axis.count)
        values = torch.randn(shape, generator=generator).exp()
        one = built.read(values)
        if kind is simcc:
            mirrored = torch.stack((values[:, :, 0].flip(-1), values[:, :, 1]), 2)
        else:
            mirrored = values.flip(-1)
        other = built.read(mirrored)
        expected = torch.stack((1 - one["points"][..., 0], one["points"][..., 1]), -1)
        torch.testing.assert_close(other["points"], expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(other["score"], one["score"], atol=1e-5, rtol=0)


def test_a_parabola_has_its_top_where_it_is_put() -> None:
    step = torch.tensor([-1.0, 0.0, 1.0])
    x, y = step[None, :] - 0.3, step[:, None] + 1.2
    turned = -(2 * x * x + 0.9 * x * y + y * y)
    torch.testing.assert_close(parabola_top(turned), torch.tensor([0.3, -1.2]))
    # far beyond the window it is clipped, and a saddle or a plane has none
    torch.testing.assert_close(
        parabola_top(-((step[None, :] - 9) ** 2 + step[:, None] ** 2)), torch.tensor([1.5, 0.0])
    )
    for none in (step[None, :] ** 2 - step[:, None] ** 2, torch.zeros(3, 3)):
        assert torch.equal(parabola_top(none), torch.zeros(2))


@pytest.mark.parametrize(
    ("input_size", "cells", "stride"),
    [(224, 7, 32), (112, 4, 32), (112, 3, 32), (100, 13, 8), (100, 12, 8), (518, 37, 14)],
)
def test_the_stride_of_a_map_whose_last_cell_was_padded_or_dropped(
    input_size: int, cells: int, stride: int
) -> None:
    assert fits(input_size, cells, stride)
    assert stride_of(input_size, cells) == stride
    assert not fits(input_size, cells, stride * 2)
    assert not fits(input_size, cells, stride / 2)


@pytest.mark.parametrize(
    ("fine", "coarse", "expected"),
    [(14, 7, 2), (7, 4, 2), (7, 3, 2), (28, 7, 4), (14, 4, 4), (5, 5, 1), (20, 14, 0)],
)
def test_the_ratio_of_two_maps(fine: int, coarse: int, expected: int) -> None:
    assert ratio(fine, coarse) == expected


@pytest.mark.parametrize(("fine", "coarse"), [(14, 7), (7, 4), (7, 3), (9, 5), (13, 6)])
def test_a_coarse_map_is_laid_where_its_cells_are(fine: int, coarse: int) -> None:
    """A ramp, averaged over pairs of cells and enlarged, lies on the ramp, padded or dropped as the
    last cell may be; only at the edges, where a ramp has no neighbour, it is flat."""
    ramp = torch.arange(2.0 * coarse)
    averages = ramp.view(-1, 2).mean(1).expand(1, 1, coarse, -1)
    enlarged = enlarge(averages, 2, fine, fine)
    assert enlarged.shape == (1, 1, fine, fine)
    last = min(fine, 2 * coarse - 1)
    torch.testing.assert_close(enlarged[..., 1:last], ramp[1:last].expand(1, 1, fine, -1))
    if fine > 2 * coarse:
        assert torch.equal(enlarged[..., -1], enlarged[..., -2])


def test_maps_of_no_whole_ratio_both_cover_the_input() -> None:
    ramp = ((torch.arange(14) + 0.5) / 14).expand(1, 1, 14, 14)
    enlarged = enlarge(ramp, 0, 20, 20)
    torch.testing.assert_close(enlarged[0, 0, 0, 1:-1], (torch.arange(1, 19) + 0.5) / 20)


class Pyramid(nn.Module):
    """Averages over whole cells, the last of them padded or dropped: maps with exact geometry."""

    def __init__(self, strides: tuple[int, ...], pads: bool) -> None:
        super().__init__()
        self.strides, self.pads = strides, pads

    def forward(self, image: Tensor) -> list[Tensor]:
        return [F.avg_pool2d(image, s, ceil_mode=self.pads) for s in self.strides]


def blob(size: int, x: float, y: float, sigma: float) -> Tensor:
    """A Gaussian of ``sigma`` pixels in an image, (1, 1, size, size), about fractions of it."""
    centres = torch.arange(size) + 0.5
    across = torch.exp(-0.5 * ((centres - x * size) / sigma) ** 2)
    down = torch.exp(-0.5 * ((centres - y * size) / sigma) ** 2)
    return (down[:, None] * across)[None, None]


def make_identity(built: Any) -> None:
    """Make every layer of the neck the identity on the first channel."""
    for module in built.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.weight)
            middle = module.kernel_size[0] // 2
            module.weight.data[0, 0, middle, middle] = 1
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-12  # torch 2.11 refuses 0


@untimed
@given(
    size=st.sampled_from([200, 204, 220, 224]),
    x=st.floats(0.42, 0.55),
    y=st.floats(0.42, 0.55),
    strides=st.sampled_from([(4,), (4, 8), (4, 8, 16), (8, 16), (16,)]),
    pads=st.booleans(),
)
def test_a_blob_in_an_image_is_where_it_is_through_pyramid_and_neck(
    size: int, x: float, y: float, strides: tuple[int, ...], pads: bool
) -> None:
    """Maps of several strides are summed, the finest doubled once or twice where it is coarser than
    4, and the centre of mass of the output is the blob's: averaging and linear interpolation
    keep it, and a shift of a part of a cell anywhere would not."""
    maps = Pyramid(strides, pads)(blob(size, x, y, 10.0))
    cells = [m.shape[2] for m in maps]
    info = FeatureInfo(
        channels=(1,) * len(maps),
        sizes=tuple((n, n) for n in cells),
        strides=tuple(size / n for n in cells),
    )
    built: Any = heatmap.build(info, generic_scheme(1), size, stride=4, width=1).eval()
    make_identity(built)
    with torch.no_grad():
        output = built(maps if len(maps) > 1 else maps[0])["map"][0, 0]
    places = torch.arange(built.axis.count, dtype=output.dtype)
    centre = torch.stack((output.sum(0) @ places, output.sum(1) @ places)) / output.sum()
    found = built.axis.to_unit(centre) * size
    torch.testing.assert_close(found, torch.tensor([x, y]) * size, atol=0.1, rtol=0)  # pixels
