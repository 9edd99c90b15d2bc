"""Augmentation of pixels alone: colours change as torchvision's would; points stay."""

from __future__ import annotations

import pytest
import torch
from augmenting import augment, draws_with, quick, seeds
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import functional as reference

from zoo.config import Augment
from zoo.data import augment as module
from zoo.data.augment import draw


@pytest.fixture(scope="module")
def picture() -> Tensor:
    """Two smooth colour pictures, uint8 (2, 24, 24, 3)."""
    noise = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(noise, (24, 24), mode="bilinear")
    return (255 * smooth).round().to(torch.uint8).permute(0, 2, 3, 1)


@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation"])
def test_colours_change_by_a_factor_as_torchvisions_do(picture: Tensor, kind: str) -> None:
    u = [0.0, 0.75]
    pixels, _, _ = augment(
        Augment(**{kind: 0.8}), draws_with(2, **{kind: u}), 24, 24, images=picture
    )
    plain = picture.permute(0, 3, 1, 2).float() / 255
    change = getattr(reference, f"adjust_{kind}")
    expected = torch.stack([change(plain[0], 0.2), change(plain[1], 1.4)])
    torch.testing.assert_close(pixels, expected, atol=2e-4, rtol=0)
    assert (pixels - plain).abs().max() > 0.05


def test_a_factor_is_never_negative(picture: Tensor) -> None:
    pixels, _, _ = augment(
        Augment(brightness=3.0), draws_with(2, brightness=0.0), 24, 24, images=picture
    )
    assert not pixels.any()


def test_grey_is_torchvisions_and_comes_by_its_probability(picture: Tensor) -> None:
    pixels, _, _ = augment(
        Augment(grey=0.3), draws_with(2, grey=[0.29, 0.31]), 24, 24, images=picture
    )
    plain = picture.permute(0, 3, 1, 2).float() / 255
    grey = reference.rgb_to_grayscale(plain[0], 3)
    torch.testing.assert_close(pixels[0], grey, atol=2e-4, rtol=0)
    assert torch.equal(pixels[1], plain[1])


@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
def test_blur_is_torchvisions_inside(picture: Tensor, kernel: int) -> None:
    """At the edges ours repeats the last pixel where torchvision reflects."""
    config = Augment(blur=1.0, blur_kernel=kernel, blur_sigma=(0.5, 2.5))
    pixels, _, _ = augment(config, draws_with(2, sigma=[0.0, 0.75]), 24, 24, images=picture)
    plain = picture.permute(0, 3, 1, 2).float() / 255
    for k, sigma in enumerate((0.5, 2.0)):
        expected = reference.gaussian_blur(plain[k], [kernel, kernel], [sigma, sigma])
        inside = slice(kernel // 2, 24 - kernel // 2)
        torch.testing.assert_close(
            pixels[k][:, inside, inside], expected[:, inside, inside], atol=1e-5, rtol=0
        )
    torch.testing.assert_close(pixels.mean((2, 3)), plain.mean((2, 3)), atol=0.02, rtol=0)


def test_blur_comes_by_its_probability(picture: Tensor) -> None:
    pixels, _, _ = augment(
        Augment(blur=0.5), draws_with(2, blur=[0.4, 0.6]), 24, 24, images=picture
    )
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
        Augment(erase=0.3), draws_with(2, erase=[0.2, 0.4]), 24, 24, images=picture
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
