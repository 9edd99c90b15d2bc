"""Pictures in the forms that users pass: a path, an array or a PIL picture.

Whatever the form, the pixels become uint8 (H, W, 3) RGB, upright as viewers show them. An array
does not say what its values mean, so it must be of that form already. Another array is refused, and
the message shows the code that converts it.
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
"""Most pixels that are held in memory: of a batch of pictures, or of those that wait for one."""

T = TypeVar("T")

TAKEN = "a path, a uint8 RGB array of shape (height, width, 3), a PIL picture, or a list of these"


@dataclass(frozen=True)
class Picture:
    """One picture: its pixels, or the path of the file from which they are read when needed."""

    height: int
    width: int
    path: str = ""
    """Where it came from; empty where this is unknown."""
    held: Image | None = None

    @classmethod
    def of(cls, given: object, path: str | os.PathLike[str] = "") -> Picture:
        """Make a picture of any accepted form. ``path``: where an array or a PIL picture came from.

        Raises :class:`DataError` that names what was given, and what is accepted.
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
        """Make a picture that keeps its pixels in memory."""
        height, width = pixels.shape[:2]
        return cls(height, width, path, pixels)

    def area(self) -> int:
        """Number of its pixels."""
        return self.height * self.width

    @property
    def pixels(self) -> Image:
        """uint8 (H, W, 3) RGB. Raises :class:`DataError` where the file is gone, or has changed its
        size."""
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
        """The same picture without its pixels in memory; one that came from no file keeps them."""
        return Picture(self.height, self.width, self.path) if self.path else self


def batches(items: Iterable[T], most: int, area: Callable[[T], int]) -> Iterator[list[T]]:
    """Batches of at most ``most`` items and :data:`MOST_PIXELS` pixels; a single item may have more
    pixels. ``area`` gives the number of pixels of an item."""
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
        raise _refused(about, _tensor_hint(given, tuple(shape)) if library == "torch" else "")
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


def _tensor_hint(tensor: Any, shape: tuple[int, ...]) -> str:
    if len(shape) == 4:
        return "give a list of pictures, each an array"
    turned = ".permute(1, 2, 0)" if len(shape) == 3 and shape[0] == 3 != shape[2] else ""
    scaled = ".mul(255).round().byte()" if "float" in str(tensor.dtype) else ""
    return f"tensor{turned}{scaled}.cpu().numpy() makes an array of it"


def require_pixels(given: NDArray[Any]) -> Image:
    """The array, contiguous in memory. Raises :class:`DataError` for an array that is no uint8
    (H, W, 3) picture, or that has no pixel."""
    if hint := _fault(given):
        about = f"an array of shape {given.shape}, {given.dtype}"
        raise DataError(f"a picture is uint8 (H, W, 3) RGB, this is {about}: {hint}")
    return np.ascontiguousarray(given)


def _fault(array: NDArray[Any]) -> str:
    """What is wrong with an array, and the code that makes a picture of it; empty for a picture."""
    from ..images import MAX_SIDE

    shape = array.shape
    if len(shape) == 4:
        return "several pictures go as a list: list(images)"
    if 0 in shape:
        return "it has no pixel"
    if len(shape) == 2:
        return f"grey: np.stack([image] * 3, axis=-1){_and_bytes(array)}"
    if len(shape) != 3:
        return f"a picture has 3 axes, this has {len(shape)}"
    if shape[2] not in (1, 3, 4) and shape[0] in (1, 3, 4):
        return f"its channels come first: image.transpose(1, 2, 0){_and_bytes(array)}"
    if shape[2] == 4:
        return f"it has an alpha channel: image[..., :3]{_and_bytes(array)}"
    if shape[2] == 1:
        return f"grey: np.repeat(image, 3, axis=2){_and_bytes(array)}"
    if shape[2] != 3:
        return f"it has {shape[2]} channels"
    if array.dtype != np.uint8:
        return _to_bytes(array)
    if max(shape) > MAX_SIDE:
        return f"no side may be longer than {MAX_SIDE:,} pixels; cut or shrink it"
    return ""


def _and_bytes(array: NDArray[Any]) -> str:
    return "" if array.dtype == np.uint8 else f", and {_to_bytes(array)}"


def _to_bytes(array: NDArray[Any]) -> str:
    """The code that converts values of another type to 0 to 255."""
    kind = array.dtype.kind
    if kind == "f":
        if np.nanmax(array, initial=0) <= 1:
            return "values from 0 to 1: (image * 255).round().astype(np.uint8)"
        return "image.round().clip(0, 255).astype(np.uint8)"
    if kind == "b":
        return "image.astype(np.uint8) * 255"
    if array.dtype == np.uint16:
        return "(image >> 8).astype(np.uint8)"
    return (
        "image.clip(0, 255).astype(np.uint8)"
        if kind in "iu"
        else "its values are no numbers from 0 to 255"
    )
