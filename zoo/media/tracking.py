"""Faces through a video: found once, followed from frame to frame, each under one number.

The region of the next frame comes from the points of the last, so that a detector runs seldom. But
a region that moved with every point's noise would hand that noise on, for what a network says
depends on how the pixels fall: the region stays where it is while the face is near its middle, and
is drawn after it as on a leash.

The detector runs on the first frame, every ``every`` frames, every ``retry`` frames while a face is
missing, and at once where a track is lost: the model is not sure of its points, the face jumped or
changed its size from one frame to the next, or points leave the region that the model saw.
What it finds is matched to the tracks by the overlap of the boxes about the points (IoU). A lost
track that the detector finds again within ``patience`` frames keeps its number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import radians, remainder, tau
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.geometry import Box, Region, iou, points_box
from zoo.prediction.face import Face

from .pictures import Image
from .settings import OneEuro, Tracking
from .smoothing import PointFilter

MOST_GAP = 0.25
"""Seconds: after a longer one a filter starts anew, for what it remembers is old."""


class Marker(Protocol):
    """What a tracker needs of a model; :class:`zoo.prediction.Predictor` is one."""

    def region_about(self, points: NDArray[np.floating[Any]]) -> Region: ...

    def faces_in(
        self, image: Image, regions: Sequence[Region], *, again: bool = True
    ) -> list[Face]: ...


@dataclass(frozen=True)
class Tracked:
    """A face of a frame, and the number that it keeps through the video, from 0."""

    face: Face
    track: int


@dataclass
class _Track:
    number: int
    face: Face
    """Where it was last, before smoothing: the next region comes from this."""
    smooth: PointFilter
    region: Region | None = None
    """The region that the model saw last; None: it has not yet followed the face."""
    lost: int = 0
    """Frames since it was seen."""
    found: int = 1
    """Detections that found it."""
    unseen: int = 0
    """Detections in a row that did not."""
    usual: float = float("nan")
    """Its mean score of late; NaN where the model gives none."""
    seen: float = float("nan")
    """When it was last filtered, in seconds."""


@dataclass
class Tracker:
    """Call it with the frames of one video, in order."""

    model: Marker
    detect: Callable[[Image], list[Face]]
    """Finds and marks the faces of a frame: box scores are a detector's."""
    rate: float
    """Frames a second, where a frame does not say when it is shown."""
    settings: Tracking = field(default_factory=Tracking)
    smoothing: OneEuro | None = field(default_factory=OneEuro)
    """None: points as the model gives them."""
    detections: int = 0
    """How often the detector ran."""

    def __post_init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 0
        self._since = 0
        self._now = -1 / self.rate

    def __call__(self, image: Image, seconds: float | None = None) -> list[Tracked]:
        """The faces of the next frame, by number. ``seconds``: when it is shown; by default
        1 / ``rate`` after the one before. A frame that could not be read is skipped with
        :meth:`skip`."""
        self._now = self._now + 1 / self.rate if seconds is None else seconds
        self._since += 1
        held = self._follow(image)
        if self._is_due(held):
            held = self._find(image)
        self._end_some(held)
        return [self._out(track) for track in sorted(held, key=lambda track: track.number)]

    def _is_due(self, held: Sequence[_Track]) -> bool:
        """Whether the detector must run on this frame."""
        if self.detections == 0 or any(track.lost == 1 for track in self._tracks):
            return True  # the first frame, or one in which a track was lost
        missing = not held or any(track.lost for track in self._tracks)
        wait = self.settings.retry if missing else self.settings.every
        return wait > 0 and self._since >= wait

    def skip(self) -> None:
        """A frame without a picture: time goes on, and the tracks wait."""
        self._now += 1 / self.rate
        self._since += 1

    def _follow(self, image: Image) -> list[_Track]:
        """Move the tracks that are not lost; those that still hold."""
        live = [track for track in self._tracks if not track.lost]
        if not live:
            return []
        regions = [self._region(track) for track in live]
        held = []
        faces = self.model.faces_in(image, regions, again=False)
        for track, region, face in zip(live, regions, faces, strict=True):
            if self.loss(track.face, face, region, track.usual):
                track.lost, track.region = 1, None
            else:
                track.face = replace(face, box_score=track.face.box_score)
                track.region = region
                track.usual = _mean(track.usual, face.score)
                held.append(track)
        return held

    def _region(self, track: _Track) -> Region:
        """Where to look for the face that was last seen there."""
        wanted = self.model.region_about(track.face.points)
        if track.region is None:
            return wanted
        return drawn_after(track.region, wanted, self.settings)

    def loss(self, before: Face, now: Face, region: Region, usual: float) -> str:
        """Why a track is lost, in words; empty where it holds. ``usual``: its score so far."""
        known = self.settings
        # comparisons with NaN are false
        if now.score <= known.min_score or now.score < known.min_share * usual:
            return f"score {now.score:.2f}"
        size, last = size_of(now), size_of(before)
        if not 1 / known.max_growth <= size / last <= known.max_growth:
            return f"{size / last:.2f} times its size"
        moved = float(np.linalg.norm(centre_of(now) - centre_of(before))) / last
        if moved > known.max_jump:
            return f"moved by {moved:.2f} of its size"
        unit = region.to_unit(now.points)
        outside = float(((unit < 0) | (unit > 1)).any(1).mean())
        if outside > known.max_outside:
            return f"{100 * outside:.0f}% of its points outside"
        return ""

    def _find(self, image: Image) -> list[_Track]:
        """Detect, match what was found to tracks, begin new ones; all that are in this frame."""
        self._since = 0
        self.detections += 1
        least = self.settings.min_score  # no face is below NaN
        found = [face for face in self.detect(image) if not face.score <= least]
        pairs = match(
            [box_of(track.face) for track in self._tracks],
            [box_of(face) for face in found],
            self.settings.min_overlap,
        )
        for at, track in enumerate(self._tracks):
            if at in pairs:
                face = found[pairs[at]]
                # a track that holds keeps its own points: they follow from the frame before
                track.face = face if track.lost else replace(track.face, box_score=face.box_score)
                track.lost = track.unseen = 0
                track.found += 1
            elif not track.lost:
                track.unseen += 1
                doubtful = track.found == 1 or math.isnan(track.face.score)
                if doubtful and track.unseen >= self.settings.unseen:
                    track.lost = self.settings.patience + 1  # nothing to wait for
        for at, face in enumerate(found):
            if at not in pairs.values():
                new = _Track(self._next, face, self._filter(), usual=face.score)
                self._tracks.append(new)
                self._next += 1
        return [track for track in self._tracks if not track.lost]

    def _filter(self) -> PointFilter:
        return PointFilter(self.smoothing)

    def _end_some(self, held: list[_Track]) -> None:
        """End the younger of two tracks on one face, and each that was lost for too long."""
        for younger in sorted(held, key=lambda track: -track.number):
            box = box_of(younger.face)
            if any(
                iou(box, box_of(other.face)) > self.settings.max_overlap
                for other in held
                if other.number < younger.number
            ):
                held.remove(younger)
                self._tracks.remove(younger)
        for track in [track for track in self._tracks if track.lost]:
            track.lost += 1
            if track.lost > self.settings.patience:
                self._tracks.remove(track)

    def _out(self, track: _Track) -> Tracked:
        face = track.face
        if self.smoothing is not None:
            step = self._now - track.seen  # NaN at first, when the filter does not ask
            if step > MOST_GAP:
                track.smooth = self._filter()
            points = track.smooth(face.points, size_of(face), step)
            face = replace(face, points=points.astype(np.float32))
        track.seen = self._now
        return Tracked(replace(face, box=box_of(face)), track.number)


