"""The contract of a metric: a further figure for each face, besides those of the zoo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .contracts import ExpectedFailures
from .schemes import LandmarkScheme

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ScoredFace:
    """The prediction for one face, and its labels. Later versions may add fields.

    Example:
        >>> import numpy as np
        >>> from zoo.api import ScoredFace, generic_scheme
        >>> face = ScoredFace(
        ...     points=np.array([[30.0, 50], [60, 54]]),
        ...     target=np.array([[30.0, 50], [60, 50]]),
        ...     visible=np.array([True, True]),
        ...     scheme=generic_scheme(2),
        ...     length=30.0,
        ... )
        >>> np.linalg.norm(face.points - face.target, axis=1).tolist()
        [0.0, 4.0]
    """

    points: NDArray[np.float64]
    """(K, 2): the predicted points, in source pixels."""
    target: NDArray[np.float64]
    """(K, 2): the labels, in source pixels."""
    visible: NDArray[np.bool_]
    """(K,): False where a point has no label; ``target`` may hold any values there."""
    scheme: LandmarkScheme
    """What the K points are."""
    length: float
    """Pixels, above 0: the length that the headline error is divided by. It is the distance of the
    outer eye corners or, for a scheme without them, sqrt(w h) of the labelled points' box."""
    occluded: NDArray[np.float32] | None = None
    """(K,): 1 where something hides a point, 0 where it is seen, NaN where that is unknown; None
    where the data set never says."""


@dataclass(frozen=True)
class Metric:
    """Target of a ``zoo.metrics`` entry point.

    ``measure(face)`` takes a :class:`ScoredFace` with at least one label and returns one number;
    NaN where this face cannot be measured. The figure of a split is the mean over the measured
    faces; its interval is bootstrapped over people, as for the zoo's own figures. Every installed
    metric is measured whenever a split is scored.

    Example:
        The error of a face's worst point:

        >>> import numpy as np
        >>> from zoo.api import Metric, ScoredFace, generic_scheme
        >>> def measure(face):
        ...     distance = np.linalg.norm(face.points - face.target, axis=1)
        ...     return float(distance[face.visible].max() / face.length)
        >>> worst = Metric(measure=measure, title="worst point", unit="%")
        >>> labels = np.array([[30.0, 50], [60, 50]])
        >>> points = labels + [[0, 0], [3, 0]]
        >>> visible = np.array([True, True])
        >>> worst.measure(ScoredFace(points, labels, visible, generic_scheme(2), length=30.0))
        0.1
    """

    measure: Callable[[ScoredFace], float]
    title: str = ""
    """Its name in tables; empty: its id."""
    unit: str = ""
    """Such as ``px``. With ``%`` the numbers are fractions, and tables show them in percent."""
    lower_is_better: bool = True
    reference: str = ""
    summary: str = ""
    api_version: int = 2
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
