"""The list of checks for a detector.

The face is Grace Hopper's, in the photograph that comes with matplotlib. A detector that declares
``whole_frame`` must give every picture as one box. One that declares ``by_path`` gets that
photograph as ``photograph.png`` and every other picture as ``another.png``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.registry.call import call_unblamed
from zoo.testing import pictures
from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
    require_keyword_only,
)
from zoo.testing.failures import CheckFailed, must, needs
from zoo.testing.pictures import Picture
from zoo.testing.subject import Subject

Boxes = NDArray[np.float32]


class DetectorSubject(Subject):
    """A detector, built once."""

    def build(self) -> Callable[[Picture], Boxes]:
        plugin = self.plugin
        with must("building it"):
            detect: Any = call_unblamed("detector", self.plugin_id, plugin.build, **self.options)
        if not callable(detect):
            raise CheckFailed(f"build gives a {type(detect).__name__}, which cannot be called")
        if plugin.by_path:
            return _by_name(detect)
        typed: Callable[[Picture], Boxes] = detect
        return typed

    @cached_property
    def detect(self) -> Callable[[Picture], Boxes]:
        with needs("gives_boxes"):
            return self.tried()

    def tried(self) -> Callable[[Picture], Boxes]:
        """The detector, once it has given well-formed boxes for two photographs."""
        detect = self.build()
        for picture in (pictures.photograph(), pictures.two_faces()):
            with must("a photograph"):
                boxes = detect(picture)
            _well_formed(boxes)
        return detect

    def boxes(self, picture: Picture) -> Boxes:
        """The boxes in a picture, for checks of other things than their form."""
        detect = self.detect
        with needs("takes_any_picture"):
            return _well_formed(detect(picture))


def _by_name(detect: Any) -> Callable[[Picture], Boxes]:
    if not callable(getattr(detect, "for_picture", None)):
        raise CheckFailed(
            f"it declares by_path, and build gives a {type(detect).__name__} without for_picture"
        )

    def named(picture: Picture) -> Boxes:
        known = np.array_equal(picture, pictures.photograph())
        boxes: Boxes = detect.for_picture(picture, "photograph.png" if known else "another.png")
        return boxes

    return named


def _well_formed(boxes: Any) -> Boxes:
    """The boxes. Raises CheckFailed unless they are float32 (N, 5): x0, y0, x1, y1, score."""
    if not isinstance(boxes, np.ndarray):
        raise CheckFailed(f"it gives a {type(boxes).__name__}, no numpy array")
    if boxes.dtype != np.float32 or boxes.ndim != 2 or boxes.shape[1] != 5:
        raise CheckFailed(f"it gives {boxes.dtype} {boxes.shape}, not float32 (N, 5)")
    if not np.isfinite(boxes).all():
        raise CheckFailed("it gives numbers that are not finite")
    if (boxes[:, 2:4] <= boxes[:, :2]).any():
        x0, y0, x1, y1 = boxes[(boxes[:, 2:4] <= boxes[:, :2]).any(axis=1)][0, :4]
        raise CheckFailed(
            f"a box reads {x0:g}, {y0:g}, {x1:g}, {y1:g}, and is empty; "
            "its columns are x0, y0, x1, y1, no width and height"
        )
    return boxes


def options_are_keyword_only(subject: DetectorSubject) -> None:
    """``build(**options)``: every option by name, and with a default."""
    require_keyword_only(subject.plugin.build)


def gives_boxes(subject: DetectorSubject) -> None:
    """For a photograph it gives float32 (N, 5): x0, y0, x1, y1, score, all finite, no box empty."""
    _ = subject.plugin
    subject.tried()


def finds_a_face(subject: DetectorSubject) -> str | None:
    """In a photograph of one person its best box lies about the face."""
    boxes = subject.boxes(pictures.photograph())
    if subject.plugin.whole_frame:
        return "it declares whole_frame, and looks for none"
    if not len(boxes):
        raise CheckFailed("it finds no face in a photograph of Grace Hopper")
    x0, y0, x1, y1 = (float(v) for v in boxes[0, :4])
    left, top, right, bottom = pictures.FACE
    width, height = min(x1, right) - max(x0, left), min(y1, bottom) - max(y0, top)
    intersection = max(0.0, width) * max(0.0, height)
    union = (x1 - x0) * (y1 - y0) + (right - left) * (bottom - top) - intersection
    if intersection < 0.25 * union:  # detectors disagree about hair, chin and ears
        raise CheckFailed(
            f"its best box is x {x0:.0f} to {x1:.0f}, y {y0:.0f} to {y1:.0f}; the face of the "
            f"photograph is x {left} to {right}, y {top} to {bottom}, in pixels"
        )
    return None


def best_comes_first(subject: DetectorSubject) -> None:
    """Rows are in order of falling score."""
    for picture in (pictures.photograph(), pictures.two_faces(), *pictures.unusual().values()):
        score = subject.boxes(picture)[:, 4]
        if (np.diff(score) > 0).any():
            raise CheckFailed(f"scores come as {', '.join(f'{s:g}' for s in score[:5])}")


def boxes_lie_in_the_picture(subject: DetectorSubject) -> None:
    """A box's centre lies in the picture, and its edges not half a picture beyond it."""
    for picture in (pictures.photograph(), pictures.two_faces(), *pictures.unusual().values()):
        height, width = picture.shape[:2]
        for x0, y0, x1, y1 in subject.boxes(picture)[:, :4].tolist():
            inside = 0 <= (x0 + x1) / 2 + 0.5 <= width and 0 <= (y0 + y1) / 2 + 0.5 <= height
            near = min(x0, y0) >= -max(width, height) / 2 - 1
            near = near and x1 <= 1.5 * width + 1 and y1 <= 1.5 * height + 1
            if not (inside and near):
                raise CheckFailed(
                    f"a box of x {x0:g} to {x1:g}, y {y0:g} to {y1:g} in a picture of "
                    f"{width} x {height} pixels"
                )


