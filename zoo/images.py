"""Finding and reading one image file below a data set's root, without trusting it.

All of the zoo reads pictures as viewers show them, upright by their EXIF orientation, so points
that `zoo predict` wrote fit the pixels that training sees. A file's bytes decide its format, not
its name (the YouTube Faces frames are RGBA PNG named .jpg). The size in the header is checked
before a pixel is decoded.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from zoo.api import DataError
from zoo.api.notices import deprecated
from zoo.files.reading import MIB, open_regular

MAX_PIXELS = 80_000_000
"""Larger images are refused. The limit is below the size at which Pillow begins to warn."""

MOST_BYTES = 512 * MIB
"""Largest file: about six bytes for each of MAX_PIXELS; a larger one holds more than a picture."""

MAX_SIDE = 32_766
"""Pixels: OpenCV cannot cut a region out of a wider or higher image."""

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF")
"""Pillow also opens documents and vector formats, some by other programs: these are not read."""

SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jpe", ".jfif", ".pjpeg", ".pjp"),
    *(".gif", ".apng", ".dib", ".avif", ".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Suffixes of the files of a folder that are read as pictures, the likeliest first."""

HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Brands in the container of a HEIC file. The container of an AVIF file may be mif1, too."""

_HEAD = 1 << 16
"""Bytes that are searched for EXIF, which comes before the pixels."""

_EXIF_MARKS = (b"Exif\0\0", b"eXIf", b"EXIF", b"Orientation")
"""Marks of EXIF in JPEG, PNG and WebP files, and the tag that XMP writes."""


def read_image(
    path: str | Path, *, as_stored: bool = False, as_seen: bool | None = None
) -> NDArray[np.uint8]:
    """The image at ``path`` as viewers show it: uint8 (H, W, 3) RGB, upright by its EXIF
    orientation, its first frame, 16-bit grey brought to 8 bits, its alpha channel dropped.

    With ``as_stored`` the EXIF orientation is not applied, for labels that were made by a program
    which ignores it. ``as_seen`` is the older, opposite name of that option. Raises
    :class:`DataError`, with the file, the reason and what to do, for a file that is missing, empty,
    truncated, no image, deeper than 16 bits or larger than ``MAX_PIXELS``.
    """
    if as_seen is not None:
        deprecated(
            "the option as_seen of read_image",
            since="0.2",
            instead="pictures are read as they are seen; as_stored=True reads them as stored",
        )
        as_stored = not as_seen
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such image file; check the data set's root or fetch it again")
    try:
        with (
            open_regular(path, MOST_BYTES) as stream,
            Image.open(stream, formats=_formats(path, stream)) as image,
        ):
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path)
            if max(image.size) > MAX_SIDE:
                raise DataError(
                    f"{path}: {image.width} x {image.height} pixels, and no side may be longer "
                    f"than {MAX_SIDE:,}; cut or shrink it"
                )
            return _to_rgb(path, image if as_stored else ImageOps.exif_transpose(image))
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path}: not an image in a format that is read ({', '.join(FORMATS)}, HEIC); "
            "replace the file or fetch it again"
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Exception as error:  # Pillow's decoders raise many kinds at a damaged file
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{path}: the image cannot be decoded ({reason}); replace the file or fetch it again"
        ) from error


def _formats(path: Path, stream: BinaryIO) -> tuple[str, ...]:
    """What Pillow may take the file for. Raises :class:`DataError` for HEIC without its reader."""
    head = stream.read(64)
    stream.seek(0)
    if head[4:8] != b"ftyp" or head[8:12] not in HEIC or b"avif" in head:
        return FORMATS
    try:
        import pillow_heif
    except ImportError as error:
        raise DataError(
            f"{path}: a HEIC picture, which is read with an extra: pip install 'landmark-zoo[heic]'"
        ) from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def exif_orientation(path: Path) -> int:
    """The EXIF orientation by which :func:`read_image` turns the file's pixels: 1 (not at all) to
    8. It is 1 for a file that cannot be read, and for a TIFF, which Pillow itself always turns.
    Only the file's first bytes are read."""
    try:
        with open_regular(path, MOST_BYTES) as stream:
            head = stream.read(_HEAD)
            if not any(mark in head for mark in _EXIF_MARKS):
                return 1  # most files: opening them as pictures would take ten times as long
            stream.seek(0)
            image = Image.open(stream, formats=FORMATS)
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            if image.format == "TIFF":
                return 1
    except Exception:  # Pillow's readers raise many kinds at a damaged file
        return 1
    return orientation if orientation in range(2, 9) else 1


def upright_rgb(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """The pixels of a picture that Pillow opened, as :func:`read_image` gives those of a file.

    ``name`` stands for it in messages. Raises :class:`DataError` for a picture that cannot be
    decoded, is deeper than 16 bits or has a side longer than ``MAX_SIDE``.
    """
    if max(image.size) > MAX_SIDE or 0 in image.size:
        raise DataError(f"{name}: a picture's side has from 1 to {MAX_SIDE:,} pixels")
    try:
        return _to_rgb(name, ImageOps.exif_transpose(image))
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds at a damaged file
        raise DataError(f"{name}: cannot be decoded ({error}); open it again") from error


def _to_rgb(path: str | Path, image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        # the upper byte: 65535 becomes 255, as Pillow itself reads 16-bit colour
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F" or image.mode.startswith("I"):
        raise _too_deep(path, image.mode)
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _too_deep(path: str | Path, mode: str) -> DataError:
    return DataError(
        f"{path}: pixels of mode {mode} are deeper than 16 bits; convert the file to 8-bit RGB"
    )


def _too_large(path: Path) -> DataError:
    return DataError(
        f"{path}: its header claims more than {MAX_PIXELS:,} pixels, so it was not decoded; "
        "such a file is usually damaged or hostile: replace it, or shrink it if it is neither"
    )
