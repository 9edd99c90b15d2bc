"""Faces on which the best rows of a group are worst and best, with points and labels.

This is the only part of the page that shows people, so it is made only on request. A face is a
picture and its points, without ids and names. Pictures are encoded again, without metadata.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.api import DataError, LandmarkScheme
from zoo.files.reading import digest
from zoo.geometry import Region, box_region, crop

from ..board.groups import Group
from ..board.row import Row
from ..scores.metrics import headline_errors
from ..scores.predictions import Predictions, load
from ..scores.subsets import subsets

ROWS = 3
"""Number of rows of a group that are shown: the best ones with predictions beside a record."""

FACES = 6
"""Number of worst and of best faces of a row, each of another person."""

SIDE = 192
"""Side of a face's picture, in pixels."""

MARGIN = 1.5
"""Side of the picture relative to the labelled points' box: predictions may lie outside the box."""

UNITS = 1000
"""Points are integers; the picture is this many units wide."""


@dataclass(frozen=True)
class GalleryFrames:
    """An open data set: its scheme, its fingerprint, and how to decode the frame of an id."""

    scheme: LandmarkScheme
    fingerprint: str
    images: Mapping[str, Callable[[], NDArray[np.uint8]]]


def gallery(group: Group, frames: GalleryFrames) -> dict[str, Any]:
    """The gallery of a group: pictures, contours and, by row, its worst and best faces.

    If it has no faces, its only key is ``reason``, a sentence that says why. Raises DataError for a
    frame that cannot be decoded, and for predictions that cannot be read or do not belong to their
    record.
    """
    if frames.fingerprint != group.fingerprint:
        return {"reason": "The data set at hand is not the one that these rows were scored on."}
    album = _Album(frames)
    rows: list[dict[str, Any]] = []
    for index, row in enumerate(group.rows):
        predictions = _predictions(row, group)
        if predictions is None or predictions.points.shape[1] != len(frames.scheme):
            continue
        rows.append({"row": index, **_extremes(predictions, album)})
        if len(rows) == ROWS:
            break
    if not rows:
        return {
            "reason": "No predictions lie beside the records of this group: faces need run folders."
        }
    return {"faces": album.faces, "contours": frames.scheme.contours, "rows": rows}


def _predictions(row: Row, group: Group) -> Predictions | None:
    """The predictions for the group's frames, of the row's first run that has any."""
    for source in row.sources:
        record = source.record
        path = Path(source.path).parent / "predictions" / record.predictions_of(group.split)
        if not path.is_file():
            continue
        recorded = record.results[group.split].predictions
        if recorded is not None and digest(path) != recorded:
            raise DataError(
                f"{path}: not the predictions that its record was made from; `zoo evaluate RUN` "
                "writes both anew"
            )
        predictions = load(path)
        if not group.subset:
            return predictions
        rows = subsets(predictions.attributes or ()).get(group.subset)
        return None if rows is None else predictions.part(rows)
    return None


def _extremes(predictions: Predictions, album: _Album) -> dict[str, Any]:
    target, visible, scheme = predictions.target, predictions.visible, album.frames.scheme
    errors = headline_errors(predictions.points, target, visible, scheme)
    # the error of the labels themselves: 0, or NaN for a face whose errors cannot be measured
    measured = np.isfinite(headline_errors(target, target, visible, scheme))
    # a missed face has no error, and counts as the worst
    order = np.argsort(np.where(np.isnan(errors), np.inf, errors), kind="stable")
    order = order[measured[order]]
    best = _one_per_person(order, predictions.people)
    worst = _one_per_person(order[::-1], predictions.people, without=best)
    return {
        name: [album.entry(predictions, i, errors[i]) for i in chosen]
        for name, chosen in (("worst", worst), ("best", best))
    }


def _one_per_person(
    order: NDArray[np.int64], people: Sequence[str | None], without: Sequence[int] = ()
) -> list[int]:
    """The first faces, each of another person, since frames of one video look alike."""
    chosen: list[int] = []
    shown: set[str] = set()
    for i in map(int, order):
        person = people[i]
        if i in without or (person is not None and person in shown):
            continue
        if person is not None:
            shown.add(person)
        chosen.append(i)
        if len(chosen) == FACES:
            break
    return chosen


@dataclass
class _Album:
    """The pictures of all rows, each stored once."""

    frames: GalleryFrames
    faces: list[dict[str, Any]] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def entry(self, predictions: Predictions, i: int, error: float) -> dict[str, Any]:
        target, visible = predictions.target[i], predictions.visible[i]
        x0, y0 = map(float, target[visible].min(axis=0))
        x1, y1 = map(float, target[visible].max(axis=0))
        region = box_region((x0, y0, x1, y1), MARGIN)
        sample = predictions.ids[i]
        if sample not in self._numbers:
            self._numbers[sample] = len(self.faces)
            self.faces.append(
                {
                    "image": _picture(self._image(sample), region),
                    "target": _points(target, visible, region),
                }
            )
        found = np.isfinite(predictions.points[i]).all(axis=-1)
        return {
            "face": self._numbers[sample],
            "error": None if np.isnan(error) else round(float(error), 5),
            "points": _points(predictions.points[i], found, region) if found.any() else None,
        }

    def _image(self, sample: str) -> NDArray[np.uint8]:
        if sample not in self.frames.images:
            raise DataError(f"{sample}: predicted, and not in the data set at hand")
        return self.frames.images[sample]()


def _picture(image: NDArray[np.uint8], region: Region) -> str:
    stream = io.BytesIO()
    Image.fromarray(crop(image, region, SIDE)).save(stream, "JPEG", quality=82, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _points(points: NDArray[Any], known: NDArray[np.bool_], region: Region) -> list[int | None]:
    """x0, y0, x1, y1, ... in UNITS of the picture; None for an unknown point."""
    unit = region.to_unit(np.where(known[:, None], points, 0.0)) * UNITS
    places = np.clip(np.rint(unit), -UNITS, 2 * UNITS).astype(int)
    return [int(v) if k else None for xy, k in zip(places, known, strict=True) for v in xy]
