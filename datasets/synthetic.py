"""Drawn faces with exact labels: 68 iBUG points of random people in random videos.

This data set needs no download. Persons, videos and framing are like those of YouTube Faces: a
person has the same face in all frames, a video has one light, background and frame size, and frames
follow one another smoothly. Every frame depends on (seed, person, video, frame) alone: the same
seed and options give the same bytes, in any order and process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.api import IBUG68, Dataset, LandmarkScheme, Problem, Sample, UsageError

from .drawn.scene import draw_scene, frame_scene, scene_box, scene_points

_LICENSE = "MIT (drawn by this package; nobody's face)"


@dataclass(frozen=True)
class SyntheticFaces:
    """``people`` x ``videos`` x ``frames`` drawn samples."""

    people: int
    videos: int
    frames: int
    seed: int
    size: int | None
    pace: float = 1.0
    hidden: float = 0.0
    """Share of the frames whose labels are left out."""
    scheme: LandmarkScheme = IBUG68
    release: str = "drawn"
    label_offset: tuple[float, float] = (0.0, 0.0)
    license: str = _LICENSE
    problems: Sequence[Problem] = ()

    @property
    def notes(self) -> str:
        return (
            f"Cartoon faces of a random 3-D shape, seed {self.seed}: {self.people} people, "
            f"{self.videos} videos each, {self.frames} frames a video. Labels are exact, also "
            "under hands and glasses; the jaw's points lie on the visible outline."
        )

    def samples(self) -> Iterator[Sample]:
        """Every labelled frame, by person, video and frame; its image is drawn when asked for."""
        for place in self._places(hidden=False):
            yield self._sample(*place)

    def unlabelled(self) -> Iterator[Sample]:
        """The other frames, spread evenly over people and videos: no point is visible."""
        for place in self._places(hidden=True):
            full = self._sample(*place)
            zeros = np.zeros_like(full.points)
            yield replace(full, points=zeros, visible=np.zeros_like(full.visible), box=None)

    def _places(self, hidden: bool) -> Iterator[tuple[int, int, int]]:
        everywhere = product(range(self.people), range(self.videos), range(self.frames))
        for count, place in enumerate(everywhere):
            if (int((count + 1) * self.hidden) > int(count * self.hidden)) == hidden:
                yield place

    def released(self) -> bool | None:
        """None: there is no released copy to compare with."""
        return None

    def _sample(self, person: int, video: int, frame: int) -> Sample:
        scene = frame_scene(self.seed, person, video, frame, self.size, self.pace)
        points = scene_points(scene)
        name = f"person_{person:04d}"
        # As in the Udacity frames, the release's test split shares people and videos with training.
        count = (person * self.videos + video) * self.frames + frame
        return Sample(
            id=f"{name}/{video}/{frame:02d}.png",
            image=partial(_draw, self.seed, person, video, frame, self.size, self.pace),
            points=points.astype(np.float32),
            visible=np.ones(len(points), np.bool_),
            person=name,
            video=f"{name}/{video}",
            release_split="test" if count % 5 == 3 else "train",
            box=scene_box(points),
        )


def _draw(
    seed: int, person: int, video: int, frame: int, size: int | None, pace: float
) -> NDArray[np.uint8]:
    return draw_scene(frame_scene(seed, person, video, frame, size, pace))


def open_synthetic(
    root: Path | None = None,
    *,
    people: int = 60,
    videos: int = 2,
    frames: int = 5,
    seed: int = 0,
    size: int | None = None,
    pace: float = 1.0,
    unlabelled: float = 0.0,
) -> SyntheticFaces:
    """Drawn faces: ``people`` x ``videos`` x ``frames`` (a video) samples.

    ``size``: the longer side of every frame in pixels; by default it varies from 90 to 260 with the
    video. ``pace``: how fast a video moves. At 1 its frames are as different as those that a data
    set keeps of a video; at 0.05 they follow one another as at 25 frames per second.
    ``unlabelled``: the share of the frames whose labels are left out, spread evenly. Raises
    :class:`UsageError` for a root (nothing is read) and for options out of range.
    """
    if root is not None:
        raise UsageError(
            f"synthetic: faces are drawn, not read, so {root} has no meaning; leave the root out"
        )
    lows = {"people": (people, 1), "videos": (videos, 1), "frames": (frames, 1), "seed": (seed, 0)}
    if size is not None:
        lows["size"] = (size, 48)
    for option, (value, low) in lows.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise UsageError(
                f"synthetic: {option} is {value!r}; give a whole number of at least {low}"
            )
    if isinstance(pace, bool) or not isinstance(pace, int | float) or not 0 <= pace <= 10:
        raise UsageError(f"synthetic: pace is {pace!r}; give a number from 0 (still) to 10")
    is_number = isinstance(unlabelled, int | float) and not isinstance(unlabelled, bool)
    if not is_number or not 0 <= unlabelled < 1:
        raise UsageError(f"synthetic: unlabelled is {unlabelled!r}; give a share from 0, below 1")
    return SyntheticFaces(people, videos, frames, seed, size, float(pace), float(unlabelled))


synthetic = Dataset(
    open=open_synthetic,
    license=_LICENSE,
    reference="the 68 points of iBUG 300-W (Sagonas et al., 2013); drawn by zoo.datasets.synthetic",
    summary="faces drawn from a random 3-D shape: pose, expression, light, occlusion",
    needs_root=False,
)
