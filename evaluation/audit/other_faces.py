"""Frames that show another face besides the labelled one, according to a face detector.

A model that gets a whole frame and no box should find the face nearest to the frame's centre. If
another face is nearer than the labelled one, the error there does not measure the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .findings import EXAMPLES, Finding, counted
from .pictures import Pictures
from .subject import FrameNames, Labelled

LARGE = 0.5
"""Another face may be mistaken for the labelled one from this size on, relative to its size."""


@dataclass(frozen=True)
class Detected:
    """The faces that a detector found in N frames, in the order of the data set."""

    detector: str
    boxes: Sequence[NDArray[np.floating]]
    """For each frame (M, 5): x0, y0, x1, y1 in pixels, and the score."""


def other_faces(
    data: Labelled, pictures: Pictures, detected: Detected | None, names: FrameNames
) -> tuple[Finding, ...]:
    """Frames with another face at least half as large as the labelled one; a warning if such a face
    is nearer to the frame's centre."""
    if detected is None:
        return ()
    frames, elsewhere = [], []
    for row in np.flatnonzero(pictures.readable & data.visible.any(1)).tolist():
        points = data.points[row][data.visible[row]].astype(float)
        low, high = points.min(0), points.max(0)
        middle, size = (low + high) / 2, float((high - low).max())
        boxes = detected.boxes[row]
        centres = (boxes[:, :2] + boxes[:, 2:4]) / 2
        large = (boxes[:, 2:4] - boxes[:, :2]).max(1, initial=0) >= LARGE * size
        others = centres[large & (np.abs(centres - middle).max(1, initial=0) > size / 2)]
        if len(others):
            frame_centre = (pictures.sizes[row, ::-1] - 1) / 2
            frames.append(row)
            if (_distances(others, frame_centre) < _distances(middle[None], frame_centre)).any():
                elsewhere.append(row)
    if not frames:
        return ()
    nearer = (
        f"in {counted(len(elsewhere), 'frame')} of them it is nearer to the frame's middle, where "
        "models that get no box look for the labelled one"
        if elsewhere
        else "the labelled one is nearer to the frame's middle in each"
    )
    return (
        Finding(
            id="other_face",
            kind="label",
            severity="warning" if elsewhere else "note",
            count=len(frames),
            unit="frames",
            sentence=f"{counted(len(frames), 'frame')} with another face at least half as large as "
            f"the labelled one, by {detected.detector}; {nearer}",
            examples=tuple(names.frame(row) for row in (elsewhere or frames)[:EXAMPLES]),
            figures={"detector": detected.detector, "nearer_to_middle": len(elsewhere)},
        ),
    )


def _distances(centres: NDArray[np.floating], point: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(np.linalg.norm(centres - point, axis=1))