def _mean(usual: float, now: float) -> float:
    """Running mean of about the last twenty frames."""
    return now if math.isnan(usual) else usual + (now - usual) / 20


def drawn_after(region: Region, wanted: Region, known: Tracking) -> Region:
    """The region, moved, scaled and turned no more than it takes to be within ``leash`` sides, a
    factor of ``leash_growth`` and ``leash_turn`` degrees of the one that is wanted."""
    slack, growth, turn = known.leash * wanted.side, known.leash_growth, radians(known.leash_turn)
    apart = remainder(region.angle - wanted.angle, tau)
    return Region(
        wanted.cx + min(max(region.cx - wanted.cx, -slack), slack),
        wanted.cy + min(max(region.cy - wanted.cy, -slack), slack),
        wanted.side * min(max(region.side / wanted.side, 1 / growth), growth),
        wanted.angle + min(max(apart, -turn), turn),
    )


def match(tracks: Sequence[Box], found: Sequence[Box], least: float) -> dict[int, int]:
    """Pairs (index of a track: index of a found face), the largest overlap first."""
    overlaps = sorted(
        ((iou(a, b), i, j) for i, a in enumerate(tracks) for j, b in enumerate(found)),
        key=lambda each: -each[0],
    )
    pairs: dict[int, int] = {}
    for overlap, i, j in overlaps:
        if overlap >= least and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def box_of(face: Face) -> Box:
    """The box about a face's points, pixels: detectors draw theirs each in its own way."""
    return points_box(face.points)


def size_of(face: Face) -> float:
    """The size of a face, sqrt(w h) of the box about its points, pixels; never 0."""
    x0, y0, x1, y1 = box_of(face)
    return max(float(np.sqrt((x1 - x0) * (y1 - y0))), 1e-6)


def centre_of(face: Face) -> NDArray[Any]:
    x0, y0, x1, y1 = box_of(face)
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])
