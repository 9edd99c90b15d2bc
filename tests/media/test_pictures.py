"""Pictures are read as viewers show them; a copy is written, or an error says why not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from zoo.api import DataError, UsageError
from zoo.images import MAX_SIDE, read_image
from zoo.media.naming import OutputNames
from zoo.media.pictures import copy_suffix, read_picture, write_picture

# A 2 x 3 picture as it is stored, and upright, by EXIF orientation (CIPA DC-008).
STORED = np.array([[1, 2, 3], [4, 5, 6]], np.uint8) * 40
UPRIGHT = {
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.T,
    6: np.rot90(STORED, -1),
    7: STORED[::-1, ::-1].T,
    8: np.rot90(STORED, 1),
}


@pytest.mark.parametrize("orientation", sorted(UPRIGHT))
def test_a_photograph_comes_upright_in_prediction_as_in_training(
    tmp_path: Path, orientation: int
) -> None:
    path = tmp_path / "photo.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(STORED).save(path, exif=exif)
    np.testing.assert_array_equal(read_picture(path)[..., 0], UPRIGHT[orientation])
    np.testing.assert_array_equal(read_image(path)[..., 0], UPRIGHT[orientation])


def test_grey_alpha_palette_and_16_bit_pictures_become_rgb(tmp_path: Path) -> None:
    rgb = np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4
    alpha = np.dstack([rgb, np.full((4, 5), 9, np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "alpha.png"), rgb)
    Image.fromarray(rgb[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png"), rgb[..., :1].repeat(3, 2))
    deep = rgb[..., 0].astype(np.uint16) * 257
    for suffix in (".png", ".tif"):
        assert cv2.imwrite(str(tmp_path / f"deep{suffix}"), deep)
        found = read_picture(tmp_path / f"deep{suffix}")
        np.testing.assert_array_equal(found, rgb[..., :1].repeat(3, 2))
    assert cv2.imwrite(str(tmp_path / "deep3.png"), rgb[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_picture(tmp_path / "deep3.png"), rgb)
    Image.fromarray(rgb).quantize(20).save(tmp_path / "palette.gif")
    assert read_picture(tmp_path / "palette.gif").shape == (4, 5, 3)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    Image.fromarray(np.ones((3, 3), np.float32)).save(tmp_path / "float.tif")
    (tmp_path / "text.jpg").write_text("no picture")
    Image.fromarray(np.zeros((1, MAX_SIDE + 1), np.uint8)).save(tmp_path / "long.png")
    for name, reason in [
        ("float.tif", "deeper than 16 bits"),
        ("text.jpg", "not an image"),
        ("long.png", "no side may be longer"),
        ("gone.jpg", "no such image file$"),
    ]:
        with pytest.raises(DataError, match=rf"{name}: .*{reason}"):
            read_picture(tmp_path / name)


def test_a_copy_of_a_photograph_is_a_photograph_and_others_lose_nothing(tmp_path: Path) -> None:
    assert [copy_suffix(Path(n)) for n in ("a.JPG", "a.heic", "a.png", "a.tif", "a")] == [
        *(".jpg", ".jpg", ".png", ".png", ".png")
    ]
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    write_picture(tmp_path / "new" / "a.png", image)
    np.testing.assert_array_equal(read_picture(tmp_path / "new" / "a.png"), image)
    smooth = cv2.GaussianBlur(image, (0, 0), 5)
    write_picture(tmp_path / "a.jpg", np.asarray(smooth, np.uint8))
    assert np.abs(read_picture(tmp_path / "a.jpg").astype(int) - smooth).mean() < 2


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "a.png", tmp_path / "file" / "deeper" / "a.png"):
        with pytest.raises(UsageError, match=rf"--out {place.parent}: .*; name a folder that can"):
            write_picture(place, np.zeros((2, 2, 3), np.uint8))
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        write_picture(tmp_path / "taken.png", np.zeros((2, 2, 3), np.uint8))


def test_names_are_given_once_and_never_an_inputs(tmp_path: Path) -> None:
    names = OutputNames(tmp_path, [tmp_path / "x-points.png", Path("elsewhere/y-points.png")])
    taken = [names.take(stem, "-points.png").name for stem in ("x", "y", "y", "Y", "y-2")]
    assert taken == [
        "x-2-points.png",  # the first is the name of an input
        "y-points.png",  # an input in another folder does not count
        "y-2-points.png",
        "Y-3-points.png",  # on Windows and macOS, Y and y are one name
        "y-2-2-points.png",
    ]
    assert names.take("x", "-points.mp4", "-points.png").name == "x-3-points.mp4"
    assert names.take("x", "-points.png").name == "x-4-points.png"
