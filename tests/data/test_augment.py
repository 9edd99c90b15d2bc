"""Augmentation: image and points move together, colours change as torchvision's would.

Blobs are drawn at the points, one a colour channel, and looked for where the points went.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import functional as reference

from zoo.api import IBUG68, LandmarkScheme, UsageError, generic_scheme
from zoo.config import Augment
from zoo.data import augment as module
from zoo.data.augment import Augmenter, draw, label_scale
from zoo.geometry import mirror_points
from zoo.recipes import recipe_names, resolve

TRIANGLE = LandmarkScheme(name="triangle", names=("left", "right", "top"), flip=(1, 0, 2))
quick = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 10**6)


def chosen(count: int, **columns: float | list[float]) -> Tensor:
    """Draws of one half, which is the middle of every range, but for the columns named."""
    draws = torch.full((count, len(module._DRAWS)), 0.5)
    for name, value in columns.items():
        draws[:, module._DRAWS.index(name)] = torch.as_tensor(value)
    return draws


def blobs(points: Tensor, side: int, sigma: float = 2.0) -> Tensor:
    """uint8 (B, S, S, 3) with a spot at each of the three points (B, 3, 2), a channel each."""
    place = (torch.arange(side) + 0.5) / side
    x, y = points[:, None, None, :, 0], points[:, None, None, :, 1]
    far = (place[None, None, :, None] - x) ** 2 + (place[None, :, None, None] - y) ** 2
    return (255 * torch.exp(-far * side**2 / (2 * sigma**2))).round().to(torch.uint8)


def centroids(pixels: Tensor) -> Tensor:
    """Float (B, 3, S, S) to fractions (B, 3, 2): where each channel's spot is."""
    side = pixels.shape[-1]
    place = (torch.arange(side) + 0.5) / side
    mass = pixels.sum((2, 3))
    x = (pixels.sum(2) * place).sum(-1) / mass
    y = (pixels.sum(3) * place).sum(-1) / mass
    return torch.stack((x, y), -1)


def augment(
    config: Augment,
    draws: Tensor,
    side: int = 64,
    size: int = 64,
    scheme: LandmarkScheme = TRIANGLE,
    offset: tuple[float, float] = (0.0, 0.0),
    points: Tensor | None = None,
    images: Tensor | None = None,
    visible: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    if points is None:
        points = torch.tensor([[[0.3, 0.4], [0.7, 0.45], [0.5, 0.7]]]).repeat(len(draws), 1, 1)
    if images is None:
        images = blobs(points, side)
    if visible is None:
        visible = torch.ones(points.shape[:2], dtype=torch.bool)
    return Augmenter(config, scheme, offset, side, size)(images, points, visible, draws)


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
    _, moved, _ = augment(config, chosen(1, **columns))
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
    pixels, moved, _ = augment(Augment(), chosen(1), 96, 64, points=points)
    torch.testing.assert_close(moved, points)
    torch.testing.assert_close(centroids(pixels), points, atol=0.003, rtol=0)


def test_flipping_twice_is_the_picture_itself() -> None:
    images = torch.randint(0, 256, (4, 33, 33, 3), dtype=torch.uint8)
    points, offset = torch.rand(4, 3, 2), (0.03, -0.02)
    config, draws = Augment(flip=1.0), chosen(4)
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
    _, moved, _ = augment(Augment(flip=1.0), chosen(1), offset=(0.01, 0.0), points=points)
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
    draws, offset = chosen(1, **columns), (0.01, 0.0)
    _, moved, _ = augment(replace(config, label_offset=False), draws, offset=offset, points=points)
    torch.testing.assert_close(moved, torch.tensor([naive]))
    _, kept, _ = augment(config, draws, offset=offset, points=points)
    assert (kept - moved).abs().max() > 0.007
    # where there is no offset, there is nothing to respect
    _, without, _ = augment(config, draws, points=points)
    torch.testing.assert_close(without, moved)


def test_an_offset_grows_with_the_face() -> None:
    """Zoomed by 1.5, the box is 1.5 times as large: so is the label's distance from its place."""
    points = torch.tensor([[[0.304, 0.3], [0.704, 0.7], [0.504, 0.5]]])  # truths .3, .7, .5
    config = Augment(scale=0.5)
    _, moved, _ = augment(config, chosen(1, scale=1.0), offset=(0.01, 0.0), points=points)
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
        chosen(1),
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
        Augment(shift=0.1), chosen(1, shift_x=1.0), points=points, visible=seen
    )
    torch.testing.assert_close(moved[0, 0], torch.tensor([-0.05, 0.5]))
    assert visible.tolist() == [[False, True, False]]


