"""soft_argmax, simcc and heatmap: what they give, what they train on, what they refuse.

test_head_geometry.py tests that their points are where their maps say.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.api import FeatureInfo, UsageError, generic_scheme
from zoo.geometry import from_landmark_units, to_landmark_units
from zoo.plugins.heads.heatmap import heatmap
from zoo.plugins.heads.simcc import simcc
from zoo.plugins.heads.soft_argmax import soft_argmax
from zoo.plugins.losses.pointwise import l1

HEADS = {"soft_argmax": soft_argmax, "simcc": simcc, "heatmap": heatmap}
MAPS = FeatureInfo((8, 16, 32), ((16, 16), (8, 8), (4, 4)), (4.0, 8.0, 16.0))
SIZE, SCHEME = 64, generic_scheme(5)
POINT_LOSS = l1.build()
EVERY = pytest.mark.parametrize("kind", HEADS)


def build(kind: str, features: FeatureInfo = MAPS, **options: Any) -> Any:
    torch.manual_seed(0)
    return HEADS[kind].build(features, SCHEME, SIZE, **{"stride": 4, "width": 16} | options)


def maps(batch: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(batch, c, *size, generator=generator)
        for c, size in zip(MAPS.channels, MAPS.sizes, strict=True)
    ]


def labels(batch: int = 2) -> tuple[Tensor, Tensor]:
    """Targets in landmark units, inside the input; the second point of each face is not visible."""
    generator = torch.Generator().manual_seed(2)
    target = to_landmark_units(0.2 + 0.6 * torch.rand(batch, 5, 2, generator=generator))
    visible = torch.ones(batch, 5, dtype=torch.bool)
    visible[:, 1] = False
    return target, visible


def bump(head: Any, unit: Tensor) -> Tensor:
    """The maps that a heat-map head is trained to give."""
    x, y = head.target(unit)
    return y[..., None] * x[..., None, :]


def map_name(kind: str) -> str:
    return {"soft_argmax": "log_map", "simcc": "log_bins", "heatmap": "map"}[kind]


@EVERY
def test_points_and_scores_of_a_batch(kind: str) -> None:
    output = build(kind)(maps(3))
    assert output["points"].shape == (3, 5, 2)
    assert output["score"].shape == (3, 5)
    assert ((output["score"] >= 0) & (output["score"] <= 1)).all()
    assert all(each.dtype == torch.float32 for each in output.values())


@EVERY
def test_one_map_serves_as_well_as_a_list(kind: str) -> None:
    alone = FeatureInfo((32,), ((4, 4),), (16.0,))
    head = build(kind, alone, stride=16).eval()
    coarse = maps()[2]
    torch.testing.assert_close(head(coarse)["points"], head([coarse])["points"])


@EVERY
@pytest.mark.parametrize("stride", [4, 8])
def test_every_parameter_gets_a_gradient(kind: str, stride: int) -> None:
    """From the head's own loss; maps that are finer than the requested stride get no layers."""
    head = build(kind, stride=stride)
    target, visible = labels()
    head.loss(head(maps()), target, visible, POINT_LOSS).backward()
    silent = [n for n, p in head.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert silent == []
    assert len(head.maps.neck.lateral) == {4: 3, 8: 2}[stride]


@EVERY
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
def test_invisible_points_reach_neither_loss_nor_gradient(kind: str, garbage: float) -> None:
    target, visible = labels()
    found = []
    for filler in (0.0, garbage):
        head = build(kind)
        garbled = torch.where(visible[..., None], target, filler)
        value = head.loss(head(maps()), garbled, visible, POINT_LOSS)
        value.backward()
        found.append((value.item(), [p.grad for p in head.parameters()]))
    assert math.isfinite(found[0][0])
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


@EVERY
def test_maps_of_invisible_points_are_not_trained(kind: str) -> None:
    head = build(kind)
    target, visible = labels()
    output = head(maps())
    output[map_name(kind)].retain_grad()
    head.loss(output, target, visible, POINT_LOSS).backward()
    gradient = output[map_name(kind)].grad.flatten(2).abs().sum(-1)
    assert torch.equal(gradient > 0, visible)


@EVERY
def test_a_batch_without_a_visible_point_costs_nothing(kind: str) -> None:
    head = build(kind)
    target, visible = labels()
    nothing = torch.zeros_like(visible)
    value = head.loss(head(maps()), torch.full_like(target, math.nan), nothing, POINT_LOSS)
    value.backward()
    assert value.item() == 0
    assert all(not p.grad.abs().sum() for p in head.parameters())


@EVERY
def test_every_face_with_labels_weighs_the_same(kind: str) -> None:
    head = build(kind).eval()
    target, visible = labels()
    visible[0, 2:] = False
    output = head(maps())
    both = head.loss(output, target, visible, POINT_LOSS)
    each = [
        head.loss(
            {n: t[i : i + 1] for n, t in output.items()},
            target[i : i + 1],
            visible[i : i + 1],
            POINT_LOSS,
        )
        for i in (0, 1)
    ]
    assert both.item() == pytest.approx((each[0].item() + each[1].item()) / 2, rel=1e-5)


@EVERY
def test_points_are_read_in_float32_under_autocast(kind: str) -> None:
    head = build(kind).eval()
    with torch.autocast("cpu", torch.bfloat16):
        output = head([each.bfloat16() for each in maps()])
    assert all(each.dtype == torch.float32 for each in output.values())
    exact = head(maps())["points"]
    if kind != "heatmap":  # in random maps its highest cell may be another one
        torch.testing.assert_close(output["points"], exact, atol=0.02, rtol=0)


@pytest.mark.parametrize("kind", ["soft_argmax", "simcc"])
def test_with_maps_that_say_nothing_it_starts_near_the_mean_shape(kind: str) -> None:
    """Near: the broad Gaussian is cut off at the edge of the input."""
    head = build(kind).eval()
    mean = 0.3 + 0.4 * torch.rand(5, 2)
    nn.init.zeros_(head.maps.project.weight)
    for layer in (head.maps.project, *(m for m in head.modules() if isinstance(m, nn.Linear))):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    torch.testing.assert_close(
        head(maps())["points"], torch.full((2, 5, 2), 0.5), atol=1e-5, rtol=0
    )
    head.start_at(mean)
    torch.testing.assert_close(head(maps())["points"], mean.expand(2, 5, 2), atol=0.03, rtol=0)
    # it is kept with the weights: a head that is loaded says the same
    twin = build(kind).eval()
    twin.load_state_dict(head.state_dict())
    torch.testing.assert_close(twin(maps())["points"], head(maps())["points"])


@EVERY
def test_a_sharp_map_has_a_higher_score_than_a_flat_one(kind: str) -> None:
    head = build(kind)
    if kind == "simcc":
        sharp = head.bins.log_gaussian(torch.full((1, 5, 2), 60.0), head.sigma)
    else:
        axis = head.axis.log_gaussian(torch.full((1, 5, 2), 7.0), 1.0)
        sharp = axis[:, :, 1, :, None] + axis[:, :, 0, None, :]
    if kind == "heatmap":
        sharp = sharp.exp()
    high, low = head.read(sharp)["score"], head.read(sharp * 0.1)["score"]
    assert (high > 0.6).all()
    assert (low < high / 2).all()


@EVERY
def test_a_map_that_is_its_target_costs_least(kind: str) -> None:
    head = build(kind)
    target, visible = labels()
    unit = from_landmark_units(target)
    if kind == "simcc":
        ideal = head.bins.log_gaussian(head.bins.to_cells(unit), head.sigma)
    elif kind == "soft_argmax":
        log = head.axis.log_gaussian(head.axis.to_cells(unit), head.sigma)
        ideal = log[:, :, 1, :, None] + log[:, :, 0, None, :]
    else:
        ideal = bump(head, unit)
    best = head.loss(head.read(ideal), target, visible, POINT_LOSS).item()
    assert best == pytest.approx(0, abs=1e-4)
    moved = head.loss(head.read(ideal.roll(1, -1)), target, visible, POINT_LOSS).item()
    assert moved > 0.01


def test_the_regulariser_and_its_weight_are_options() -> None:
    target, visible = labels()

    def cost(**options: Any) -> float:
        head = build("soft_argmax", **options).eval()
        value: float = head.loss(head(maps()), target, visible, POINT_LOSS).item()
        return value

    bare = cost(weight=0)
    assert cost(weight=2.0) - bare == pytest.approx(2 * (cost(weight=1.0) - bare), rel=1e-4)
    assert cost(regulariser="kl") - bare > cost(regulariser="js") - bare > 0


def test_the_maps_loss_is_an_option_and_the_point_loss_has_no_part() -> None:
    target, visible = labels()

    def refuse(*_: Tensor) -> Tensor:
        raise AssertionError("the point loss was called")

    head = build("heatmap", map_loss="mse").eval()
    output = head(maps())
    each = (output["map"] - bump(head, from_landmark_units(target))).square().mean((2, 3))
    assert head.loss(output, target, visible, refuse).item() == pytest.approx(
        each[visible].mean().item()
    )


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("soft_argmax", {"regulariser": "l2"}, "regulariser is 'l2', expected js or kl"),
        ("soft_argmax", {"sigma": 0.2}, "sigma is 0.2, it must be at least half a cell"),
        ("soft_argmax", {"weight": -1.0}, "weight is -1.0"),
        ("simcc", {"split": 0.0}, "split is 0.0"),
        ("simcc", {"sigma": 0.001}, r"sigma = 0.001 is 0.13 bins at 64 px"),
        ("simcc", {"weight": math.nan}, "weight is nan"),
        ("heatmap", {"map_loss": "wing"}, "map_loss is 'wing', expected adaptive_wing or mse"),
        ("heatmap", {"sigma": math.inf}, "sigma is inf"),
        ("heatmap", {"stride": 32}, "no map of stride 32 can be had at 64 px: .* have 4, 8, 16"),
        ("simcc", {"width": 0}, "width is 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    kind: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=f"^head {kind}: {message}"):
        build(kind, **options)


@EVERY
@pytest.mark.parametrize(
    ("features", "message"),
    [
        (FeatureInfo((256,)), "works on square maps, and the backbone emits a vector"),
        (FeatureInfo((8,), ((8, 4),), (8.0,)), "the backbone emits 8 x 4 cells"),
        # a map is doubled twice at most, so not from 32 to 4; a map that is too fine is refused too
        (FeatureInfo((8,), ((2, 2),), (32.0,)), "no map of stride 4 .* have 32; set head.stride"),
        (FeatureInfo((8,), ((32, 32),), (2.0,)), "no map of stride 4 .* have 2"),
    ],
    ids=["vector", "oblong", "too coarse", "too fine"],
)
def test_features_that_cannot_serve_are_refused(
    kind: str, features: FeatureInfo, message: str
) -> None:
    with pytest.raises(UsageError, match=f"head {kind}: .*{message}"):
        build(kind, features)


@pytest.mark.parametrize(("stride", "doublings"), [(16, 0), (8, 1), (4, 2)])
def test_a_map_that_is_too_coarse_is_doubled_with_layers_of_its_own(
    stride: int, doublings: int
) -> None:
    head = build("soft_argmax", FeatureInfo((8,), ((4, 4),), (16.0,)), stride=stride)
    assert len(head.maps.neck.doubling) == doublings
    assert head(torch.randn(2, 8, 4, 4))["log_map"].shape[2:] == (64 // stride + 2,) * 2


def test_heatmap_reads_visibility_where_each_map_is_bright() -> None:
    head = build("heatmap", visibility=True)
    output = head(maps())
    assert output["visibility"].shape == (2, 5)
    assert ((output["visibility"] > 0) & (output["visibility"] < 1)).all()
    assert "visibility" not in build("heatmap")(maps())
    # A map made by hand: visible on the left half of the input, hidden on the right.
    cells = head.axis.count
    side = torch.where(torch.arange(cells) < cells / 2, 1.0, -1.0).expand(1, 5, cells, cells)
    head.seen = nn.Identity()
    head.seen.weight = torch.zeros(1)
    for x, expected in ((0.2, 1.0), (0.8, -1.0)):
        bright = bump(head, torch.tensor([[[x, 0.5]] * 5]))
        found = head.visibility(side, bright)
        torch.testing.assert_close(found, torch.full((1, 5), expected).sigmoid(), atol=0.02, rtol=0)
