"""A picture in each form that a user may have, and the errors for what is no picture."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from zoo.api import DataError, UsageError, generic_scheme
from zoo.geometry import FacePlace
from zoo.prediction import Predictor, load
from zoo.prediction.network import Answer
from zoo.prediction.picture import Picture


class Means(Predictor):
    """Predicts points that encode the mean colour of the picture."""

    name = "means"
    scheme = generic_scheme(3)
    input_size = 8
    region = "frame"
    faces = FacePlace(0.5, 0.5, 0.5)

    def run(self, crops: NDArray[np.uint8]) -> Answer:
        means = crops.reshape(len(crops), -1, 3).mean(1) / 255
        return Answer(np.stack([means, means[:, ::-1]], -1).astype(np.float32), None)


MODEL = Means()
IMAGE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


def test_every_form_of_a_picture_gives_the_same_points(tmp_path: Path) -> None:
    file = tmp_path / "face.png"
    PIL.Image.fromarray(IMAGE).save(file)
    forms: list[Any] = [file, str(file), IMAGE, PIL.Image.fromarray(IMAGE), PIL.Image.open(file)]
    forms += [IMAGE[:, ::-1][:, ::-1], np.asfortranarray(IMAGE)]
    alone = [MODEL(form, "none") for form in forms]
    for faces in (*alone, *MODEL.predict(forms, "none"), *MODEL.predict(tuple(forms), "none")):
        np.testing.assert_array_equal(faces.points, alone[2].points)
        np.testing.assert_array_equal(faces.image, IMAGE)
    assert alone[0].path == alone[1].path == str(file)
    assert alone[2].path == ""
    assert MODEL(IMAGE, "none", path="here.png").path == "here.png"
    assert MODEL([]) == []


def test_a_photograph_is_upright_in_each_form(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn it clockwise to see it
    PIL.Image.fromarray(IMAGE).save(file, exif=exif)
    for form in (file, PIL.Image.open(file)):
        picture = Picture.of(form)
        assert (picture.height, picture.width) == (9, 6)
        assert picture.pixels.shape == (9, 6, 3)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_a_pil_picture_of_any_mode_becomes_rgb(mode: str) -> None:
    grey = np.full((4, 5), 200, np.uint16) << 8 if mode == "I;16" else None
    converted = (
        PIL.Image.fromarray(IMAGE).convert(mode) if grey is None else PIL.Image.fromarray(grey)
    )
    pixels = Picture.of(converted).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    if grey is not None:
        assert (pixels == 200).all()


def test_pictures_of_a_long_list_are_read_again_when_they_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.prediction.picture.MOST_PIXELS", 100)  # one of them fits
    files = [tmp_path / f"{k}.png" for k in range(3)]
    for k, file in enumerate(files):
        PIL.Image.fromarray(np.roll(IMAGE, k)).save(file)
    found = MODEL(files, "none")
    assert [faces.picture.held for faces in found] == [None] * 3
    for k, faces in enumerate(found):
        np.testing.assert_array_equal(faces.image, np.roll(IMAGE, k))
        np.testing.assert_array_equal(faces.points, MODEL(files[k], "none").points)
    PIL.Image.fromarray(IMAGE[1:]).save(files[0])
    with pytest.raises(DataError, match=r"0\.png: was 9 x 6 pixels .* and is 9 x 5 now"):
        _ = found[0].image
    files[1].unlink()
    with pytest.raises(DataError, match=r"1\.png: no such image file"):
        found[1].drawn()


class Strange:
    """Stands for an array of another library."""

    __module__ = "torch"
    shape = (3, 6, 9)
    dtype = "torch.float32"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (IMAGE / 255, r"\(6, 9, 3\), float64: values from 0 to 1: \(image \* 255\)\.round\(\)"),
        (IMAGE.astype(np.float32), r"float32: image\.round\(\)\.clip\(0, 255\)"),
        (IMAGE.astype(np.int64), r"int64: image\.clip\(0, 255\)\.astype\(np\.uint8\)"),
        (IMAGE.astype(np.uint16), r"uint16: \(image >> 8\)"),
        (IMAGE > 9, r"bool: image\.astype\(np\.uint8\) \* 255"),
        (IMAGE.astype("U"), r"its values are no numbers"),
        (IMAGE[..., 0], r"\(6, 9\), uint8: grey: np\.stack\(\[image\] \* 3, axis=-1\)$"),
        (IMAGE[..., :1], r"grey: np\.repeat\(image, 3, axis=2\)$"),
        (IMAGE[..., [0, 1, 2, 0]], r"alpha channel: image\[\.\.\., :3\]$"),
        (IMAGE[..., :2], r"it has 2 channels"),
        (IMAGE.transpose(2, 0, 1), r"channels come first: image\.transpose\(1, 2, 0\)$"),
        (IMAGE.transpose(2, 0, 1) / 255, r"transpose\(1, 2, 0\), and values from 0 to 1"),
        (IMAGE[None], r"several pictures go as a list: list\(images\)"),
        (IMAGE[0, 0], r"a picture has 3 axes, this has 1"),
        (IMAGE[:0], r"it has no pixel"),
        (np.zeros((1, 40_000, 3), np.uint8), r"no side may be longer than 32,766"),
        (None, r"this is None: cv2\.imread"),
        (b"\xff\xd8", r"this is bytes: PIL\.Image\.open\(io\.BytesIO"),
        (io.BytesIO(), r"BytesIO, an open file: PIL\.Image\.open\(file\)"),
        (5, r"this is int$"),
        (
            Strange(),
            r"torch\.Strange of shape \(3, 6, 9\), torch\.float32: tensor\.permute\(1, 2, 0",
        ),
        (iter([IMAGE]), r"list_iterator: list\(\.\.\.\) makes a list of it"),
        ([IMAGE, [IMAGE]], r"picture 1 of 2, from 0: a picture is a path.* this is list"),
        ([IMAGE, "nowhere.png"], r"picture 1 of 2, from 0: nowhere\.png: no such image file"),
        ("nowhere.png", r"^nowhere\.png: no such image file"),
        ("", r"^'': no such image file"),
        ("*.jpg", r"^\*\.jpg: no such image file; .* glob\.glob\('\*\.jpg'\)"),
        ("http://a.b/c.jpg", r"an address is not read; download"),
        (b"nowhere.png", r"bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_picture_is_named_with_what_is_taken(image: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        MODEL(image, "none")
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_file_that_is_no_picture_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a folder; give a list .*glob.* zoo predict"):
        MODEL(tmp_path)
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match=r"notes\.txt: not an image in a format"):
        MODEL(tmp_path / "notes.txt")
    deep = PIL.Image.new("F", (4, 4))
    with pytest.raises(DataError, match=r"the PIL picture of 4 x 4 pixels: .* mode F"):
        MODEL(deep)
    with pytest.raises(UsageError, match="path: names one picture"):
        MODEL.predict([IMAGE], path="x.png")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match=r"hf://user/name, each as text or Path; this is ndarray"):
        load(IMAGE)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.int16, np.bool_])
def test_an_array_of_any_shape_is_a_picture_or_refused_in_one_line(kind: Any) -> None:
    for shape in (s for axes in range(5) for s in itertools.product((0, 1, 3, 4), repeat=axes)):
        array = np.zeros(shape, kind)
        if len(shape) == 3 and shape[2] == 3 and 0 not in shape and kind is np.uint8:
            assert Picture.of(array).pixels is array
        else:
            with pytest.raises(DataError, match=r"^a picture is uint8 .*this is an array .*: .*$"):
                Picture.of(array)
