"""File formats for the faces of a picture: CSV, JSON, .pts and drawn pictures.

The centre of the top left pixel is (0, 0) in CSV and JSON, as everywhere in the zoo. In .pts files
it is (1, 1), as in 300-W and menpo. `zoo predict` writes these formats, too.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..api import UsageError
from ..files import write_whole
from ..files.names import readable
from .face import Face
from .outputs import VISIBILITY, plain
from .picture import Image

CORNERS = ("box_x0", "box_y0", "box_x1", "box_y1")
JPEGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp")
PICTURES = (".png", *JPEGS, ".webp", ".bmp", ".tif", ".tiff")
"""Suffixes under which a drawn picture is written."""


@dataclass(frozen=True)
class Marked:
    """A picture, or a frame of something that moves, with the faces that were found in it."""

    path: str | Path
    """The picture, the video, or the frame's own file; empty where this is unknown."""
    faces: Sequence[Face]
    numbers: Sequence[int]
    """Number of each face: its index in the picture, or its track in a video."""
    frame: int | None = None
    """From 0; None for a picture."""
    seconds: float | None = None


def columns(count: int, faces: Sequence[Face] = ()) -> list[str]:
    """The columns of a table of ``faces`` with ``count`` points, as the data set `landmarks_csv`
    reads them; with columns of the points' visibility, where the model gives it."""
    parts = [f"part_{i}_{axis}" for i in range(count) for axis in "xy"]
    rated = ["box_score", "confidence", "score"]
    if any(VISIBILITY in face.outputs for face in faces):
        parts += [f"part_{i}_{VISIBILITY}" for i in range(count)]
    return ["image_name", "frame", "seconds", "face", *CORNERS, *rated, *parts]


def rows(marked: Marked) -> Iterator[list[Any]]:
    """The values of :func:`columns`, one row per face; None where there is no value."""
    name = readable(str(marked.path))
    for face, number in zip(marked.faces, marked.numbers, strict=True):
        rated = (face.box_score, face.confidence, face.score)
        visibility = face.outputs.get(VISIBILITY, np.empty(0)).tolist()
        values = [*face.box, *rated, *face.points.ravel().tolist(), *visibility]
        yield [name, marked.frame, marked.seconds, number, *map(_number, values)]


def csv_text(lines: Iterator[list[Any]] | list[list[Any]]) -> str:
    """Rows as CSV: numbers with at most three decimals, an empty cell where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_short(v) if isinstance(v, float) else v for v in line] for line in lines)
    return text.getvalue()


def as_table(marked: Marked) -> dict[str, Any]:
    """A picture or frame with its faces, as JSON holds them."""
    moving = {} if marked.frame is None else {"frame": marked.frame, "seconds": marked.seconds}
    faces = [
        {
            "face": number,
            "box": [round(v, 2) for v in face.box],
            "box_score": _rounded(face.box_score),
            "confidence": _rounded(face.confidence),
            "score": _rounded(face.score),
            "points": face.points.astype(np.float64).round(2).tolist(),
            "scores": None if face.scores is None else [*map(_rounded, face.scores.tolist())],
            **({"outputs": {k: plain(v) for k, v in face.outputs.items()}} if face.outputs else {}),
        }
        for face, number in zip(marked.faces, marked.numbers, strict=True)
    ]
    return {"image": readable(str(marked.path)), **moving, "faces": faces}


def json_text(marked: Marked, indent: int | None = None) -> str:
    """:func:`as_table` as JSON that every parser reads: it has no NaN."""
    separators = None if indent else (",", ":")
    return json.dumps(as_table(marked), allow_nan=False, indent=indent, separators=separators)


def pts_text(points: NDArray[np.floating[Any]]) -> str:
    """(K, 2) points as a .pts file of version 1, where the first pixel is (1, 1): 1 is added."""
    lines = "".join(f"{x + 1:.3f} {y + 1:.3f}\n" for x, y in points.tolist())
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n"


def picture_bytes(image: Image, suffix: str) -> bytes:
    """RGB pixels as a picture file of this suffix. Raises :class:`UsageError` where the format
    cannot hold a picture of that size."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix.lower() in JPEGS else []
    known = ".jpg" if suffix.lower() in JPEGS else suffix
    try:
        done, data = cv2.imencode(known, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    except cv2.error:
        done, data = False, np.empty(0, np.uint8)
    if not done:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise UsageError(f"a {suffix} picture cannot have {size} pixels; take .png")
    return np.asarray(data).tobytes()


def save_whole(path: Path, content: bytes) -> None:
    """Write a file completely or not at all; a missing folder is created. Raises
    :class:`UsageError` that names a file that cannot be written."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}; name a file in a folder that can be written"
        ) from error


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _short(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _rounded(value: float | None) -> float | None:
    finite = _number(value)
    return None if finite is None else round(finite, 4)
