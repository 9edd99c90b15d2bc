"""Augmentation as recipes ask for it: repeatable, shared by processes, and of any scheme."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from augmenting import TRIANGLE, augment

from zoo.api import IBUG68, UsageError, generic_scheme
from zoo.config import Augment
from zoo.config.recipes import recipe_names, resolve
from zoo.data.augment import Augmenter, draw

STRONG = resolve(
    "custom_cnn",
    "strong",
    [f"augment.{key}=0.5" for key in ("erase", "blur", "low_res", "jpeg")] + ["augment.resize=40"],
).augment


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    assert torch.equal(draw(8, 3), draw(8, 3))
    assert not torch.equal(draw(8, 3), draw(8, 4))
    assert ((draw(500, 0) >= 0) & (draw(500, 0) < 1)).all()


@pytest.mark.parametrize("processes", [2, 3])
def test_a_share_of_a_batch_is_augmented_as_in_the_whole(processes: int) -> None:
    images = torch.randint(0, 256, (9, 40, 40, 3), dtype=torch.uint8)
    points, draws = torch.rand(9, 3, 2), draw(9, 11)
    whole = augment(STRONG, draws, 40, 32, offset=(0.01, 0), points=points, images=images)
    for rank in range(processes):
        mine = slice(rank, None, processes)
        share = augment(
            STRONG,
            draws[mine],
            40,
            32,
            offset=(0.01, 0),
            points=points[mine],
            images=images[mine],
        )
        for own_samples, all_samples in zip(share, whole, strict=True):
            torch.testing.assert_close(own_samples, all_samples[mine], atol=1e-6, rtol=0)


def test_what_goes_in_is_not_changed() -> None:
    images = torch.randint(0, 256, (4, 40, 40, 3), dtype=torch.uint8)
    points = torch.rand(4, 3, 2)
    visible = torch.ones(4, 3, dtype=torch.bool)
    before = images.clone(), points.clone(), visible.clone()
    augment(STRONG, draw(4, 1), 40, 32, points=points, images=images, visible=visible)
    assert all(map(torch.equal, before, (images, points, visible)))


def test_a_scheme_without_symmetry_refuses_a_flip_and_takes_all_else() -> None:
    scheme = generic_scheme(3)
    with pytest.raises(UsageError, match=r"points3 has no known symmetry.*augment.flip=0"):
        Augmenter(Augment(flip=0.5), scheme, (0, 0), 64, 64)
    pixels, _, _ = augment(Augment(rotation=20), draw(2, 0), scheme=scheme)
    assert pixels.shape == (2, 3, 64, 64)


def test_a_window_larger_than_what_is_stored_is_refused() -> None:
    with pytest.raises(UsageError, match=r"augment.resize = 32: a crop of 64 px does not fit"):
        Augmenter(Augment(crop=True), TRIANGLE, (0, 0), 32, 64)


@pytest.mark.parametrize("recipe", recipe_names())
def test_every_recipe_augments_faces(recipe: str) -> None:
    config = resolve("custom_cnn", recipe).augment
    size = 224
    side = config.stored_side(size)
    images = torch.randint(0, 256, (3, side, side, 3), dtype=torch.uint8)
    points = 0.4 + 0.2 * torch.rand(3, 68, 2)
    pixels, moved, visible = augment(
        config, draw(3, 0), side, size, scheme=IBUG68, points=points, images=images
    )
    assert pixels.shape == (3, 3, size, size)
    assert moved.shape == (3, 68, 2)
    assert visible.all()
    assert pixels.var() > 0


def test_the_seed_recipe_moves_a_picture_by_one_pixel_at_most() -> None:
    config: Any = resolve("custom_cnn", "seed").augment
    points = torch.rand(32, 3, 2) * 0.5 + 0.25
    images = torch.zeros(32, 225, 225, 3, dtype=torch.uint8)
    _, moved, _ = augment(config, draw(32, 0), 225, 224, points=points, images=images)
    steps = (points * 225 - moved * 224).round()
    assert set(steps.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(moved, (points * 225 - steps) / 224)
