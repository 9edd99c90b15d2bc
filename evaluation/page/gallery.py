"""Faces on which the best rows of a group are worst and best, with points and labels.

The one part of the page that shows people, so it is drawn only when asked for. A face is a picture
and its points: ids and names stay behind, and pictures are encoded anew, without metadata.
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
"""How many rows of a group are shown: the best that have predictions beside their record."""

FACES = 6
"""Worst and best ones of a row, each of another person."""

SIDE = 192
"""Pixels of a face's picture."""

MARGIN = 1.5
"""The side of the picture over that of the labelled points' box, for predictions that fell wide."""

UNITS = 1000
"""Points are whole numbers: this many across the picture."""


@dataclass(frozen=True)
class GalleryFrames:
    """An open data set: its scheme, its fingerprint, and how to decode the frame of an id."""

    scheme: LandmarkScheme
    fingerprint: str
    images: Mapping[str, Callable[[], NDArray[np.uint8]]]


def gallery(group: Group, frames: GalleryFrames) -> dict[str, Any]:
    """What the page shows of a group: pictures, contours and, by row, its worst and best faces.

    ``reason`` says in a sentence why there is nothing. Raises DataError for a frame that cannot be
    decoded, and for predictions that cannot be read or are not those of their record.
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
    """The predictions of the row's first run that has them, of the group's frames."""
    for source in row.sources:
        record = source.record
        path = Path(source.path).parent / "predictions" / record.predictions_of(group.split)
        if not path.is_file():
            continue
        told = record.results[group.split].predictions
        if told is not None and digest(path) != told:
            raise DataError(
                f"{path}: not the predictions that its record was made from; `zoo evaluate RUN` "
                "writes both anew"
            )
        whole = load(path)
        if not group.subset:
            return whole
        rows = subsets(whole.attributes or ()).get(group.subset)
        return None if rows is None else whole.part(rows)
    return None


def _extremes(predictions: Predictions, album: _Album) -> dict[str, Any]:
    target, visible, scheme = predictions.target, predictions.visible, album.frames.scheme
    errors = headline_errors(predictions.points, target, visible, scheme)
    # the labels' own error is 0, except where a face does not show what errors are measured by
    measured = np.isfinite(headline_errors(target, target, visible, scheme))
    # a missed face has no error, and is worse than any
    order = np.argsort(np.where(np.isnan(errors), np.inf, errors), kind="stable")
    order = order[measured[order]]
    best = _one_a_person(order, predictions.people)
    worst = _one_a_person(order[::-1], predictions.people, without=best)
    return {
        name: [album.entry(predictions, i, errors[i]) for i in chosen]
        for name, chosen in (("worst", worst), ("best", best))
    }


def _one_a_person(
    order: NDArray[np.int64], people: Sequence[str | None], without: Sequence[int] = ()
) -> list[int]:
    """The first faces, each of another person: frames of one video look all the same."""
    chosen: list[int] = []
    seen: set[str] = set()
    for i in map(int, order):
        person = people[i]
        if i in without or (person is not None and person in seen):
            continue
        if person is not None:
            seen.add(person)
        chosen.append(i)
        if len(chosen) == FACES:
            break
    return chosen


@dataclass
class _Album:
    """Pictures that rows share, each once."""

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
    """x0, y0, x1, y1, ... in UNITS of the picture; None for a point that is not known."""
    unit = region.to_unit(np.where(known[:, None], points, 0.0)) * UNITS
    places = np.clip(np.rint(unit), -UNITS, 2 * UNITS).astype(int)
    return [int(v) if k else None for xy, k in zip(places, known, strict=True) for v in xy]
