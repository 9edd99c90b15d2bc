"""Whether an exported graph and the network that it was made from give the same points.

Both see the same uint8 crops and each does all the rest by itself: the network as a prediction from
the run does, the graph in onnxruntime. Random crops are those that a network trained on faces has
never met: flat, noisy, blotchy; batches of 1, 2 and 5, so that a graph that holds on to the size
of one batch is found. Real crops come from the run's data or from pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..prediction.predictor import Crops, Predictor, Scores, Units

TOLERANCE = 0.05
"""Pixels of the input: how far a point may be off. An eighth of what rounding a label to whole
pixels costs (0.38 px on average)."""

SCORE_TOLERANCE = 0.01

BATCHES = (1, 2, 5)
REAL_BATCH = 8


@dataclass(frozen=True)
class Agreement:
    """How far two models are apart on some crops."""

    inputs: str
    """``random``, or where the crops are from."""
    crops: int
    points: int
    """All points of these crops."""
    worst: float
    """Pixels of the input, of the worst point; infinite where one of the two is no number."""
    beyond: int
    """Points that are farther apart than ``TOLERANCE``."""
    worst_score: float | None
    """None: the head gives no scores."""

    @property
    def holds(self) -> bool:
        return not self.beyond and (self.worst_score or 0.0) <= SCORE_TOLERANCE

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        finite = self.worst if np.isfinite(self.worst) else None
        return asdict(self) | {"worst": finite, "holds": self.holds}

    def __str__(self) -> str:
        text = f"{self.inputs}: {self.crops} crops, worst point off by {self.worst:.2g} px"
        if self.beyond:
            text += f", {self.beyond} of {self.points} points beyond {TOLERANCE} px"
        if self.worst_score is not None and self.worst_score > SCORE_TOLERANCE:
            text += f", worst score by {self.worst_score:.2g}"
        return text


def random_crops(size: int, seed: int = 0) -> Iterator[Crops]:
    """Batches of 1, 2 and 5: black, white, and noise from fine grain to blotches as wide as half
    the crop."""
    draw = np.random.default_rng(seed)
    crops = [np.zeros((size, size, 3), np.uint8), np.full((size, size, 3), 255, np.uint8)]
    for grain in (1, 1, 2, 8, size // 8, size // 2):
        cells = max(2, size // max(grain, 1))
        noise = draw.integers(0, 256, (cells, cells, 3), np.uint8)
        wide = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        crops.append(np.asarray(wide, np.uint8))
    for count in BATCHES:
        yield np.stack(crops[:count])
        del crops[:count]


def batches(crops: Crops) -> Iterator[Crops]:
    for start in range(0, len(crops), REAL_BATCH):
        yield np.ascontiguousarray(crops[start : start + REAL_BATCH])


def compare(
    network: Predictor, exported: Predictor, crops: Iterator[Crops], inputs: str
) -> Agreement:
    """Both on the same batches, one after another."""
    off: list[NDArray[np.float64]] = []
    scores_off: list[float] = []
    count = 0
    for batch in crops:
        (points, scores), (their_points, their_scores) = network.run(batch), exported.run(batch)
        off.append(_pixels(points, their_points, network.input_size))
        if scores is not None:
            scores_off.append(_score_difference(scores, their_scores))
        count += len(batch)
    all_off = np.concatenate([each.ravel() for each in off])
    return Agreement(
        inputs=inputs,
        crops=count,
        points=len(all_off),
        worst=float(all_off.max()),
        beyond=int((all_off > TOLERANCE).sum()),
        worst_score=max(scores_off, default=None),
    )


def _pixels(points: Units, theirs: Units, size: int) -> NDArray[np.float64]:
    if points.shape != theirs.shape:
        return np.full(points.shape[:2], np.inf)
    distance = np.linalg.norm(points.astype(np.float64) - theirs, axis=-1) * size
    return np.where(np.isfinite(distance), distance, np.inf)


def _score_difference(scores: NDArray[np.float32], theirs: Scores) -> float:
    if theirs is None or scores.shape != theirs.shape:
        return float("inf")
    off = np.abs(scores.astype(np.float64) - theirs)
    return float(np.where(np.isfinite(off), off, np.inf).max())
