"""One face of a picture, everything in source pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..api import IBUG68, LandmarkScheme, UsageError
from ..api.errors import unknown_name
from ..api.schemes import partners
from .outputs import Outputs
from .picture import Image, Picture

if TYPE_CHECKING:
    from .aligned import Aligned
    from .pose import Pose

__all__ = ["Face", "Image"]


@dataclass(frozen=True, repr=False)
class Face:
    """One face of a picture; everything in source pixels, as everywhere in the zoo: x right, y
    down, the centre of the top left pixel at (0, 0)."""

    box: tuple[float, float, float, float]
    """The detector's box: x0, y0, x1, y1."""
    box_score: float
    """The detector's score, in its own units; higher means more certain that there is a face."""
    points: NDArray[np.float32]
    """(K, 2)"""
    scores: NDArray[np.float32] | None = None
    """(K,), where the model's head gives them."""
    score: float = float("nan")
    """From 0 to 1, how sure the model is of its points: see :meth:`Predictor.confidences`. It
    compares faces within one model, and is no probability. NaN where the model gives no score."""
    confidence: float | None = None
    """The probability, from 0 to 1, that the points are right: that they lie on a face, and that
    their error is below 10% of the distance of the eyes. None where the model is not calibrated."""
    scheme: LandmarkScheme | None = field(default=None, compare=False)
    """What the points mean; None for a face that was made by hand."""
    picture: Picture | None = field(default=None, compare=False)
    """The picture that the face is in; None for a face that was made by hand."""
    outputs: Outputs = field(default_factory=dict, compare=False)
    """Outputs of the model's head beside points and scores, by name: ``covariance`` (K, 2, 2) of
    where each point may be, in squared source pixels; ``visibility`` (K,), the probability that a
    point is visible; ``depth`` (K,) in source pixels; and other outputs that the head declares,
    unchanged."""

    def part(self, name: str) -> NDArray[np.float32]:
        """The points of one part of the face, by the regions of its scheme.

        Args:
            name: Name of the part, such as ``jaw``, ``nose``, ``mouth``, ``left_eye`` or
                ``right_brow``; ``eye_left`` is the same as ``left_eye``. Left is the picture's
                left.

        Returns:
            float32 (n, 2), in the scheme's order.

        Raises:
            zoo.api.UsageError: The scheme has no such part; the message names those that it has.

        Example:
            >>> import numpy as np
            >>> from zoo.api import IBUG68
            >>> from zoo.prediction import Face
            >>> points = np.arange(136, dtype=np.float32).reshape(68, 2)
            >>> face = Face((0, 0, 9, 9), 1.0, points, scheme=IBUG68)
            >>> face.part("left_eye").shape
            (6, 2)
        """
        regions = {} if self.scheme is None else self.scheme.regions
        found = next((each for each in regions if _words(each) == _words(name)), None)
        if found is None:
            of = f"scheme {self.scheme.name}" if self.scheme else "a face without a scheme"
            raise unknown_name(f"part of {of}", name, regions)
        return self.points[list(regions[found])]

    @property
    def pose(self) -> Pose | None:
        """Which way the face looks: yaw, pitch and roll in degrees, each 0 for a face that looks
        into the camera. Above 0, the face is turned to the picture's right, bent down and tilted
        clockwise. The pose comes from the 68 points of ibug68, or from points that mark the same
        places. None for a scheme without such points, and for points that all lie at one place.

        Example:
            >>> from zoo.api import IBUG68
            >>> from zoo.prediction import Face
            >>> from zoo.prediction.pose import SHAPE
            >>> face = Face((0, 0, 9, 9), 1.0, SHAPE[:, :2], scheme=IBUG68)
            >>> abs(round(face.pose.yaw)), abs(round(face.pose.roll))
            (0, 0)
        """
        from .pose import pose_of

        points = self._ibug68()
        return None if points is None else pose_of(points)

    def aligned(self, size: int = 112) -> Aligned:
        """A crop of the face for a recognition network: turned upright and scaled, with eyes, nose
        and corners of the mouth where ArcFace has them in 112 x 112 pixels.

        Args:
            size: Side of the crop in pixels.

        Returns:
            ``image``, uint8 (size, size, 3) RGB, black where it leaves the picture; and ``matrix``,
            float64 (2, 3), which takes x, y, 1 of the picture to x, y of the crop.

        Raises:
            zoo.api.UsageError: The scheme has no points that mark the places of the 68, the face
                was made by hand and has no picture, or the size is no number of pixels.
            zoo.api.DataError: The points all lie at one place.

        Example:
            >>> import numpy as np
            >>> from zoo.api import IBUG68
            >>> from zoo.prediction import Face, Faces
            >>> from zoo.prediction.pose import SHAPE
            >>> made = Face((0, 0, 9, 9), 1.0, SHAPE[:, :2] + 100)
            >>> [face] = Faces([made], np.zeros((240, 200, 3), np.uint8), IBUG68)
            >>> crop, matrix = face.aligned()
            >>> crop.shape, matrix.shape
            ((112, 112, 3), (2, 3))
        """
        from .aligned import align, five_of

        if (
            isinstance(size, bool)
            or not isinstance(size, int | np.integer)
            or not 1 <= size <= 32_766
        ):
            raise UsageError(f"size={size!r}: a crop has a whole number of pixels, from 1 to 32766")
        points = self._ibug68()
        if points is None:
            name = "its scheme" if self.scheme is None else f"scheme {self.scheme.name}"
            raise UsageError(f"{name} has no points that mark the eyes, nose and mouth of ibug68")
        if self.picture is None:
            raise UsageError("this face was made by hand and has no picture: give it one (picture)")
        return align(self.picture.pixels, five_of(points), size)

    def _ibug68(self) -> NDArray[np.float32] | None:
        """(68, 2): the points that mark the places of IBUG68; None where the scheme lacks any."""
        places = {} if self.scheme is None else partners(IBUG68, self.scheme)
        if len(places) < len(IBUG68):
            return None
        return self.points[[places[i] for i in range(len(IBUG68))]]

    def __rich_repr__(self) -> Iterator[tuple[str, Any]]:
        """The fields, with the number of points in place of the points."""
        yield "box", tuple(round(v, 1) for v in self.box)
        yield "box_score", round(self.box_score, 3)
        yield "points", f"{len(self.points)} points"
        yield "score", round(self.score, 3)
        if self.confidence is not None:
            yield "confidence", round(self.confidence, 3)

    def __repr__(self) -> str:
        return f"Face({', '.join(f'{k}={v}' for k, v in self.__rich_repr__())})"


def _words(name: str) -> frozenset[str]:
    """``left_eye`` and ``eye_left`` are the same."""
    return frozenset(name.lower().replace("-", "_").replace(" ", "_").split("_"))
