"""Low resolution and JPEG: as OpenCV's, in a fixed order with blur, and within black and white."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from zoo.api import generic_scheme
from zoo.config import Augment
from zoo.data.augment import _DRAWS, Augmenter, draw
from zoo.data.degrade import jpeg, lower_resolution
from zoo.registry import registry

# a multiple of 16, a multiple of 4 only, and an odd number
SIZES = pytest.mark.parametrize("size", [112, 100, 97])


def faces(size: int, count: int = 3) -> NDArray[np.uint8]:
    """Drawn faces, uint8 (N, size, size, 3)."""
    people = registry("dataset").get("synthetic")
    drawn = people.open(None, people=count, videos=1, frames=1, seed=3, size=200).samples()
    area = cv2.INTER_AREA
    return np.stack([cv2.resize(s.image(), (size, size), interpolation=area) for s in drawn])


def planes(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def levels(pixels: Tensor) -> NDArray[np.float64]:
    """Back to (N, H, W, 3), 0 to 255."""
    return 255 * pixels.permute(0, 2, 3, 1).double().numpy()


def by_opencv(image: NDArray[np.uint8], quality: int) -> NDArray[np.float64]:
    _, file = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float64)


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Peak signal to noise ratio, dB."""
    return float(10 * np.log10(255**2 / np.square(a - b).mean()))


@SIZES
@pytest.mark.parametrize("quality", [10, 30, 49, 50, 75, 95])
def test_jpeg_is_opencvs(size: int, quality: int) -> None:
    images = faces(size)
    ours = levels(jpeg(planes(images), torch.full((3,), quality)))
    theirs = np.stack([by_opencv(image, quality) for image in images])
    lost = np.abs(theirs - images).mean()
    # ours is not rounded to whole levels at each of its stages, which is most of what is left
    assert np.abs(ours - theirs).mean() < 1
    assert np.abs(ours - theirs).mean() < 0.55 * lost
    assert psnr(ours, images) == pytest.approx(psnr(theirs, images), abs=0.3)


def test_each_sample_has_its_own_quality() -> None:
    pixels = planes(faces(64))
    mixed = jpeg(pixels, torch.tensor([10, 90, 40]))
    for k, quality in enumerate((10, 90, 40)):
        alone = jpeg(pixels[k : k + 1], torch.tensor([quality]))
        torch.testing.assert_close(mixed[k : k + 1], alone, atol=1e-5, rtol=0)
    worse = [(mixed[k] - pixels[k]).abs().mean() for k in (1, 2, 0)]
    assert worse == sorted(worse)


def test_jpeg_at_quality_100_leaves_a_grey_ramp_as_it_is() -> None:
    """Coefficients are rounded to steps of 1: half a level at most for each of the few not 0."""
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    torch.testing.assert_close(jpeg(ramp, torch.tensor([100])), ramp, atol=1 / 255, rtol=0)


def test_jpeg_of_one_colour_a_block_by_hand() -> None:
    """Grey level 100 is 100 - 128 = -28; its one coefficient, of all 64 pixels, is 8 x -28 = -224.
    At quality 50 its step is 16: -14 steps, nothing lost. At 10 the step is 16 x 5 = 80: -224 / 80
    = -2.8, rounded to -3 steps of 80, -240, which is level 128 - 30 = 98."""
    grey = torch.full((2, 3, 16, 16), 100 / 255)
    made = 255 * jpeg(grey, torch.tensor([50, 10]))
    torch.testing.assert_close(made[0], torch.full_like(made[0], 100), atol=1e-2, rtol=0)
    torch.testing.assert_close(made[1], torch.full_like(made[1], 98), atol=1e-2, rtol=0)


@SIZES
@pytest.mark.parametrize("kept", [1, 30, 56, 75, 97])
def test_low_resolution_is_opencvs_down_and_up(size: int, kept: int) -> None:
    images = faces(size)
    ours = lower_resolution(planes(images), torch.full((3,), kept))
    theirs = []
    for image in images.astype(np.float32) / 255:
        small = cv2.resize(image, (kept, kept), interpolation=cv2.INTER_AREA)
        theirs.append(cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR))
    expected = torch.from_numpy(np.stack(theirs)).permute(0, 3, 1, 2)
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=0)


def test_low_resolution_by_hand() -> None:
    """4 pixels to 2 and back: averages 1/8 and 6/8 are at places .5 and 2.5, so that pixels 1 and 2
    take a quarter of the other one."""
    row = torch.tensor([0, 2, 4, 8]) / 8
    made = lower_resolution(row.expand(1, 3, 4, 4), torch.tensor([2]))
    expected = torch.tensor([1, 1 + 5 / 4, 6 - 5 / 4, 6]) / 8
    torch.testing.assert_close(made, expected.expand(1, 3, 4, 4))


