"""A picture as a person gives it: a path, an array or a PIL picture, and what each of them means.

Whatever its form, the pixels are uint8 (H, W, 3) RGB, upright as viewers show them. An array says
nothing of what it holds, so it must be of that form already; what is not is refused with the line
of code that brings it there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..api import DataError

if TYPE_CHECKING:
    import PIL.Image

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""

PictureLike: TypeAlias = "str | os.PathLike[str] | NDArray[np.uint8] | PIL.Image.Image"
"""What :meth:`zoo.prediction.Predictor.predict` takes for a picture."""

MOST_PIXELS = 32_000_000
"""Pixels of the pictures of a batch, or of those that wait for one: what is held in memory."""

T = TypeVar("T")

TAKEN = "a path, a uint8 RGB array of shape (height, width, 3), a PIL picture, or a list of these"


@dataclass(frozen=True)
class Picture:
    """The pixels of one picture, or the file that has them, which is read again when they are
    asked for."""

    height: int
    width: int
    path: str = ""
    """Where it came from; empty where nobody said."""
    held: Image | None = None

    @classmethod
    def of(cls, given: object, path: str | os.PathLike[str] = "") -> Picture:
        """A picture of any form that is taken. ``path``: where an array or a PIL picture came from.

        Raises :class:`DataError` that names what was given, and what is taken.
        """
        if isinstance(given, np.ndarray):
            pixels = require_pixels(given)
        elif isinstance(given, str | os.PathLike):
            pixels, path = _read(given), given
        else:
            pixels = _converted(given)
        return cls.holding(pixels, os.fspath(path))

    @classmethod
    def holding(cls, pixels: Image, path: str = "") -> Picture:
        """A picture whose pixels are at hand."""
        height, width = pixels.shape[:2]
        return cls(height, width, path, pixels)

    def area(self) -> int:
        """Number of its pixels."""
        return self.height * self.width

    @property
    def pixels(self) -> Image:
        """uint8 (H, W, 3) RGB. Raises :class:`DataError` where the file is gone, or another."""
        if self.held is not None:
            return self.held
        pixels = _read(self.path)
        if pixels.shape[:2] != (self.height, self.width):
            raise DataError(
                f"{self.path}: was {self.width} x {self.height} pixels when its faces were found, "
                f"and is {pixels.shape[1]} x {pixels.shape[0]} now; predict it again"
            )
        return pixels

    def without_pixels(self) -> Picture:
        """The same, which takes no memory; a picture that came from no file keeps its pixels."""
        return Picture(self.height, self.width, self.path) if self.path else self


def batches(items: Iterable[T], most: int, area: Callable[[T], int]) -> Iterator[list[T]]:
    """Up to ``most`` items together, and no more pixels than :data:`MOST_PIXELS` but for a single
    item; ``area`` tells how many an item has."""
    batch: list[T] = []
    pixels = 0
    for item in items:
        size = area(item)
        if batch and (len(batch) == most or pixels + size > MOST_PIXELS):
            yield batch
            batch, pixels = [], 0
        batch.append(item)
        pixels += size
    if batch:
        yield batch


def _read(path: str | os.PathLike[str]) -> Image:
    from ..images import read_image

    text = os.fspath(path)
    if not isinstance(text, str):
        raise _refused(f"{type(text).__name__}, a path in bytes", "os.fsdecode makes text of it")
    if os.path.isdir(text):
        raise DataError(
            f"{text}: a folder; give a list of its pictures, "
            f"such as sorted(Path({text!r}).glob('*.jpg')), or run: zoo predict {text}"
        )
    if not os.path.exists(text) and "://" in text:
        raise DataError(f"{text}: an address is not read; download the picture and give its path")
    if not os.path.exists(text):
        pattern = f"; a list of what a pattern names is glob.glob({text!r})" if "*" in text else ""
        raise DataError(f"{text or repr(text)}: no such image file{pattern}")
    return read_image(Path(text))


def _converted(given: object) -> Image:
    """The pixels of a PIL picture; everything else is refused."""
    kind = type(given)
    library = kind.__module__.partition(".")[0]
    name = kind.__name__ if library == "builtins" else f"{library}.{kind.__name__}"
    if library == "PIL" or any(base.__module__.startswith("PIL.") for base in kind.__mro__):
        from ..images import upright_rgb

        image: Any = given
        return upright_rgb(image, f"the PIL picture of {image.width} x {image.height} pixels")
    shape = getattr(given, "shape", None)
    if shape is not None:
        about = f"{name} of shape {tuple(shape)}, {getattr(given, 'dtype', 'of no known type')}"
        raise _refused(about, _of_tensor(given, tuple(shape)) if library == "torch" else "")
    if given is None:
        raise _refused("None", "cv2.imread gives it for a file that it cannot read")
    if isinstance(given, bytes | bytearray | memoryview):
        raise _refused(f"{name}", "PIL.Image.open(io.BytesIO(data)) makes a picture of them")
    if hasattr(given, "read"):
        raise _refused(f"{name}, an open file", "PIL.Image.open(file) makes a picture of it")
    if hasattr(given, "__iter__"):
        raise _refused(name, "list(...) makes a list of it")
    raise _refused(name)


def _refused(given: str, hint: str = "") -> DataError:
    return DataError(f"a picture is {TAKEN}; this is {given}{f': {hint}' if hint else ''}")


def _of_tensor(tensor: Any, shape: tuple[int, ...]) -> str:
    if len(shape) == 4:
        return "give a list of pictures, each an array"
    turned = ".permute(1, 2, 0)" if len(shape) == 3 and shape[0] == 3 != shape[2] else ""
    scaled = ".mul(255).round().byte()" if "float" in str(tensor.dtype) else ""
    return f"tensor{turned}{scaled}.cpu().numpy() makes an array of it"


def require_pixels(given: NDArray[Any]) -> Image:
    """The array itself, in one piece of memory. Raises :class:`DataError` for what is no uint8
    (H, W, 3) picture with a pixel in it."""
    if hint := _fault(given):
        about = f"an array of shape {given.shape}, {given.dtype}"
        raise DataError(f"a picture is uint8 (H, W, 3) RGB, this is {about}: {hint}")
    return np.ascontiguousarray(given)


def _fault(given: NDArray[Any]) -> str:
    """What an array is, and the code that makes a picture of it; empty for a picture."""
    from ..images import MAX_SIDE

    shape = given.shape
    if len(shape) == 4:
        return "several pictures go as a list: list(images)"
    if 0 in shape:
        return "it has no pixel"
    if len(shape) == 2:
        return f"grey: np.stack([image] * 3, axis=-1){_and_bytes(given)}"
    if len(shape) != 3:
        return f"a picture has 3 axes, this has {len(shape)}"
    if shape[2] not in (1, 3, 4) and shape[0] in (1, 3, 4):
        return f"its channels come first: image.transpose(1, 2, 0){_and_bytes(given)}"
    if shape[2] == 4:
        return f"it has an alpha channel: image[..., :3]{_and_bytes(given)}"
    if shape[2] == 1:
        return f"grey: np.repeat(image, 3, axis=2){_and_bytes(given)}"
    if shape[2] != 3:
        return f"it has {shape[2]} channels"
    if given.dtype != np.uint8:
        return _to_bytes(given)
    if max(shape) > MAX_SIDE:
        return f"no side may be longer than {MAX_SIDE:,} pixels; cut or shrink it"
    return ""


def _and_bytes(given: NDArray[Any]) -> str:
    return "" if given.dtype == np.uint8 else f", and {_to_bytes(given)}"


def _to_bytes(given: NDArray[Any]) -> str:
    """The code that brings values of another type to 0 to 255."""
    kind = given.dtype.kind
    if kind == "f":
        if np.nanmax(given, initial=0) <= 1:
            return "values from 0 to 1: (image * 255).round().astype(np.uint8)"
        return "image.round().clip(0, 255).astype(np.uint8)"
    if kind == "b":
        return "image.astype(np.uint8) * 255"
    if given.dtype == np.uint16:
        return "(image >> 8).astype(np.uint8)"
    return (
        "image.clip(0, 255).astype(np.uint8)"
        if kind in "iu"
        else "its values are no numbers from 0 to 255"
    )
