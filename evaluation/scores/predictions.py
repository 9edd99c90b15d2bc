"""A model's predictions for one split, with the labels for evaluation: one .npz file.

Every metric can be computed again from this file alone, also for the baseline: besides points and
labels it holds the landmark scheme and the training split's mean shape. It holds numbers and plain
text, never a pickle. It names people, so it stays in the run folder.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError, LandmarkScheme
from zoo.files import write_whole
from zoo.files.reading import open_regular
from zoo.limits import how_to_raise, memory_limit

from .schemes import scheme_from_table
from .subsets import Attributes

_Attributes = dict[str, bool | str | float]

SHARE = 0.5
"""Share of the memory limit that an unpacked file may take; checking it takes as much again. With
the usual limit of 2 GiB, it is enough for 800,000 faces of 68 points. A larger file may be a zip
bomb."""

KEYS = ("ids", "people", "points", "target", "visible", "regions")
OPTIONAL = ("scores", "scheme", "mean_shape", "occluded", "visibility", "attributes")


@dataclass(frozen=True)
class Predictions:
    """N faces of K points, all in source pixels."""

    ids: tuple[str, ...]
    """Ids of the samples, all different."""
    people: tuple[str | None, ...]
    points: NDArray[np.float32]
    """(N, K, 2); NaN for a face that was missed."""
    target: NDArray[np.float32]
    """(N, K, 2)"""
    visible: NDArray[np.bool_]
    """(N, K)"""
    regions: NDArray[np.float64]
    """(N, 3): cx, cy, side of the square that the model saw."""
    scores: NDArray[np.float32] | None = None
    """(N, K), if the model gives scores."""
    scheme: LandmarkScheme | None = None
    """The scheme of the K points; files of older versions lack it."""
    mean_shape: NDArray[np.float64] | None = None
    """(K, 2): the mean shape of the training split's labels, as fractions of the region; it is the
    baseline."""
    occluded: NDArray[np.float32] | None = None
    """(N, K): 1 for a hidden point, 0 for a seen one, NaN if the data set does not say; None if it
    never says."""
    visibility: NDArray[np.float32] | None = None
    """(N, K): the probability that a point is seen, if the model gives it."""
    attributes: tuple[Attributes, ...] | None = None
    """The attributes of each frame, if the data set has any."""

    def part(self, rows: NDArray[np.int64]) -> Predictions:
        """The predictions of these rows."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("points", "target", "visible", "regions", "scores", "occluded", "visibility"):
            if columns[name] is not None:
                columns[name] = columns[name][rows]
        for name in ("ids", "people", "attributes"):
            if columns[name] is not None:
                columns[name] = tuple(columns[name][row] for row in rows)
        return Predictions(**columns)

    def save(self, path: Path) -> str:
        """Write the file, completely or not at all, and return its sha256.

        The same predictions give the same bytes. Raises DataError for arrays that do not fit.
        """
        arrays: dict[str, NDArray[Any]] = {
            "ids": np.array(self.ids, np.str_),
            # an empty text means None: numpy has no missing text, and no person has an empty name
            "people": np.array([p or "" for p in self.people], np.str_),
            "points": np.asarray(self.points, np.float32),
            "target": np.asarray(self.target, np.float32),
            "visible": np.asarray(self.visible, np.bool_),
            "regions": np.asarray(self.regions, np.float64),
        }
        if self.scores is not None:
            arrays["scores"] = np.asarray(self.scores, np.float32)
        if self.scheme is not None:
            arrays["scheme"] = np.array(json.dumps(asdict(self.scheme)), np.str_)
        if self.mean_shape is not None:
            arrays["mean_shape"] = np.asarray(self.mean_shape, np.float64)
        if self.occluded is not None:
            arrays["occluded"] = np.asarray(self.occluded, np.float32)
        if self.visibility is not None:
            arrays["visibility"] = np.asarray(self.visibility, np.float32)
        if self.attributes is not None:
            arrays["attributes"] = np.array([json.dumps(dict(a)) for a in self.attributes], np.str_)
        _check(path, arrays)
        buffer = io.BytesIO()
        # savez takes the names of arrays as keywords
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        write_whole(path, buffer.getvalue())
        return hashlib.sha256(buffer.getvalue()).hexdigest()


def load(path: Path) -> Predictions:
    """Read and check a file of :meth:`Predictions.save`.

    Args:
        path: The .npz file.

    Returns:
        The predictions of N faces of K points.

    Raises:
        DataError: A file of another kind, a missing key, a pickle (which is never loaded), a wrong
            shape or type, or impossible numbers; names the file and the key.
    """
    arrays = _read(path)
    _check(path, arrays)
    return Predictions(
        ids=tuple(arrays["ids"].tolist()),
        people=tuple(p or None for p in arrays["people"].tolist()),
        points=arrays["points"].astype(np.float32),
        target=arrays["target"].astype(np.float32),
        visible=arrays["visible"],
        regions=arrays["regions"].astype(np.float64),
        scores=arrays["scores"].astype(np.float32) if "scores" in arrays else None,
        scheme=_scheme(path, arrays),
        mean_shape=arrays["mean_shape"].astype(np.float64) if "mean_shape" in arrays else None,
        occluded=arrays["occluded"].astype(np.float32) if "occluded" in arrays else None,
        visibility=arrays["visibility"].astype(np.float32) if "visibility" in arrays else None,
        attributes=_attributes(path, arrays),
    )


