"""Frames that show another face beside the labelled one, by the boxes of a face detector.

A model that is given a whole frame, and no box, is asked for the face nearest to the frame's
middle. Where that is not the labelled face, its error says nothing of the model.
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
"""Least size of another face, in sizes of the labelled one: one that may be mistaken for it."""


@dataclass(frozen=True)
class Detected:
    """What a detector sees of N frames, in the order of the data set."""

    detector: str
    boxes: Sequence[NDArray[np.floating]]
    """(M, 5) each: x0, y0, x1, y1, score in pixels."""


def other_faces(
    data: Labelled, pictures: Pictures, detected: Detected | None, names: FrameNames
) -> tuple[Finding, ...]:
    """Frames with another face at least half as large as the labelled one; a warning where the
    other one is nearer to the middle."""
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
            of_frame = (pictures.sizes[row, ::-1] - 1) / 2
            frames.append(row)
            if (_apart(others, of_frame) < _apart(middle[None], of_frame)).any():
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


def _apart(centres: NDArray[np.floating], place: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(np.linalg.norm(centres - place, axis=1))
