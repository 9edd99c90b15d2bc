"""Runs a network over crops of pictures: its passes, the points in the picture, its confidence.

Nothing here imports torch. A subclass runs the network of a run (`torch_model`) or an ONNX file.
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
"""Most crops in one batch of the network."""

DISAGREE = 0.1
"""Fraction of sqrt(w h) of a face's points. When a prediction and the one for the mirrored crop lie
this far apart, the score is 1 / e."""

FARTHEST = 100.0
"""Widths of the crop: no trained network puts a point farther away."""

Crops = NDArray[np.uint8]
"""(N, S, S, 3) RGB."""
Units = NDArray[np.float32]
"""(N, K, 2), fractions of the crop: 0 at its left (top) edge, 1 at its right (bottom) edge."""
Scores = NDArray[np.float32] | None
"""(N, K), where the head gives them."""


class Answer(NamedTuple):
    """The outputs of a network for N crops."""

    points: Units
    scores: Scores
    outputs: Outputs = MappingProxyType({})
    """The other outputs that its head declares, (N, ...) each."""


ImageRegion = tuple[Image, Region]
"""A picture, and the region of it that the network sees."""


@dataclass(frozen=True)
class Mark:
    """The prediction of the network for one region."""

    points: NDArray[np.float32]
    """(K, 2), source pixels."""
    scores: NDArray[np.float32] | None
    """(K,)"""
    score: float
    confidence: float | None
    outputs: Outputs
    """Covariances and depths are in source pixels."""


class Network(ABC):
    """A network and its settings. It predicts the faces in regions of pictures.

    A subclass sets the attributes and implements :meth:`run`.
    """

    name: str
    """Name in messages: of a run's folder, a file, or a model of the catalogue."""
    scheme: LandmarkScheme
    input_size: int
    """S, pixels: the network sees squares."""
    refine: int = 0
    """Number of further passes: each crops again about the points of the pass before."""
    mean_shape: NDArray[np.float64] | None = None
    """(K, 2): the points of the mean training face, as fractions of the region. A face's roll is
    measured against them. None: an ONNX file of an earlier zoo, which lacks them."""
    upright: bool = False
    """Whether each further pass turns its crop upright, by the roll of the points before it."""
    calibration: Calibration | None = None
    """Turns scores into probabilities; None: the model is not calibrated."""
    mirror_check: bool = True
    """Whether a model without point scores also runs on the mirrored crop, to get a score."""
    outputs: Mapping[str, Shape] = MappingProxyType({})
    """Outputs of its head beside points and scores, by name, each with its shape for one face."""

    @abstractmethod
    def run(self, crops: Crops) -> Answer:
        """Run the network on at most ``BATCH`` crops."""

    def marks(
        self, image_regions: Sequence[ImageRegion], refine: int, mirror: bool = True
    ) -> list[Mark]:
        """The prediction for each region. ``refine``: number of further passes; ``mirror``: whether
        the network may also run on the mirrored crops, to get scores."""
        starts = range(0, len(image_regions), BATCH)
        return [
            mark
            for start in starts
            for mark in self._marks_of_batch(image_regions[start : start + BATCH], refine, mirror)
        ]

    def _marks_of_batch(
        self, image_regions: Sequence[ImageRegion], refine: int, mirror: bool
    ) -> Iterator[Mark]:
        images, regions = zip(*image_regions, strict=True)
        crops, answer = self._one_pass(images, regions)
        upright = self.mean_shape if self.upright else None
        for _ in range(refine):
            windows = [refine_region(unit, upright) for unit in answer.points]
            regions = tuple(map(Region.inner, regions, windows))
            crops, answer = self._one_pass(images, regions)
        units, scores, outputs = answer
        if mirror or scores is not None:
            face_scores = self.confidences(crops, units, scores)
        else:
            face_scores = np.full(len(units), np.nan, np.float32)
        for i, (region, score) in enumerate(zip(regions, face_scores.tolist(), strict=True)):
            points = region.to_source(units[i]).astype(np.float32)
            confidence = self.calibration.confidence(score) if self.calibration else None
            point_scores = None if scores is None else scores[i]
            face_outputs = in_picture({name: each[i] for name, each in outputs.items()}, region)
            yield Mark(points, point_scores, score, confidence, face_outputs)

    def _one_pass(self, images: Sequence[Image], regions: Sequence[Region]) -> tuple[Crops, Answer]:
        crops = np.stack(
            [crop(i, r, self.input_size) for i, r in zip(images, regions, strict=True)]
        )
        answer = Answer(*self.run(crops))
        self._require_points(answer.points, answer.scores)
        return crops, answer

    def _require_points(self, units: Units, scores: Scores) -> None:
        """Raises :class:`WeightsError` for points or scores that are not finite, and for points
        that are too far away."""
        near = np.abs(units) <= FARTHEST  # False for NaN
        if not near.all() or (scores is not None and not np.isfinite(scores).all()):
            raise WeightsError(
                f"{self.name}: its network gives points that are not finite, or nowhere near the "
                "picture: the file is damaged, or the model was never trained; take another copy"
            )

    def confidences(self, crops: Crops, units: Units, scores: Scores) -> NDArray[np.float32]:
        """(N,) from 0 to 1: the score of each face, how sure the model is of its points.

        Where the head scores points (heat maps and the like), it is the mean of these scores.
        Elsewhere the model also predicts the mirrored crop, and the score is exp(-d /
        ``DISAGREE``), with d the mean distance between the points of both predictions, in sizes of
        the face. That is a second pass of the network. With ``mirror_check = False``, and for a
        scheme without symmetry, there is no such pass, and the score is NaN. Neither score is a
        probability: it tells wrong faces from right ones, within one model. A
        :class:`Calibration` turns it into a probability.
        """
        if scores is not None:
            return np.asarray(scores.mean(1), np.float32)
        if self.scheme.flip is None or not self.mirror_check:
            return np.full(len(crops), np.nan, np.float32)
        mirrored = self.run(np.ascontiguousarray(crops[:, :, ::-1]))[0]
        apart = np.linalg.norm(unmirror(mirrored, self.scheme.flip) - units, axis=-1).mean(1)
        size = label_scale(units, np.ones(units.shape[:2], bool))
        return np.asarray(np.exp(-apart / np.maximum(DISAGREE * size, 1e-9)), np.float32)
