"""The labels of a data set as arrays, with the fingerprint that tells one data set from another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, LandmarkScheme, OpenDataset, Problem, Sample
from ..evaluation.audit.doubts import doubts, sizeless, why_sizeless
from ..evaluation.scores.subsets import Attributes
from ..files.names import readable


@dataclass(frozen=True)
class SampleTable:
    """N labelled frames of K points, in the adapter's order."""

    scheme: LandmarkScheme
    release: str
    label_offset: tuple[float, float]
    license: str
    notes: str
    problems: tuple[Problem, ...]
    ids: tuple[str, ...]
    people: tuple[str | None, ...]
    videos: tuple[str | None, ...]
    release_splits: tuple[str | None, ...]
    points: NDArray[np.float32]
    """(N, K, 2), source pixels."""
    visible: NDArray[np.bool_]
    """(N, K)"""
    boxes: NDArray[np.float32]
    """(N, 4) x0, y0, x1, y1; NaN where the data set gives none."""
    bytes: NDArray[np.int64]
    orientations: NDArray[np.int64]
    """(N,): EXIF orientation by which a frame's pixels are turned, 1 where they are not."""
    images: tuple[Callable[[], NDArray[np.uint8]], ...]
    occluded: NDArray[np.float32]
    """(N, K): 1 where a point is hidden, 0 where it is seen; NaN where the data set does not
    say."""
    attributes: tuple[Attributes, ...]
    """Properties of each frame, by name."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Sentences about labels that cannot be right (:mod:`zoo.evaluation.audit.doubts`)."""
        return tuple(doubts(self.ids, self.points, self.visible))

    @cached_property
    def sizeless(self) -> NDArray[np.bool_]:
        """(N,): True for frames whose points all lie at one place: nothing can be learned from
        them."""
        return sizeless(self.points, self.visible)

    @property
    def tells_occlusion(self) -> bool:
        """Whether a frame says which of its points are hidden."""
        return bool(np.isfinite(self.occluded).any())

    def occlusion_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Which points of these frames are hidden, (N, K); None where no frame at all says."""
        return self.occluded[rows] if self.tells_occlusion else None

    def attributes_of(self, rows: NDArray[np.int64]) -> tuple[Attributes, ...] | None:
        """The properties of each of these frames; None where no frame of the table has any."""
        return tuple(self.attributes[row] for row in rows) if any(self.attributes) else None

    @cached_property
    def skipped(self) -> tuple[Problem, ...]:
        """The rows that the adapter left out, and the frames that training leaves out."""
        rows = np.flatnonzero(self.sizeless).tolist()
        return self.problems + tuple(
            Problem(self.ids[row], why_sizeless(self.points[row], self.visible[row]))
            for row in rows
        )

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over ids, points, visibility and file sizes, in the order of the ids. It includes
        the orientation of frames that are turned, and the occlusion of frames that state it."""
        digest = hashlib.sha256(f"{self.scheme.name} {len(self)}\n".encode())
        for i in sorted(range(len(self)), key=self.ids.__getitem__):
            digest.update(f"{self.ids[i]}\n{self.bytes[i]}\n".encode())
            digest.update(self.points[i].astype("<f4").tobytes())
            digest.update(self.visible[i].tobytes())
            if self.orientations[i] != 1:
                digest.update(f"orientation {self.orientations[i]}\n".encode())
            if np.isfinite(self.occluded[i]).any():
                digest.update(self.occluded[i].astype("<f4").tobytes())
        return digest.hexdigest()


def read_table(
    dataset: OpenDataset, strict: bool = False, given: Iterable[Sample] | None = None
) -> SampleTable:
    """The labels of all samples, checked against the contract. ``given``: take these samples
    instead of the data set's labelled ones.

    Raises :class:`DataError` for a sample that breaks the contract, for a data set without samples,
    and, with ``strict``, for the first row that the adapter left out.
    """
    samples: list[Sample] = [
        replace(sample, id=readable(sample.id))
        for sample in (dataset.samples() if given is None else given)
    ]
    problems = tuple(
        replace(problem, where=readable(problem.where), reason=readable(problem.reason))
        for problem in dataset.problems
    )
    if strict and problems:
        raise DataError(
            f"{problems[0]} (--strict: every skipped row is fatal; {len(problems)} in all)"
        )
    if not samples:
        reason = (
            f"; the first of {len(problems)} rows left out: {problems[0]}"
            if problems
            else ", and nothing was left out: it lists no frame"
        )
        raise DataError(f"{dataset.release}: not one usable labelled frame{reason}")
    count = len(dataset.scheme)
    seen: set[str] = set()
    for sample in samples:
        if sample.points.shape != (count, 2) or sample.visible.shape != (count,):
            raise DataError(
                f"{sample.id}: points {sample.points.shape} and visible {sample.visible.shape}, "
                f"the scheme {dataset.scheme.name} has {count} points"
            )
        if not np.isfinite(sample.points).all():
            raise DataError(
                f"{sample.id}: a point is not finite; the adapter should have left it out"
            )
        if sample.occluded is not None and np.shape(sample.occluded) != (count,):
            raise DataError(
                f"{sample.id}: occluded {np.shape(sample.occluded)}, the scheme "
                f"{dataset.scheme.name} has {count} points"
            )
        if sample.id in seen:
            raise DataError(f"{sample.id}: two samples have this id")
        seen.add(sample.id)
    no_box, no_occlusion = (np.nan,) * 4, np.full(count, np.nan)
    return SampleTable(
        scheme=dataset.scheme,
        release=dataset.release,
        label_offset=dataset.label_offset,
        license=dataset.license,
        notes=dataset.notes,
        problems=problems,
        ids=tuple(s.id for s in samples),
        people=tuple(s.person for s in samples),
        videos=tuple(s.video for s in samples),
        release_splits=tuple(s.release_split for s in samples),
        points=np.stack([s.points for s in samples]).astype(np.float32),
        visible=np.stack([s.visible for s in samples]).astype(bool),
        boxes=np.array([s.box or no_box for s in samples], np.float32),
        bytes=np.array([s.bytes for s in samples], np.int64),
        orientations=np.array([s.orientation for s in samples], np.int64),
        images=tuple(s.image for s in samples),
        occluded=np.array(
            [no_occlusion if s.occluded is None else s.occluded for s in samples], np.float32
        ),
        attributes=tuple({k: _plain(v) for k, v in s.attributes.items()} for s in samples),
    )


def _plain(value: bool | str | float) -> bool | str | float:
    """A scalar of numpy as Python's own."""
    return value.item() if isinstance(value, np.generic) else value
