"""Augmentation: image and points move together.

A blob is drawn at each point, in a colour channel of its own, and must move with the point.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from augmenting import TRIANGLE, augment, centroids, draws_with, quick, seeds
from hypothesis import given
from hypothesis import strategies as st

from zoo.api import IBUG68
from zoo.config import Augment
from zoo.data import augment as module
from zoo.data.augment import draw, label_scale
from zoo.geometry import mirror_points


@quick
@given(
    rotation=st.floats(0, 180),
    scale=st.floats(0, 0.5),
    shift=st.floats(0, 0.2),
    flip=st.sampled_from([0.0, 0.5, 1.0]),
    crop=st.booleans(),
    spare=st.integers(0, 20),
    seed=seeds,
)
def test_image_and_points_move_together(
    rotation: float, scale: float, shift: float, flip: float, crop: bool, spare: int, seed: int
) -> None:
    size = 64
    config = Augment(rotation=rotation, scale=scale, shift=shift, flip=flip, crop=crop)
    points = 0.25 + 0.5 * torch.rand(8, 3, 2, generator=torch.Generator().manual_seed(seed))
    draws = draw(8, seed)
    pixels, moved, visible = augment(config, draws, size + spare, size, points=points)
    assert pixels.shape == (8, 3, size, size)
    flipped = draws[:, module._DRAWS.index("flip")] < flip
    # a mirrored label takes its twin's place: so does the colour of its blob
    order = torch.tensor(TRIANGLE.flip)
    found = centroids(pixels)
    found = torch.where(flipped[:, None, None], found[:, order], found)
    inner = ((moved > 0.15) & (moved < 0.85)).all(-1)
    assert visible[inner].all()
    off = ((found - moved) * size)[inner]
    assert not len(off) or off.abs().max() < 0.6


def test_enough_points_stay_inside_for_that_to_mean_something() -> None:
    config = Augment(rotation=180, scale=0.5, shift=0.2, flip=0.5)
    points = 0.25 + 0.5 * torch.rand(200, 3, 2, generator=torch.Generator().manual_seed(0))
    _, moved, _ = augment(config, draw(200, 0), points=points)
    assert ((moved > 0.15) & (moved < 0.85)).all(-1).float().mean() > 0.5
    assert (moved - points).abs().mean() > 0.1


@pytest.mark.parametrize(
    ("config", "columns", "expected"),
    [
        # a quarter turn: x runs where y ran
        (Augment(rotation=90), {"rotation": 1.0}, [[0.4, 0.7], [0.45, 0.3], [0.7, 0.5]]),
        (Augment(scale=0.5), {"scale": 1.0}, [[0.2, 0.35], [0.8, 0.425], [0.5, 0.8]]),
        (Augment(scale=0.5), {"scale": 0.0}, [[0.4, 0.45], [0.6, 0.475], [0.5, 0.6]]),
        (
            Augment(shift=0.1),
            {"shift_x": 1.0, "shift_y": 0.5},
            [[0.2, 0.4], [0.6, 0.45], [0.4, 0.7]],
        ),
        (Augment(flip=1.0), {}, [[0.3, 0.45], [0.7, 0.4], [0.5, 0.7]]),
    ],
    ids=["rotation", "zoom in", "zoom out", "shift", "flip"],
)
def test_each_move_by_hand(
    config: Augment, columns: dict[str, float], expected: list[list[float]]
) -> None:
    _, moved, _ = augment(config, draws_with(1, **columns))
    torch.testing.assert_close(moved[0], torch.tensor(expected))


@pytest.mark.parametrize(("side", "size"), [(65, 64), (80, 64), (64, 64)])
def test_a_crop_alone_resamples_nothing(side: int, size: int) -> None:
    images = torch.randint(0, 256, (16, side, side, 3), dtype=torch.uint8)
    points = torch.rand(16, 3, 2)
    pixels, moved, _ = augment(
        Augment(crop=True), draw(16, 5), side, size, points=points, images=images
    )
    corners = (points * side - moved * size).mean(1)
    torch.testing.assert_close(corners, corners.round(), atol=1e-3, rtol=0)
    for k, (x, y) in enumerate(corners.round().long().tolist()):
        assert 0 <= x <= side - size
        assert 0 <= y <= side - size
        window = images[k, y : y + size, x : x + size].permute(2, 0, 1).float()
        torch.testing.assert_close(255 * pixels[k], window, atol=0.02, rtol=0)


def test_every_window_of_a_crop_is_as_likely() -> None:
    points = torch.full((3000, 3, 2), 0.5)
    images = torch.zeros(3000, 10, 10, 3, dtype=torch.uint8)
    _, moved, _ = augment(Augment(crop=True), draw(3000, 0), 10, 8, points=points, images=images)
    corners = (5 - moved[:, 0] * 8).round().long()
    counts = torch.bincount(3 * corners[:, 1] + corners[:, 0], minlength=9)
    assert counts.shape == (9,)
    assert (counts - 3000 / 9).abs().max() < 80


def test_without_a_crop_the_whole_stored_region_is_seen() -> None:
    points = torch.tensor([[[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]])
    pixels, moved, _ = augment(Augment(), draws_with(1), 96, 64, points=points)
    torch.testing.assert_close(moved, points)
    torch.testing.assert_close(centroids(pixels), points, atol=0.003, rtol=0)


def test_flipping_twice_is_the_picture_itself() -> None:
    images = torch.randint(0, 256, (4, 33, 33, 3), dtype=torch.uint8)
    points, offset = torch.rand(4, 3, 2), (0.03, -0.02)
    config, draws = Augment(flip=1.0), draws_with(4)
    once = augment(config, draws, 33, 33, offset=offset, images=images, points=points)
    back = (255 * once[0]).round().to(torch.uint8).permute(0, 2, 3, 1)
    twice = augment(config, draws, 33, 33, offset=offset, images=back, points=once[1])
    torch.testing.assert_close(
        255 * twice[0], images.permute(0, 3, 1, 2).float(), atol=0.02, rtol=0
    )
    torch.testing.assert_close(twice[1], points)
    torch.testing.assert_close(
        255 * once[0], images.flip(2).permute(0, 3, 1, 2).float(), atol=0.02, rtol=0
    )


def test_a_flipped_label_keeps_its_offset_from_the_true_place() -> None:
    """By hand: labels .01 sqrt(w h) right of the truth, in a box of .8 x .8; truths .1 and .9."""
    points = torch.tensor([[[0.108, 0.1], [0.908, 0.9], [0.5, 0.5]]])
    _, moved, _ = augment(Augment(flip=1.0), draws_with(1), offset=(0.01, 0.0), points=points)
    expected = torch.tensor([[[0.108, 0.9], [0.908, 0.1], [0.516, 0.5]]])
    torch.testing.assert_close(moved, expected)


@pytest.mark.parametrize(
    ("config", "columns", "naive"),
    [
        (Augment(flip=1.0), {}, [[0.092, 0.9], [0.892, 0.1], [0.5, 0.5]]),
        (Augment(rotation=90), {"rotation": 1.0}, [[0.1, 0.892], [0.9, 0.092], [0.5, 0.5]]),
    ],
    ids=["flip", "quarter turn"],
)
def test_labels_can_be_moved_as_if_they_were_the_true_places(
    config: Augment, columns: dict[str, float], naive: list[list[float]]
) -> None:
    """By hand: a label at (.108, .1), .008 right of the truth, mirrors to (.892, .1), .008 left of
    it, and turns to (.1, .892), .008 above it; one that keeps its offset stays to the right."""
    points = torch.tensor([[[0.108, 0.1], [0.908, 0.9], [0.5, 0.5]]])
    draws, offset = draws_with(1, **columns), (0.01, 0.0)
    _, moved, _ = augment(replace(config, label_offset=False), draws, offset=offset, points=points)
    torch.testing.assert_close(moved, torch.tensor([naive]))
    _, kept, _ = augment(config, draws, offset=offset, points=points)
    assert (kept - moved).abs().max() > 0.007
    # without an offset, both give the same
    _, without, _ = augment(config, draws, points=points)
    torch.testing.assert_close(without, moved)


def test_an_offset_grows_with_the_face() -> None:
    """Zoomed by 1.5, the box is 1.5 times as large: so is the label's distance from its place."""
    points = torch.tensor([[[0.304, 0.3], [0.704, 0.7], [0.504, 0.5]]])  # truths .3, .7, .5
    config = Augment(scale=0.5)
    _, moved, _ = augment(config, draws_with(1, scale=1.0), offset=(0.01, 0.0), points=points)
    truth = 0.5 + 1.5 * (torch.tensor([[[0.3, 0.3], [0.7, 0.7], [0.5, 0.5]]]) - 0.5)
    torch.testing.assert_close(moved, truth + torch.tensor([0.006, 0.0]))


