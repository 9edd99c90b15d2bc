"""Tracks faces through a video: each is detected once, then followed under one number.

The region for the next frame comes from the points of the last one, so that the detector runs
rarely. A prediction depends a little on how the crop lies on the pixels, so a region that moved
with the noise of the points would cause further noise. Therefore the region stays where it is
while the face is near its middle, and is pulled after the face as on a leash.

The detector runs on the first frame, every ``every`` frames, every ``retry`` frames while a face is
missing, and at once when a track is lost: the model is not sure of its points, the face jumped or
changed its size from one frame to the next, or points left the region that the model saw. Detected
faces are matched to the tracks by the overlap of the boxes of their points (IoU). A lost track that
the detector finds again within ``patience`` frames keeps its number.
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
"""Seconds between two frames with the face: after a longer gap, its filter starts anew."""


class Marker(Protocol):
    """The methods of a model that a tracker calls; :class:`zoo.prediction.Predictor` has them."""

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
    """The face in the last frame, before smoothing: the next region comes from it."""
    smooth: PointFilter
    region: Region | None = None
    """The region that the model saw last; None: the model has not yet followed the face."""
    lost: int = 0
    """Frames since the face was lost; 0: it is not lost."""
    detected: int = 1
    """Number of detections that found the face."""
    missed: int = 0
    """Number of detections in a row that did not find it."""
    usual_score: float = float("nan")
    """Running mean of its score; NaN where the model gives none."""
    filtered_at: float = float("nan")
    """Time of its last filtered frame, in seconds."""


@dataclass
class Tracker:
    """Tracks the faces of one video. Call it with the frames, in order."""

    model: Marker
    detect: Callable[[Image], list[Face]]
    """Detects the faces of a frame and predicts their points; box scores are the detector's."""
    rate: float
    """Frames a second, for frames without a time."""
    settings: Tracking = field(default_factory=Tracking)
    smoothing: OneEuro | None = field(default_factory=OneEuro)
    """None: points as the model gives them."""
    detections: int = 0
    """How often the detector ran."""

    def __post_init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next_number = 0
        self._since_detection = 0
        self._now = -1 / self.rate

    def __call__(self, image: Image, seconds: float | None = None) -> list[Tracked]:
        """The faces of the next frame, by number. ``seconds``: the time of the frame; by default
        1 / ``rate`` after the one before. Call :meth:`skip` instead for a frame that could not be
        read."""
        self._now = self._now + 1 / self.rate if seconds is None else seconds
        self._since_detection += 1
        active = self._follow(image)
        if self._is_due(active):
            active = self._detect_and_match(image)
        self._end_some(active)
        return [self._smoothed(track) for track in sorted(active, key=lambda track: track.number)]

    def _is_due(self, active: Sequence[_Track]) -> bool:
        """Whether the detector must run on this frame."""
        if self.detections == 0 or any(track.lost == 1 for track in self._tracks):
            return True  # the first frame, or one in which a track was lost
        missing = not active or any(track.lost for track in self._tracks)
        interval = self.settings.retry if missing else self.settings.every
        return interval > 0 and self._since_detection >= interval

    def skip(self) -> None:
        """Skip a frame that could not be read: the time goes on, and the tracks stay."""
        self._now += 1 / self.rate
        self._since_detection += 1

    def _follow(self, image: Image) -> list[_Track]:
        """Move the tracks that are not lost. Returns those that are still not lost."""
        live = [track for track in self._tracks if not track.lost]
        if not live:
            return []
        regions = [self._region(track) for track in live]
        active = []
        faces = self.model.faces_in(image, regions, again=False)
        for track, region, face in zip(live, regions, faces, strict=True):
            if self.loss(track.face, face, region, track.usual_score):
                track.lost, track.region = 1, None
            else:
                track.face = replace(face, box_score=track.face.box_score)
                track.region = region
                track.usual_score = _running_mean(track.usual_score, face.score)
                active.append(track)
        return active

    def _region(self, track: _Track) -> Region:
        """The region of the next frame in which to look for the face."""
        fitting = self.model.region_about(track.face.points)
        if track.region is None:
            return fitting
        return drawn_after(track.region, fitting, self.settings)

    def loss(self, before: Face, now: Face, region: Region, usual: float) -> str:
        """The reason why a track is lost; empty where it is not. ``usual``: its mean score so
        far."""
        settings = self.settings
        # comparisons with NaN are false
        if now.score <= settings.min_score or now.score < settings.min_share * usual:
            return f"score {now.score:.2f}"
        size, last = size_of(now), size_of(before)
        if not 1 / settings.max_growth <= size / last <= settings.max_growth:
            return f"{size / last:.2f} times its size"
        moved = float(np.linalg.norm(centre_of(now) - centre_of(before))) / last
        if moved > settings.max_jump:
            return f"moved by {moved:.2f} of its size"
        unit = region.to_unit(now.points)
        outside = float(((unit < 0) | (unit > 1)).any(1).mean())
        if outside > settings.max_outside:
            return f"{100 * outside:.0f}% of its points outside"
        return ""

    def _detect_and_match(self, image: Image) -> list[_Track]:
        """Detect faces, match them to tracks, and begin new tracks. Returns the tracks that have a
        face in this frame."""
        self._since_detection = 0
        self.detections += 1
        # a face whose score is NaN is kept
        faces = [face for face in self.detect(image) if not face.score <= self.settings.min_score]
        pairs = match(
            [box_of(track.face) for track in self._tracks],
            [box_of(face) for face in faces],
            self.settings.min_overlap,
        )
        for i, track in enumerate(self._tracks):
            if i in pairs:
                face = faces[pairs[i]]
                # a track that is not lost keeps its points, which continue those of the last frame
                track.face = face if track.lost else replace(track.face, box_score=face.box_score)
                track.lost = track.missed = 0
                track.detected += 1
            elif not track.lost:
                track.missed += 1
                doubtful = track.detected == 1 or math.isnan(track.face.score)
                if doubtful and track.missed >= self.settings.unseen:
                    track.lost = self.settings.patience + 1  # ends the track at once
        for i, face in enumerate(faces):
            if i not in pairs.values():
                new = _Track(self._next_number, face, self._filter(), usual_score=face.score)
                self._tracks.append(new)
                self._next_number += 1
        return [track for track in self._tracks if not track.lost]

    def _filter(self) -> PointFilter:
        return PointFilter(self.smoothing)

    def _end_some(self, active: list[_Track]) -> None:
        """End the younger of two tracks on one face, and each track that was lost for too long."""
        for younger in sorted(active, key=lambda track: -track.number):
            box = box_of(younger.face)
            if any(
                iou(box, box_of(other.face)) > self.settings.max_overlap
                for other in active
                if other.number < younger.number
            ):
                active.remove(younger)
                self._tracks.remove(younger)
        for track in [track for track in self._tracks if track.lost]:
            track.lost += 1
            if track.lost > self.settings.patience:
                self._tracks.remove(track)

    def _smoothed(self, track: _Track) -> Tracked:
        face = track.face
        if self.smoothing is not None:
            step = self._now - track.filtered_at  # NaN at first, when the filter ignores it
            if step > MOST_GAP:
                track.smooth = self._filter()
            points = track.smooth(face.points, size_of(face), step)
            face = replace(face, points=points.astype(np.float32))
        track.filtered_at = self._now
        return Tracked(replace(face, box=box_of(face)), track.number)


def _running_mean(mean: float, value: float) -> float:
    """Running mean of about the last twenty frames."""
    return value if math.isnan(mean) else mean + (value - mean) / 20


def drawn_after(region: Region, wanted: Region, known: Tracking) -> Region:
    """The region, moved, scaled and turned as little as needed, to be within ``leash`` sides, a
    factor of ``leash_growth`` and ``leash_turn`` degrees of ``wanted``."""
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
    """The box of a face's points, in pixels. Boxes of detectors are not used: each detector draws
    them in its own way."""
    return points_box(face.points)


def size_of(face: Face) -> float:
    """The size of a face, sqrt(w h) of the box of its points, in pixels; never 0."""
    x0, y0, x1, y1 = box_of(face)
    return max(float(np.sqrt((x1 - x0) * (y1 - y0))), 1e-6)


def centre_of(face: Face) -> NDArray[Any]:
    x0, y0, x1, y1 = box_of(face)
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])