def beside(record: Path, split: str) -> Path | None:
    """The predictions file of a record's split, in the same run folder; None if there is none, and
    for a record outside its run folder."""
    path = record.parent / "predictions" / f"{split}.npz"
    return path if record.name == "record.json" and path.is_file() else None


def _scheme(path: Path, arrays: dict[str, NDArray[Any]]) -> LandmarkScheme | None:
    if "scheme" not in arrays:
        return None
    try:
        scheme = scheme_from_table(json.loads(str(arrays["scheme"])))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: key 'scheme' is no landmark scheme ({error})") from error
    count = arrays["points"].shape[1]
    if len(scheme) != count:
        raise DataError(f"{path}: key 'scheme' does not fit the {count} points of the file")
    return scheme


def _attributes(path: Path, arrays: dict[str, NDArray[Any]]) -> tuple[Attributes, ...] | None:
    if "attributes" not in arrays:
        return None
    texts = arrays["attributes"].tolist()
    try:
        return tuple(msgspec.json.decode(text, type=_Attributes) for text in texts)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DataError(
            f"{path}: key 'attributes' is no mapping of names to texts, numbers, true or false "
            f"({error})"
        ) from error


def _read(path: Path) -> dict[str, NDArray[Any]]:
    if not path.exists():
        raise DataError(f"{path}: no such file; `zoo evaluate RUN` writes it")
    with open_regular(path, int(SHARE * memory_limit())) as stream:
        return _arrays(path, stream)


def _arrays(path: Path, stream: BinaryIO) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(stream) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: not an .npz file of predictions ({error})") from error
    if unpacked > SHARE * memory_limit():
        raise DataError(
            f"{path}: would unpack to {unpacked >> 20:,} MiB, more than predictions may take; "
            f"{how_to_raise()}"
        )
    stream.seek(0)
    arrays: dict[str, NDArray[Any]] = {}
    with np.load(stream, allow_pickle=False) as file:
        for key in (*KEYS, *OPTIONAL):
            if key not in file.files:
                continue
            try:
                arrays[key] = file[key]
            except Exception as error:  # errors of zlib, zip, header or pickle: the file is bad
                raise DataError(f"{path}: key {key!r} cannot be read ({error})") from error
    return arrays


def _check(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Raises DataError, with file and key, for the first array that does not fit."""
    for key in KEYS:
        if key not in arrays:
            raise DataError(f"{path}: no key {key!r}; predictions have {', '.join(KEYS)}")
    points = arrays["points"]
    if points.ndim != 3 or points.shape[2] != 2:
        raise DataError(f"{path}: key 'points' has shape {points.shape}, not (faces, points, 2)")
    n, k, _ = points.shape
    expected = {
        "ids": ((n,), "U"),
        "people": ((n,), "U"),
        "points": ((n, k, 2), "f"),
        "target": ((n, k, 2), "f"),
        "visible": ((n, k), "b"),
        "regions": ((n, 3), "f"),
        "scores": ((n, k), "f"),
        "scheme": ((), "U"),
        "mean_shape": ((k, 2), "f"),
        "occluded": ((n, k), "f"),
        "visibility": ((n, k), "f"),
        "attributes": ((n,), "U"),
    }
    for key, (shape, kind) in expected.items():
        if key not in arrays:
            continue
        array = arrays[key]
        if array.shape != shape:
            raise DataError(f"{path}: key {key!r} has shape {array.shape}, not {shape}")
        if array.dtype.kind != kind:
            what = {"U": "text", "f": "decimal numbers", "b": "truth values"}[kind]
            raise DataError(f"{path}: key {key!r} holds {array.dtype}, not {what}")
    regions = arrays["regions"]
    if not (np.isfinite(regions).all() and (regions[:, 2] > 0).all()):
        raise DataError(f"{path}: key 'regions' needs finite centres and positive sides")
    if not np.isfinite(arrays.get("mean_shape", np.zeros(1))).all():
        raise DataError(f"{path}: key 'mean_shape' has a number that is not finite")
    if not np.isfinite(arrays["target"][arrays["visible"]]).all():
        raise DataError(f"{path}: key 'target' has a visible point that is not finite")
    ids, counts = np.unique(arrays["ids"], return_counts=True)
    if (counts > 1).any():
        raise DataError(f"{path}: key 'ids' names {str(ids[counts > 1][0])!r} twice")
