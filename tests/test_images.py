"""Images are read by their content; hostile or broken files are refused, and named."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.api import DataError, ZooDeprecationWarning
from zoo.files.names import inside
from zoo.images import MAX_PIXELS, exif_orientation, read_image


def _png_header(width: int, height: int) -> bytes:
    """A PNG with this size in its header, but only a few bytes of pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


def test_rgba_png_named_jpg_gives_rgb_with_alpha_dropped(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)
    pixels[..., 3] = 0
    path = tmp_path / "face.jpg"
    Image.fromarray(pixels).save(path, format="PNG")

    image = read_image(path)

    assert image.shape == (7, 5, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pixels[..., :3])  # transparent, and still not blended
    image[0, 0] = 0  # the caller owns the pixels


@pytest.mark.parametrize("mode", ["L", "P", "LA", "CMYK", "1"])
def test_every_8_bit_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "face.tif"
    Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(path)
    np.testing.assert_array_equal(read_image(path), np.full((4, 6, 3), 255))


@pytest.mark.parametrize("side", [10_000, 13_000, 60_000])  # below, at and above Pillow's limits
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_decompression_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_header(side, side))
    with pytest.raises(DataError, match=rf"bomb\.png: .*more than {MAX_PIXELS:,} pixels"):
        read_image(path)


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    encoded = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(encoded, format="JPEG")
    path = tmp_path / "cut.jpg"
    path.write_bytes(encoded.getvalue()[: len(encoded.getvalue()) // 2])
    with pytest.raises(DataError, match=r"cut\.jpg: .*truncated"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"face\.jpg: not an image"):
        read_image(path)


def test_deep_pixels_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((4, 4), 4000, np.int32)).save(path)
    with pytest.raises(DataError, match=r"deep\.tif: .*deeper than 16 bits"):
        read_image(path)


# By EXIF orientation: is the stored top left corner below, and at the right, in the upright image?
CORNER = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}


@pytest.mark.parametrize(
    ("orientation", "suffix"),
    [*product(range(1, 9), [".jpg"]), (6, ".png"), (6, ".webp"), (0, ".jpg"), (9, ".jpg")],
)
def test_a_picture_is_read_upright_unless_it_is_asked_for_as_stored(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :8] = 255
    path, exif = tmp_path / f"photo{suffix}", Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(path, exif=exif, quality=95)

    turned = orientation if orientation in CORNER else 1
    assert exif_orientation(path) == turned
    image = read_image(path)
    assert image.shape == ((32, 16, 3) if turned >= 5 else (16, 32, 3))
    below, right = CORNER[turned]
    assert image[-4 if below else 3, -4 if right else 3].min() > 200
    assert read_image(path, as_stored=True).shape == (16, 32, 3)
    assert read_image(path, as_stored=True)[3, 3].min() > 200


def test_the_orientation_of_what_is_no_picture_is_none(tmp_path: Path) -> None:
    for content in (b"", b"II*\0 no TIFF", b"\xff\xd8 Exif\0\0 cut off"):
        (tmp_path / "x.jpg").write_bytes(content)
        assert exif_orientation(tmp_path / "x.jpg") == 1
    assert exif_orientation(tmp_path / "gone.jpg") == 1


def test_the_older_option_still_works_and_says_what_replaces_it(tmp_path: Path) -> None:
    path, exif = tmp_path / "photo.png", Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (3, 2)).save(path, exif=exif)
    for as_seen, shape in ((True, (3, 2, 3)), (False, (2, 3, 3))):
        with pytest.warns(ZooDeprecationWarning, match="as_stored=True reads them as stored"):
            assert read_image(path, as_seen=as_seen).shape == shape


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: no such image file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(DataError, match="is a folder, not a file"):
        read_image(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="its devices have other names")
def test_a_device_under_a_picture_s_name_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "zeros.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("zeros.png", "pipe.png"):
        with pytest.raises(DataError, match=f"{name}: is no regular file"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/../../x", "/etc/passwd", "//x", "a\\b", "C:x", "", ".", "a\0b"]
)
def test_paths_that_could_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="no path below"):
        inside(tmp_path, name)


def test_paths_below_the_root_are_taken(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b c.jpg") == tmp_path / "a" / "b c.jpg"


def smooth() -> np.ndarray:
    """A picture that every codec keeps well."""
    across, down = np.meshgrid(np.linspace(0, 250, 64), np.linspace(0, 250, 48))
    return np.stack([across, down, 0.5 * (across + down)], -1).astype(np.uint8)


def test_avif_and_heic_are_read_whatever_their_names_say(tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    for format_, name in (("AVIF", "a.jpg"), ("HEIF", "b.png")):
        Image.fromarray(smooth()).save(tmp_path / name, format_, quality=90)
        found = read_image(tmp_path / name)
        assert found.shape == (48, 64, 3)
        assert np.abs(found.astype(int) - smooth()).mean() < 4


def test_heic_without_its_reader_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    with pytest.raises(DataError, match=r"IMG_1.HEIC: .* pip install 'landmark-zoo\[heic\]'$"):
        read_image(path)


def test_heic_that_is_damaged_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    with pytest.raises(DataError, match=r"x\.heic: "):
        read_image(tmp_path / "x.heic")


def test_a_damaged_exif_block_prints_no_warning(tmp_path: Path) -> None:
    """In a command: a library's warnings are for programmers, who see them in Python."""
    encoded = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "maker of the telephone", "its model"
    Image.fromarray(smooth()).save(encoded, "JPEG", exif=exif)
    data = encoded.getvalue()
    at = data.index(b"Exif") + 6 + 8
    path = tmp_path / "bad.jpg"
    path.write_bytes(data[:at] + b"\x00\xff" + data[at + 2 :])  # it claims 255 entries
    script = (
        "import sys\nfrom zoo.cli.output import warn_in_one_line\n"
        "from zoo.images import read_image\nwarn_in_one_line()\n"
        "print(read_image(sys.argv[1]).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("(48, 64, 3)\n", "")