def empty_picture_has_no_face(subject: DetectorSubject) -> None:
    """A picture of one colour gives (0, 5); with ``whole_frame``, one box with all of it."""
    picture = pictures.empty()
    boxes = subject.boxes(picture)
    if not subject.plugin.whole_frame:
        if len(boxes):
            raise CheckFailed(f"it finds {len(boxes)} faces in a picture of one colour")
        return
    height, width = picture.shape[:2]
    frame = np.array([-0.5, -0.5, width - 0.5, height - 0.5])
    if len(boxes) != 1 or np.abs(boxes[0, :4] - frame).max() > 0.6:
        raise CheckFailed(f"it declares whole_frame and gives {boxes[:, :4].tolist()}")


def same_picture_same_boxes(subject: DetectorSubject) -> None:
    """A picture seen again, after another, and by a second detector, gives the same boxes."""
    first = subject.boxes(pictures.photograph())
    subject.boxes(pictures.two_faces())
    again = subject.boxes(pictures.photograph())
    with needs("gives_boxes"):
        other = _well_formed(subject.build()(pictures.photograph()))
    for name, boxes in (("seen again", again), ("seen by a second detector", other)):
        if not np.array_equal(first, boxes):
            raise CheckFailed(f"the same photograph, {name}, gives other boxes")


def leaves_the_picture_alone(subject: DetectorSubject) -> None:
    """The picture is not drawn on, turned or scaled in place."""
    picture = pictures.photograph()
    subject.boxes(picture)
    if not np.array_equal(picture, pictures.photograph()):
        raise CheckFailed("it changes the picture that it was given")


def takes_any_picture(subject: DetectorSubject) -> None:
    """Grey, tiny, narrow, mirrored, a part of another, read-only: every picture gives (N, 5)."""
    detect = subject.detect
    for name, picture in pictures.unusual().items():
        with must(name):
            boxes = detect(picture)
        try:
            _well_formed(boxes)
        except CheckFailed as error:
            raise CheckFailed(f"{name}: {error}") from error


SUBJECT = DetectorSubject
CHECKS: tuple[Callable[[Any], str | None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    options_are_keyword_only,
    gives_boxes,
    finds_a_face,
    best_comes_first,
    boxes_lie_in_the_picture,
    empty_picture_has_no_face,
    same_picture_same_boxes,
    leaves_the_picture_alone,
    takes_any_picture,
)
