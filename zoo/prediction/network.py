"""A network over crops of pictures: its passes, the points in the picture, and how sure it is.

Nothing here imports torch: a subclass brings the network, of a run (`torch_model`) or an ONNX file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..api import LandmarkScheme, WeightsError
from ..evaluation.scores.calibration import Calibration
from ..geometry import Region, crop, label_scale, refine_region, unmirror
from .face import Image
from .outputs import Outputs, Shape, in_picture

BATCH = 64
"""Crops that a network sees at once."""

DISAGREE = 0.1
"""Fraction of sqrt(w h) of a face's points. A prediction and its mirror image that lie so far apart
multiply the confidence by 1 / e."""

FARTHEST = 100.0
"""Widths of the crop: no network that was trained puts a point so far outside."""

Crops = NDArray[np.uint8]
"""(N, S, S, 3) RGB."""
Units = NDArray[np.float32]
"""(N, K, 2), fractions of the crop: 0 at its left (top) edge, 1 at its right (bottom) edge."""
Scores = NDArray[np.float32] | None
"""(N, K), where the head gives them."""


class Answer(NamedTuple):
    """What a network says of N crops."""

    points: Units
    scores: Scores
    outputs: Outputs = MappingProxyType({})
    """What else its head declares, (N, ...) each."""


Seen = tuple[Image, Region]
"""A picture, and where in it the network looks."""


@dataclass(frozen=True)
class Mark:
    """What the network says of one region."""

    points: NDArray[np.float32]
    """(K, 2), source pixels."""
    scores: NDArray[np.float32] | None
    """(K,)"""
    score: float
    confidence: float | None
    outputs: Outputs
    """In source pixels, where they are places or lengths."""


class Network(ABC):
    """What is known of a network, and what it says of regions of pictures.

    A subclass sets the attributes and implements :meth:`run`.
    """

    name: str
    """What to call it: a run's folder, a file, a model of the catalogue."""
    scheme: LandmarkScheme
    input_size: int
    """S, pixels: the network sees squares."""
    refine: int = 0
    """Further passes: each crops again about the points that the pass before found."""
    mean_shape: NDArray[np.float64] | None = None
    """(K, 2): the points of the mean training face, as fractions of the region, by which a face's
    roll is measured. None: an ONNX file of an earlier zoo, which does not say."""
    upright: bool = False
    """Whether each further pass turns its crop by the roll of the points before it."""
    calibration: Calibration | None = None
    """What its scores are worth; None: nobody has measured it."""
    mirror_check: bool = True
    """Whether a model without point scores is asked twice, for the sake of a score."""
    outputs: Mapping[str, Shape] = MappingProxyType({})
    """What its head gives beside points and scores, by name, each with its shape for one face."""

    @abstractmethod
    def run(self, crops: Crops) -> Answer:
        """The network: at most ``BATCH`` crops in, points, scores and the like out."""

    def marks(self, seen: Sequence[Seen], again: int, mirror: bool = True) -> list[Mark]:
        """What the network says of each region. ``again``: further passes; ``mirror``: whether the
        mirror may be asked for the score."""
        starts = range(0, len(seen), BATCH)
        return [
            mark
            for start in starts
            for mark in self._marks_of_batch(seen[start : start + BATCH], again, mirror)
        ]

    def _marks_of_batch(self, seen: Sequence[Seen], again: int, mirror: bool) -> Iterator[Mark]:
        images, regions = zip(*seen, strict=True)
        crops, answer = self._one_pass(images, regions)
        upright = self.mean_shape if self.upright else None
        for _ in range(again):
            windows = [refine_region(unit, upright) for unit in answer.points]
            regions = tuple(map(Region.inner, regions, windows))
            crops, answer = self._one_pass(images, regions)
        units, scores, outputs = answer
        asked = mirror or scores is not None
        sure = self.confidences(crops, units, scores) if asked else np.full(len(units), np.nan)
        for i, (region, score) in enumerate(zip(regions, sure.tolist(), strict=True)):
            points = region.to_source(units[i]).astype(np.float32)
            known = self.calibration.confidence(score) if self.calibration else None
            of_points = None if scores is None else scores[i]
            more = in_picture({name: each[i] for name, each in outputs.items()}, region)
            yield Mark(points, of_points, score, known, more)

    def _one_pass(self, images: Sequence[Image], regions: Sequence[Region]) -> tuple[Crops, Answer]:
        crops = np.stack(
            [crop(i, r, self.input_size) for i, r in zip(images, regions, strict=True)]
        )
        answer = Answer(*self.run(crops))
        self._require_points(answer.points, answer.scores)
        return crops, answer

    def _require_points(self, units: Units, scores: Scores) -> None:
        """Raises :class:`WeightsError` for answers that are no places, which nobody should draw."""
        near = np.abs(units) <= FARTHEST  # which no NaN is
        if not near.all() or (scores is not None and not np.isfinite(scores).all()):
            raise WeightsError(
                f"{self.name}: its network gives points that are not finite, or nowhere near the "
                "picture: the file is damaged, or the model was never trained; take another copy"
            )

    def confidences(self, crops: Crops, units: Units, scores: Scores) -> NDArray[np.float32]:
        """(N,) from 0 to 1: the score of each face, how sure the model is of its points.

        Where the head scores points (heat maps and the like), the mean of the scores. Else what the
        model says of the mirrored crop is held against what it says of the crop: exp(-d /
        ``DISAGREE``), with d the mean distance of points in sizes of the face. That is a second
        pass; with ``mirror_check = False``, and for a scheme without symmetry, there is none, and
        the score is NaN. Neither is a probability: they tell faces that went wrong from those that
        did not, within one model. A :class:`Calibration` makes a probability of them.
        """
        if scores is not None:
            return np.asarray(scores.mean(1), np.float32)
        if self.scheme.flip is None or not self.mirror_check:
            return np.full(len(crops), np.nan, np.float32)
        mirrored = self.run(np.ascontiguousarray(crops[:, :, ::-1]))[0]
        apart = np.linalg.norm(unmirror(mirrored, self.scheme.flip) - units, axis=-1).mean(1)
        size = label_scale(units, np.ones(units.shape[:2], bool))
        return np.asarray(np.exp(-apart / np.maximum(DISAGREE * size, 1e-9)), np.float32)
