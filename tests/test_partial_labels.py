"""Points without a label, or outside the picture, affect nothing that is learned or reported.

Whatever the coordinates of an invisible point are, every loss, gradient, metric, shape and place
is the same bit by bit. The finite garbage of a contract is 1e6 here; NaN, which reveals more, is
tried as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.api import IBUG68, FeatureInfo
from zoo.config import Augment
from zoo.data.augment import Augmenter, draw
from zoo.data.augment import label_scale as batch_label_scale
from zoo.evaluation.audit.labels import out_of_frame
from zoo.evaluation.audit.offset import Mirrored, measure_offset
from zoo.evaluation.audit.pictures import Pictures
from zoo.evaluation.audit.quantisation import find_grid
from zoo.evaluation.audit.subject import FrameNames
from zoo.evaluation.scores.details import errors_by_turn, head_turn
from zoo.evaluation.scores.metrics import (
    board_losses,
    counted_faces,
    headline_errors,
    mean_shape,
    normalisers,
    summarise,
)
from zoo.geometry import FacePlace, label_scale, mirror_points
from zoo.registry import registry
from zoo.registry.call import call_with_options
from zoo.training.loss import Criterion, build_loss

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

GARBAGE = pytest.mark.parametrize("garbage", [float("nan"), 1e6, -1e6])
FACES, K, SIZE = 6, 68, 64


def built_ins(kind: str) -> list[str]:
    return [e.id for e in registry(kind).entries() if e.distribution == "landmark-zoo"]


def face_points() -> Floats:
    """Faces of the size of a picture's middle, as fractions of it: (FACES, K, 2)."""
    people = registry("dataset").get("synthetic")
    drawn = people.open(None, people=FACES, videos=1, frames=1, seed=1, size=SIZE).samples()
    return np.stack([(s.points + 0.5) / SIZE for s in drawn]).astype(np.float32)


def some_visible() -> Bools:
    """Most faces lack some points, one lacks an eye corner, one has no visible point."""
    visible = np.random.default_rng(0).random((FACES, K)) < 0.7
    visible[:, list(IBUG68.eye_corners or ())] = True
    visible[1, 36] = False
    visible[2] = True
    visible[3] = False
    return visible


UNIT, VISIBLE = face_points(), some_visible()
NOTHING = np.zeros_like(VISIBLE)


def with_garbage(points: Floats, visible: Bools, garbage: float) -> Floats:
    return np.where(visible[..., None], points, np.float32(garbage)).astype(points.dtype)


# Every head with every loss, on random features.

MAPS = FeatureInfo((8, 16, 32), ((16, 16), (8, 8), (4, 4)), (4.0, 8.0, 16.0))
VARIANTS: Mapping[str, list[dict[str, Any]]] = {
    "soft_argmax": [{"regulariser": "js"}, {"regulariser": "kl"}, {"weight": 0.0}],
    "heatmap": [{"map_loss": "adaptive_wing"}, {"map_loss": "mse"}],
}
"""The variants of a head that its own options select."""