def test_low_resolution_of_the_same_size_changes_nothing() -> None:
    pixels = planes(faces(50))
    torch.testing.assert_close(
        lower_resolution(pixels, torch.full((3,), 50)), pixels, atol=1e-5, rtol=0
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 40), st.integers(0, 10**6))
def test_pixels_stay_between_black_and_white(size: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    # black, white and pure colours: what overshoots first
    pixels = torch.rand(4, 3, size, size, generator=random).round()
    kept = torch.randint(1, size + 1, (4,), generator=random)
    quality = torch.randint(1, 101, (4,), generator=random)
    for made in (lower_resolution(pixels, kept), jpeg(pixels, quality)):
        assert made.shape == pixels.shape
        assert made.min() >= 0
        assert made.max() <= 1


# In the augmenter: when, how strong, in which order.


def augmented(config: Augment, images: NDArray[np.uint8], draws: Tensor) -> Tensor:
    size = images.shape[1]
    points = torch.full((len(images), 3, 2), 0.5)
    visible = torch.ones(len(images), 3, dtype=torch.bool)
    made = Augmenter(config, generic_scheme(3), (0, 0), size, size)
    pixels, moved, shown = made(torch.from_numpy(images), points, visible, draws)
    assert torch.equal(moved, points)
    assert torch.equal(shown, visible)
    return pixels


def draws_with(count: int, **columns: list[float]) -> Tensor:
    draws = torch.full((count, len(_DRAWS)), 0.5)
    for name, value in columns.items():
        draws[:, _DRAWS.index(name)] = torch.tensor(value)
    return draws


def test_low_resolution_comes_by_its_probability_and_scale() -> None:
    images = faces(40, 4)
    config = Augment(low_res=0.4, low_res_scale=(0.25, 0.75))
    draws = draws_with(4, low_res=[0.39, 0.41, 0.0, 0.99], low_res_scale=[0.0, 0.0, 0.5, 0.5])
    pixels, plain = augmented(config, images, draws), planes(images)
    assert torch.equal(pixels[1], plain[1])
    assert torch.equal(pixels[3], plain[3])
    torch.testing.assert_close(pixels[:1], lower_resolution(plain[:1], torch.tensor([10])))
    torch.testing.assert_close(pixels[2:3], lower_resolution(plain[2:3], torch.tensor([20])))


def test_jpeg_comes_by_its_probability_and_quality() -> None:
    """Of 21 qualities the first takes the first 21st of the draws, and the last the last."""
    images = faces(40, 4)
    config = Augment(jpeg=0.4, jpeg_quality=(10, 30))
    draws = draws_with(4, jpeg=[0.39, 0.41, 0.0, 0.1], jpeg_quality=[0.04, 0.0, 0.9999, 0.05])
    pixels, plain = augmented(config, images, draws), planes(images)
    assert torch.equal(pixels[1], plain[1])
    for k, quality in ((0, 10), (2, 30), (3, 11)):
        expected = jpeg(plain[k : k + 1], torch.tensor([quality]))
        torch.testing.assert_close(pixels[k : k + 1], expected)


def test_degradations_come_in_a_fixed_order() -> None:
    """Blur, then low resolution, then JPEG, then erasing."""
    images = faces(48)
    all_of_it = Augment(
        blur=1.0, blur_sigma=(1.0, 1.0), blur_kernel=5, low_res=1.0, low_res_scale=(0.5, 0.5),
        jpeg=1.0, jpeg_quality=(20, 20), erase=1.0,
    )  # fmt: skip
    draws = draw(3, 5)
    blurred = augmented(Augment(blur=1.0, blur_sigma=(1.0, 1.0), blur_kernel=5), images, draws)
    small = lower_resolution(blurred, torch.full((3,), 24))
    file = jpeg(small, torch.full((3,), 20))
    made = augmented(all_of_it, images, draws)
    hidden = augmented(Augment(erase=1.0), np.zeros_like(images), draws) > 0
    assert hidden.any()
    torch.testing.assert_close(made[~hidden], file[~hidden], atol=1e-5, rtol=0)
    assert made[hidden].unique().numel() == 3  # one shade a sample, as it was painted


def test_the_same_draws_give_the_same_bits() -> None:
    config = Augment(low_res=0.5, jpeg=0.5)
    images = faces(40, 6)
    once = augmented(config, images, draw(6, 2))
    assert torch.equal(once, augmented(config, images, draw(6, 2)))
    assert not torch.equal(once, augmented(config, images, draw(6, 3)))


def test_probability_0_degrades_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pixels are the same to the bit, whatever the other keys say, and nothing is computed."""

    def degrade(*_: Any) -> None:
        raise AssertionError("a picture was degraded")

    monkeypatch.setattr("zoo.data.augment.jpeg", degrade)
    monkeypatch.setattr("zoo.data.augment.lower_resolution", degrade)
    images, usual = faces(40), {"brightness": 0.4, "blur": 0.5, "erase": 0.5}
    off = Augment(**usual, low_res=0.0, low_res_scale=(0.1, 0.2), jpeg=0.0, jpeg_quality=(1, 2))
    made = augmented(off, images, draw(3, 1))
    assert torch.equal(made, augmented(Augment(**usual), images, draw(3, 1)))
    with pytest.raises(AssertionError, match="degraded"):
        augmented(Augment(jpeg=1.0), images, draw(3, 1))


def test_what_was_drawn_before_is_drawn_the_same() -> None:
    """As versions with 19 columns, up to erase_shade, drew them, so old records can run again."""
    older = torch.rand(5, 19, generator=torch.Generator().manual_seed(12))
    draws = draw(5, 12)
    assert draws.shape == (5, 23)
    assert torch.equal(draws[:, :19], older)
    rotation_flip_shade = torch.tensor(
        [[0.4656875, 0.4086448, 0.1255869], [0.4456221, 0.8136718, 0.1785558]]
    )
    torch.testing.assert_close(draws[:2, [0, 4, 18]], rotation_flip_shade)
    # the new ones are drawn as well, and are not the older ones again
    assert draws[:, 19:].unique().numel() == 20
    assert not set(draws[:, 19:].flatten().tolist()) & set(older.flatten().tolist())