@quick
@given(seeds, st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
def test_a_flip_is_the_shared_mirror(seed: int, dx: float, dy: float) -> None:
    """The same labels as :func:`zoo.geometry.mirror_points`, whose pixels 0 and 1 are our edges."""
    random = np.random.default_rng(seed)
    points = random.uniform(0.2, 0.8, (68, 2))
    shown = random.random(68) < 0.8
    expected, expected_shown = mirror_points(points, shown, IBUG68, 2.0, (dx, dy))
    images = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    _, moved, visible = augment(
        Augment(flip=1.0),
        draws_with(1),
        8,
        8,
        scheme=IBUG68,
        offset=(dx, dy),
        points=torch.from_numpy(points).float()[None],
        images=images,
        visible=torch.from_numpy(shown)[None],
    )
    np.testing.assert_allclose(moved[0].numpy(), expected, atol=1e-5)
    np.testing.assert_array_equal(visible[0].numpy(), expected_shown)


def test_points_that_leave_become_invisible_and_others_do_not_appear() -> None:
    points = torch.tensor([[[0.05, 0.5], [0.5, 0.5], [0.6, 0.5]]])
    seen = torch.tensor([[True, True, False]])
    _, moved, visible = augment(
        Augment(shift=0.1), draws_with(1, shift_x=1.0), points=points, visible=seen
    )
    torch.testing.assert_close(moved[0, 0], torch.tensor([-0.05, 0.5]))
    assert visible.tolist() == [[False, True, False]]


def test_a_label_outside_the_region_is_invisible_even_if_nothing_moves() -> None:
    points = torch.tensor([[[-0.01, 0.5], [1.0, 0.0], [0.5, 1.2]]])
    _, _, visible = augment(Augment(), draws_with(1), points=points)
    assert visible.tolist() == [[False, True, False]]


def test_a_face_without_a_visible_point_gives_numbers() -> None:
    no_points = torch.zeros(2, 3, dtype=torch.bool)
    assert label_scale(torch.rand(2, 3, 2), no_points).tolist() == [0, 0]
    config = Augment(rotation=30, scale=0.2, shift=0.1, flip=0.5)
    pixels, moved, visible = augment(config, draw(2, 0), offset=(0.01, 0.01), visible=no_points)
    assert pixels.isfinite().all()
    assert moved.isfinite().all()
    assert not visible.any()


def test_label_scale_by_hand() -> None:
    points = torch.tensor([[[0.1, 0.1], [0.5, 0.2], [9.0, 9.0]]])
    scale = label_scale(points, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(scale, torch.tensor([0.2]))