GIVE_COVARIANCE = {"simcc", "soft_argmax"}
HEADS = [(head, options) for head in built_ins("head") for options in VARIANTS.get(head, [{}])]
PAIRS = pytest.mark.parametrize(
    ("head", "options", "loss"),
    [
        (head, options, loss)
        for head, options in HEADS
        for loss in built_ins("loss")
        if head in GIVE_COVARIANCE or not registry("loss").get(loss).needs
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else value,
)


def loss_and_gradients(
    head: str, options: Mapping[str, Any], loss: str, points: Floats, visible: Bools
) -> tuple[Tensor, list[Tensor]]:
    """The loss of one batch, and the gradients of all of a head's parameters and of its features.

    As in training: labels as fractions of the input, in the objective of the engine.
    """
    torch.manual_seed(0)
    plugin, resolved = registry("head").resolve(head), registry("loss").resolve(loss)
    module = call_with_options(plugin.entry, plugin.plugin.build, MAPS, IBUG68, SIZE, **options)
    criterion = Criterion(plugin.entry, resolved.entry, build_loss(resolved, IBUG68))
    features = [
        torch.randn(FACES, c, *size, requires_grad=True)
        for c, size in zip(MAPS.channels, MAPS.sizes, strict=True)
    ]
    output = module(features)
    value = criterion(module, output, torch.from_numpy(points), torch.from_numpy(visible))
    learned = [*module.parameters(), *features]
    gradients = torch.autograd.grad(value, learned, allow_unused=True)
    filled = [
        torch.zeros_like(p) if g is None else g for p, g in zip(learned, gradients, strict=True)
    ]
    return value.detach(), filled


def test_every_head_and_loss_is_here() -> None:
    assert {"linear", "soft_argmax", "simcc", "heatmap"} <= {head for head, _ in HEADS}
    assert {"smooth_l1", "wing", "nme"} <= set(built_ins("loss"))


@PAIRS
@GARBAGE
def test_garbage_changes_neither_loss_nor_gradient(
    head: str, options: dict[str, Any], loss: str, garbage: float
) -> None:
    expected, usual = loss_and_gradients(
        head, options, loss, with_garbage(UNIT, VISIBLE, 0.5), VISIBLE
    )
    value, gradients = loss_and_gradients(
        head, options, loss, with_garbage(UNIT, VISIBLE, garbage), VISIBLE
    )
    assert torch.equal(value, expected)
    assert value.isfinite()
    assert value > 0 or loss == "gaussian_nll"  # the logarithm of a density, which may be above 1
    assert all(map(torch.equal, gradients, usual))
    assert all(g.isfinite().all() for g in gradients)
    assert any(g.any() for g in gradients)


@PAIRS
def test_a_visible_label_does_change_them(head: str, options: dict[str, Any], loss: str) -> None:
    """Otherwise the test above would pass for a loss that ignores the labels."""
    moved = UNIT.copy()
    moved[2, 30] += 0.2
    value, _ = loss_and_gradients(head, options, loss, UNIT, VISIBLE)
    other, _ = loss_and_gradients(head, options, loss, moved, VISIBLE)
    assert not torch.equal(value, other)


@PAIRS
@GARBAGE
def test_a_batch_without_a_label_costs_nothing_and_moves_nothing(
    head: str, options: dict[str, Any], loss: str, garbage: float
) -> None:
    value, gradients = loss_and_gradients(
        head, options, loss, with_garbage(UNIT, NOTHING, garbage), NOTHING
    )
    assert value == 0
    assert not any(g.any() for g in gradients)  # a NaN would count as true


# Every figure of an evaluation.

REGIONS = np.tile(np.array([[100.0, 90.0, 200.0]]), (FACES, 1))
TARGET = (UNIT.astype(np.float64) - 0.5) * 200 + (100.0, 90.0)
POINTS = TARGET + np.random.default_rng(1).normal(0, 3, TARGET.shape)
PEOPLE = [f"p{i // 2}" for i in range(FACES)]
IDS = [f"f{i}" for i in range(FACES)]

FIGURES: dict[str, Callable[[Floats, Bools], Any]] = {
    "summarise": lambda t, v: summarise(POINTS, t, v, REGIONS, IBUG68, PEOPLE, IDS),
    "headline_errors": lambda t, v: headline_errors(POINTS, t, v, IBUG68),
    "board_losses": lambda t, v: board_losses(POINTS, t, v, REGIONS),
    "normalisers": lambda t, v: normalisers(t, v, IBUG68),
    "counted_faces": lambda t, v: counted_faces(t, v, IBUG68),
    "label_scale": label_scale,
    "head_turn": lambda t, v: head_turn(t, v, IBUG68),
    "errors_by_turn": lambda t, v: errors_by_turn(
        headline_errors(POINTS, t, v, IBUG68), np.asarray(head_turn(t, v, IBUG68))
    ),
    "mean_shape": mean_shape,
    "FacePlace": lambda t, v: vars(FacePlace.of(t, v)),
    "find_grid": lambda t, v: vars(find_grid(np.round(t * 4) / 4, v)),
    "out_of_frame": lambda t, v: vars(
        out_of_frame(Data(t, v), PICTURES, FrameNames(Data(t, v), anonymous=False))[0]
    ),
    "measure_offset": lambda t, v: measure_offset(Data(t, v), MIRRORED),
}


@dataclass(frozen=True)
class Data:
    """What the audit reads of a data set's labels."""

    points: Any
    visible: Any
    people: tuple[str | None, ...] = tuple(PEOPLE)
    scheme: Any = IBUG68
    label_offset: tuple[float, float] = (0.0, 0.0)
    ids: tuple[str, ...] = tuple(IDS)
    videos: tuple[str | None, ...] = (None,) * FACES
    images: tuple[Any, ...] = ()


BLANK = np.zeros((FACES, 32, 32), np.uint8)
PICTURES = Pictures(
    readable=np.ones(FACES, bool),
    sizes=np.full((FACES, 2), 150),  # smaller than where the points are
    digests=(b"",) * FACES,
    faces=BLANK,
    frames=BLANK,
    problems=(),
)
MIRRORED = Mirrored("run", "val", np.arange(FACES), POINTS, POINTS + 1, True)


def as_text(value: Any) -> str:
    """A result as text, exact to the last bit, NaN included."""
    return json.dumps(value, default=lambda array: np.asarray(array).tolist(), sort_keys=True)


@pytest.mark.parametrize("figure", FIGURES)
@GARBAGE
def test_garbage_changes_no_figure(figure: str, garbage: float) -> None:
    measure = FIGURES[figure]
    usual = as_text(measure(TARGET, VISIBLE))
    assert as_text(measure(with_garbage(TARGET, VISIBLE, garbage), VISIBLE)) == usual


@pytest.mark.parametrize("figure", sorted(set(FIGURES) - {"counted_faces", "find_grid"}))
def test_a_visible_label_does_change_each(figure: str) -> None:
    """The points move far enough to be extremes of their face. Two figures are left out: the same
    faces count, and whole pixels do not change the grid."""
    moved = TARGET.copy()
    for face in (0, 2, 4, 5):
        moved[face, list(IBUG68.regions["nose"])] += 40
        moved[face, 45] += 200
    assert as_text(FIGURES[figure](moved, VISIBLE)) != as_text(FIGURES[figure](TARGET, VISIBLE))


@GARBAGE
def test_what_is_predicted_for_an_invisible_point_counts_for_nothing(garbage: float) -> None:
    usual = summarise(POINTS, TARGET, VISIBLE, REGIONS, IBUG68, PEOPLE, IDS)
    wild = with_garbage(POINTS, VISIBLE, garbage)
    assert as_text(summarise(wild, TARGET, VISIBLE, REGIONS, IBUG68, PEOPLE, IDS)) == as_text(usual)
    assert usual["coverage"] == 1.0
    assert (usual["n"], usual["unlabelled"], usual["unmeasured"]) == (FACES - 2, 1, 1)


def test_a_split_without_a_label_is_no_error() -> None:
    results = summarise(
        POINTS, with_garbage(TARGET, NOTHING, np.nan), NOTHING, REGIONS, IBUG68, PEOPLE, IDS
    )
    assert results["nme_ioc"] is results["loss"] is results["fr_08"] is None
    assert (results["n"], results["unlabelled"]) == (0, FACES)


# What moves labels.


@GARBAGE
def test_garbage_moves_no_visible_point_of_a_mirror(garbage: float) -> None:
    for face in range(FACES):
        usual, usual_visible = mirror_points(TARGET[face], VISIBLE[face], IBUG68, 200, (0.01, 0.0))
        hidden = with_garbage(TARGET, VISIBLE, garbage)[face]
        moved, remaining = mirror_points(hidden, VISIBLE[face], IBUG68, 200, (0.01, 0.0))
        np.testing.assert_array_equal(remaining, usual_visible)
        np.testing.assert_array_equal(moved[remaining], usual[usual_visible])


@GARBAGE
@pytest.mark.parametrize("respecting", [True, False])
def test_garbage_moves_no_visible_point_of_an_augmented_batch(
    garbage: float, respecting: bool
) -> None:
    """Nor does a point appear that had no label; those that leave the picture disappear."""
    config = Augment(
        rotation=40, scale=0.4, shift=0.2, flip=0.5, erase=0.5, low_res=0.5, jpeg=0.5,
        label_offset=respecting,
    )  # fmt: skip
    augment = Augmenter(config, IBUG68, (0.02, 0.01), 80, SIZE)
    images = torch.randint(0, 256, (FACES, 80, 80, 3), dtype=torch.uint8)
    visible, draws = torch.from_numpy(VISIBLE), draw(FACES, 4)
    plain = augment(images, torch.from_numpy(UNIT), visible, draws)
    points = torch.from_numpy(with_garbage(UNIT, VISIBLE, garbage))
    pixels, moved, remaining = augment(images, points, visible, draws)
    assert torch.equal(pixels, plain[0])
    assert torch.equal(remaining, plain[2])
    assert torch.equal(moved[remaining], plain[1][remaining])
    assert ((moved[remaining] >= 0) & (moved[remaining] <= 1)).all()
    counts, were = remaining.sum(1), visible.sum(1)
    assert (counts <= were).all()
    assert (counts < were).any()
    assert counts.any()


@GARBAGE
def test_a_batchs_scale_is_of_its_visible_points(garbage: float) -> None:
    visible = torch.from_numpy(VISIBLE)
    usual = batch_label_scale(torch.from_numpy(UNIT), visible)
    wild = torch.from_numpy(with_garbage(UNIT, VISIBLE, garbage))
    assert torch.equal(batch_label_scale(wild, visible), usual)
    np.testing.assert_allclose(usual.numpy(), label_scale(UNIT, VISIBLE), rtol=1e-5)
