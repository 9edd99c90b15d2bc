"""Finding and reading one image file below a data set's root, without trusting it.

What a file's bytes say decides its format; its name does not (the YouTube Faces frames are RGBA
PNG named .jpg). The size in the header is checked before a pixel is decoded.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from zoo.api import DataError
from zoo.reading import MIB, open_regular

MAX_PIXELS = 80_000_000
"""Larger images are refused. Stays below the size at which Pillow itself begins to warn."""

MOST_BYTES = 512 * MIB
"""Of a file: eight for each of the pixels above come to more only where it holds other things."""

MAX_SIDE = 32_766
"""Pixels: OpenCV cannot cut a region out of a wider or higher image."""

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
"""Pillow also opens documents and vector formats, some by way of other programs: not here."""


def inside(root: Path, relative: str) -> Path:
    """The file that a data set's text names ``relative`` (with forward slashes) below ``root``.

    Raises :class:`DataError` for a name that could lead out of ``root``: absolute, with ``..``, a
    backslash or a drive, or no name at all.
    """
    parts = PurePosixPath(relative).parts
    if not parts or relative[0] == "/" or ".." in parts or set(relative) & set("\\:\0"):
        raise DataError(f"{relative!r} is no path below the data set's root")
    return root.joinpath(*parts)


def read_image(path: str | Path, *, as_seen: bool = False) -> NDArray[np.uint8]:
    """The image at ``path`` as uint8 (H, W, 3) RGB: its first frame, its alpha channel dropped.

    Pixels come as they are stored: landmark files refer to those, so an EXIF orientation is not
    applied. With ``as_seen`` the picture comes as viewers show it: upright by its EXIF orientation,
    and 16-bit grey brought to 8 bits. Raises :class:`DataError`, with the file, the reason and what
    to do, for a file that is missing, empty, truncated, no image, deeper than 8 bits or larger than
    ``MAX_PIXELS``.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such image file; check the data set's root or fetch it again")
    try:
        with (
            open_regular(path, MOST_BYTES) as stream,
            Image.open(stream, formats=FORMATS) as image,
        ):
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path)
            if max(image.size) > MAX_SIDE:
                raise DataError(
                    f"{path}: {image.width} x {image.height} pixels, and no side may be longer "
                    f"than {MAX_SIDE:,}; cut or shrink it"
                )
            if as_seen:
                return _as_seen(path, image)
            if image.mode == "F" or image.mode.startswith("I"):
                raise _too_deep(path, image.mode)
            return np.array(image.convert("RGB"), dtype=np.uint8)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path}: not an image in a format that is read ({', '.join(FORMATS)}); "
            "replace the file or fetch it again"
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Exception as error:  # Pillow's decoders raise many kinds at a damaged file
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{path}: the image cannot be decoded ({reason}); replace the file or fetch it again"
        ) from error


def _as_seen(path: Path, image: Image.Image) -> NDArray[np.uint8]:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        # the upper byte: 65535 becomes 255, as Pillow itself reads 16-bit colour
        grey = (np.asarray(upright).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if upright.mode == "F" or upright.mode.startswith("I"):
        raise _too_deep(path, upright.mode)
    return np.array(upright.convert("RGB"), dtype=np.uint8)


def _too_deep(path: Path, mode: str) -> DataError:
    return DataError(
        f"{path}: pixels of mode {mode} are deeper than 8 bits; convert the file to 8-bit RGB"
    )


def _too_large(path: Path) -> DataError:
    return DataError(
        f"{path}: its header claims more than {MAX_PIXELS:,} pixels, so it was not decoded; "
        "such a file is usually damaged or hostile: replace it, or shrink it if it is neither"
    )