def test_a_label_outside_the_region_is_invisible_even_if_nothing_moves() -> None:
    points = torch.tensor([[[-0.01, 0.5], [1.0, 0.0], [0.5, 1.2]]])
    _, _, visible = augment(Augment(), chosen(1), points=points)
    assert visible.tolist() == [[False, True, False]]


def test_a_face_without_a_visible_point_gives_numbers() -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    assert label_scale(torch.rand(2, 3, 2), nothing).tolist() == [0, 0]
    config = Augment(rotation=30, scale=0.2, shift=0.1, flip=0.5)
    pixels, moved, visible = augment(config, draw(2, 0), offset=(0.01, 0.01), visible=nothing)
    assert pixels.isfinite().all()
    assert moved.isfinite().all()
    assert not visible.any()


def test_label_scale_by_hand() -> None:
    points = torch.tensor([[[0.1, 0.1], [0.5, 0.2], [9.0, 9.0]]])
    scale = label_scale(points, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(scale, torch.tensor([0.2]))


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
        for ours, all_of_it in zip(share, whole, strict=True):
            torch.testing.assert_close(ours, all_of_it[mine], atol=1e-6, rtol=0)


def test_what_goes_in_is_not_changed() -> None:
    images = torch.randint(0, 256, (4, 40, 40, 3), dtype=torch.uint8)
    points = torch.rand(4, 3, 2)
    visible = torch.ones(4, 3, dtype=torch.bool)
    before = images.clone(), points.clone(), visible.clone()
    augment(STRONG, draw(4, 1), 40, 32, points=points, images=images, visible=visible)
    assert all(map(torch.equal, before, (images, points, visible)))


@pytest.fixture(scope="module")
def picture() -> Tensor:
    """Two smooth colour pictures, uint8 (2, 24, 24, 3)."""
    noise = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(noise, (24, 24), mode="bilinear")
    return (255 * smooth).round().to(torch.uint8).permute(0, 2, 3, 1)


@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation"])
def test_colours_change_by_a_factor_as_torchvisions_do(picture: Tensor, kind: str) -> None:
    u = [0.0, 0.75]
    pixels, _, _ = augment(Augment(**{kind: 0.8}), chosen(2, **{kind: u}), 24, 24, images=picture)
    plain = picture.permute(0, 3, 1, 2).float() / 255
    change = getattr(reference, f"adjust_{kind}")
    expected = torch.stack([change(plain[0], 0.2), change(plain[1], 1.4)])
    torch.testing.assert_close(pixels, expected, atol=2e-4, rtol=0)
    assert (pixels - plain).abs().max() > 0.05


def test_a_factor_is_never_negative(picture: Tensor) -> None:
    pixels, _, _ = augment(
        Augment(brightness=3.0), chosen(2, brightness=0.0), 24, 24, images=picture
    )
    assert not pixels.any()


def test_grey_is_torchvisions_and_comes_by_its_probability(picture: Tensor) -> None:
    pixels, _, _ = augment(Augment(grey=0.3), chosen(2, grey=[0.29, 0.31]), 24, 24, images=picture)
    plain = picture.permute(0, 3, 1, 2).float() / 255
    grey = reference.rgb_to_grayscale(plain[0], 3)
    torch.testing.assert_close(pixels[0], grey, atol=2e-4, rtol=0)
    assert torch.equal(pixels[1], plain[1])


@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
def test_blur_is_torchvisions_inside(picture: Tensor, kernel: int) -> None:
    """At the edges ours repeats the last pixel where torchvision reflects."""
    config = Augment(blur=1.0, blur_kernel=kernel, blur_sigma=(0.5, 2.5))
    pixels, _, _ = augment(config, chosen(2, sigma=[0.0, 0.75]), 24, 24, images=picture)
    plain = picture.permute(0, 3, 1, 2).float() / 255
    for k, sigma in enumerate((0.5, 2.0)):
        expected = reference.gaussian_blur(plain[k], [kernel, kernel], [sigma, sigma])
        inside = slice(kernel // 2, 24 - kernel // 2)
        torch.testing.assert_close(
            pixels[k][:, inside, inside], expected[:, inside, inside], atol=1e-5, rtol=0
        )
    torch.testing.assert_close(pixels.mean((2, 3)), plain.mean((2, 3)), atol=0.02, rtol=0)


def test_blur_comes_by_its_probability(picture: Tensor) -> None:
    pixels, _, _ = augment(Augment(blur=0.5), chosen(2, blur=[0.4, 0.6]), 24, 24, images=picture)
    plain = picture.permute(0, 3, 1, 2).float() / 255
    assert not torch.equal(pixels[0], plain[0])
    assert torch.equal(pixels[1], plain[1])


@quick
@given(seeds, st.floats(0.02, 0.3), st.floats(0.0, 0.2))
def test_one_rectangle_of_the_promised_area_is_painted_over(
    seed: int, low: float, more: float
) -> None:
    size, count = 50, 16
    config = Augment(erase=1.0, erase_area=(low, low + more))
    draws = draw(count, seed)
    column = {name: draws[:, k] for k, name in enumerate(module._DRAWS)}
    column["erase_shade"][:] = 0.8
    black = torch.zeros(count, size, size, 3, dtype=torch.uint8)
    pixels, _, _ = augment(config, draws, size, size, images=black)
    assert set(pixels.unique().tolist()) <= {0.0, column["erase_shade"][0].item()}
    hit = pixels[:, 0] > 0
    wide, high = hit.any(1).sum(1), hit.any(2).sum(1)
    assert torch.equal(hit.sum((1, 2)), wide * high)  # a full rectangle
    promised = low + more * column["erase_area"]
    # a side is a whole number of pixels, at most one off
    error = ((wide * high) / size**2 - promised).abs()
    assert (error <= (wide + high + 1) / size**2 + 1e-6).all()
    assert (wide <= 2 * (high + 1)).all()
    assert (high <= 2 * (wide + 1)).all()


def test_erasing_comes_by_its_probability_and_leaves_the_points(picture: Tensor) -> None:
    pixels, moved, visible = augment(
        Augment(erase=0.3), chosen(2, erase=[0.2, 0.4]), 24, 24, images=picture
    )
    plain = picture.permute(0, 3, 1, 2).float() / 255
    assert not torch.equal(pixels[0], plain[0])
    assert torch.equal(pixels[1], plain[1])
    assert visible.all()
    assert torch.equal(moved[0], moved[1])


@quick
@given(seeds)
def test_pixels_stay_between_black_and_white(seed: int) -> None:
    wild = Augment(
        resize=24, rotation=90, scale=0.5, shift=0.3, flip=0.5, brightness=2.0, contrast=2.0,
        saturation=2.0, grey=0.3, blur=0.5, low_res=0.5, jpeg=0.5, erase=0.5,
    )  # fmt: skip
    images = torch.randint(
        0, 256, (8, 24, 24, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
    pixels, moved, _ = augment(wild, draw(8, seed), 24, 24, images=images)
    assert pixels.isfinite().all()
    assert moved.isfinite().all()
    assert pixels.min() >= -1e-5
    assert pixels.max() <= 1 + 1e-5


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
    side = config.resize or round(size * (1 + config.scale))
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
