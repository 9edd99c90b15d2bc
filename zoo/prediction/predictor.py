"""Faces and their points on pictures, whatever runs the network.

picture > detector's boxes > regions sized as the training regions were > network > source pixels.

Nothing here imports torch: a subclass brings the network, of a run (`torch_model`) or an ONNX file.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, LandmarkScheme, UsageError, WeightsError
from ..api.notices import deprecated
from ..evaluation.scores.calibration import Calibration
from ..geometry import (
    QUARTER,
    FacePlace,
    Region,
    crop,
    face_region,
    label_scale,
    nearest_quarter,
    points_box,
    refine_region,
    roll,
    turned,
    unmirror,
)
from .drawing import draw_faces
from .face import Face, Image
from .faces import Faces
from .finder import DETECTOR, Finder
from .outputs import Outputs, Shape, in_picture
from .picture import Picture, PictureLike, batches

ABOUT_POINTS = (1.0, 0.0, 0.0)
"""``labelled`` of a box about the points themselves."""

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

LIMIT = 0.5
"""Confidence below which a box holds no face, unless somebody says otherwise."""
TURN_BELOW = 0.5
"""Confidence below which a face may be turned, so that the other quarters are tried."""


@dataclass(frozen=True)
class Look:
    """A box of a picture, which can be looked at from all sides."""

    image: Image
    region: Callable[[float], Region]
    """The region that shows a face which is turned by so many radians."""
    angle: float
    """As far as the detector knows."""

    def turned(self, quarters: int) -> Seen:
        return self.image, self.region(self.angle + quarters * QUARTER)


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


class Predictor(ABC):
    """A model that finds and marks faces; made by :func:`zoo.load`.

    A subclass sets the attributes and implements :meth:`run`.
    """

    name: str
    """What to call it: a run's folder, a file, a model of the catalogue."""
    scheme: LandmarkScheme
    input_size: int
    """S, pixels: the network sees squares."""
    region: str
    """What it was trained on: ``frame``, whole pictures, or ``box``, faces."""
    faces: FacePlace
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

    @overload
    def predict(  # type: ignore[overload-overlap]  # a text is a path, although it is a sequence
        self,
        image: PictureLike,
        detector: str | Finder = DETECTOR,
        *,
        path: str | Path = "",
        min_confidence: float | None = None,
    ) -> Faces: ...

    @overload
    def predict(
        self,
        image: Sequence[PictureLike],
        detector: str | Finder = DETECTOR,
        *,
        min_confidence: float | None = None,
    ) -> list[Faces]: ...

    def predict(
        self,
        image: PictureLike | Sequence[PictureLike],
        detector: str | Finder = DETECTOR,
        *,
        path: str | Path = "",
        min_confidence: float | None = None,
        **options: Any,
    ) -> Faces | list[Faces]:
        """The faces of a picture, or of each picture of a list; ``model(image)`` is the same.

        Args:
            image: The picture: the path of a file, an array (height, width, 3) of uint8 in RGB, or
                a PIL picture. Files and PIL pictures are taken upright by their EXIF orientation,
                as viewers show them, and brought to RGB. Or a list of these.
            detector: Id of the face detector, or a :class:`Finder`, which is built once and may
                have options: ``Finder.of("haar", min_neighbors=4)``.
            path: Where an array or PIL picture came from, for detectors that look boxes up by it,
                and for what is written.
            min_confidence: Confidence below which a box holds no face and is left out. By default
                0.2 where the model is calibrated; 0 keeps all.

        Returns:
            The faces, best box first, none where the detector finds none; for a list, a list of
            these. Pictures of a list that are given as paths are read again when their pixels are
            asked for, so that a long list takes little memory.

        Raises:
            zoo.api.DataError: The picture is of no form that is taken, or its file cannot be read.
            zoo.api.PluginError: There is no such detector, or it fails.
            zoo.api.UsageError: A limit above 0 is given, and the model is not calibrated.

        Example:
            >>> import numpy as np, zoo
            >>> model = zoo.load()
            >>> grey_wall = np.full((120, 160, 3), 128, np.uint8)
            >>> model.predict(grey_wall, "haar")
            <0 faces of ibug68 in 160 x 120 pixels>
            >>> len(model([grey_wall, grey_wall], "haar"))
            2
        """
        if options:  # of an earlier version: the detector's own
            if isinstance(detector, Finder):
                told = ", ".join(options)
                raise UsageError(f"predict takes no {told}: a Finder is given its own options")
            given = ", ".join(f"{key}={value!r}" for key, value in options.items())
            instead = f'give zoo.prediction.Finder.of("{detector}", {given}) as the detector'
            deprecated("predict with options of the detector", since="0.2", instead=instead)
            detector = Finder.of(detector, **options)
        if isinstance(image, list | tuple):
            if path:
                raise UsageError("path: names one picture; those of a list go with their paths")
            return self._found_in_all(image, self._finder(detector), min_confidence)
        picture = Picture.of(image, path)
        return self._found([picture], self._finder(detector), min_confidence)[0]

    __call__ = predict

    def predict_batch(
        self,
        images: Sequence[Image],
        detector: str | Finder = DETECTOR,
        *,
        paths: Sequence[str | Path] = (),
        min_confidence: float | None = None,
    ) -> list[Faces]:
        """The faces of each picture; faces of all pictures go through the network together.

        Args:
            images: Arrays (height, width, 3) of uint8 in RGB, of any sizes; all are kept.
            detector: Id of the face detector, or a :class:`Finder`, which is built once.
            paths: Where the pictures came from, one for each, for detectors that look boxes up by
                it, and for what is written.
            min_confidence: As for :meth:`predict`.

        Returns:
            The faces of each picture.

        Raises:
            zoo.api.DataError: One of the arrays is no picture.
            zoo.api.PluginError: There is no such detector, or it fails.
            zoo.api.UsageError: A limit above 0 is given, and the model is not calibrated.
        """
        named = paths or [""] * len(images)
        pictures = [Picture.of(*each) for each in zip(images, named, strict=True)]
        return self._found(pictures, self._finder(detector), min_confidence)

    def _finder(self, detector: str | Finder) -> Finder:
        """A detector by its id is built once: that takes as long as marking several faces. Each
        thread has its own, for OpenCV's remember the size of the picture at hand."""
        if isinstance(detector, Finder):
            return detector
        built: dict[tuple[int, str], Finder] = vars(self).setdefault("_built", {})
        key = (threading.get_ident(), detector)
        if key not in built:
            built[key] = Finder.of(detector)
        return built[key]

    def _found_in_all(
        self, given: Sequence[PictureLike], finder: Finder, min_confidence: float | None
    ) -> list[Faces]:
        """The faces of each picture of a list, in batches."""
        found: list[Faces] = []
        for batch in batches(_opened(given), BATCH, Picture.area):
            of_batch = self._found(batch, finder, min_confidence)
            found += (faces.without_pixels() for faces in of_batch)
        return found

    def _found(
        self, pictures: Sequence[Picture], finder: Finder, min_confidence: float | None
    ) -> list[Faces]:
        """The faces of pictures whose pixels are at hand."""
        least = self.limit(min_confidence)
        searched = [finder.search(each.pixels, each.path) for each in pictures]
        looks = [
            Look(each.pixels, partial(self._region, finder, box, each.pixels), angle)
            for each, (boxes, angle) in zip(pictures, searched, strict=True)
            for box in boxes
        ]
        marks = iter(self._marked_at_any_angle(looks))
        return [
            self._kept([_face(box, next(marks)) for box in boxes], each, least)
            for each, (boxes, _) in zip(pictures, searched, strict=True)
        ]

    def _region(
        self, finder: Finder, box: NDArray[np.float32], image: Image, angle: float
    ) -> Region:
        return finder.region(box, image, self.region, self.faces, angle)

    def limit(self, asked: float | None) -> float:
        """The confidence below which a box holds no face: the one that is asked for, or ``LIMIT``.

        Raises :class:`UsageError` for one above 0 where the model is not calibrated.
        """
        if asked and self.calibration is None:
            raise UsageError(
                f"{self.name}: is not calibrated, so its faces have no confidence that a limit "
                "could be held against; `zoo evaluate RUN --calibrate` measures it"
            )
        return LIMIT if asked is None else asked

    def _kept(self, found: Sequence[Face], picture: Picture, least: float) -> Faces:
        kept = [face for face in found if face.confidence is None or face.confidence >= least]
        return Faces(kept, picture, self.scheme, len(found) - len(kept))

    def region_about(self, points: NDArray[np.floating[Any]]) -> Region:
        """Where to look for a face that a moment ago was at these points (K, 2): the region of the
        last pass, so that a model with further passes needs no first one. A model that does not
        turn its crops sees the face turned by the nearest quarter."""
        angle = 0.0 if self.mean_shape is None else roll(points, self.mean_shape)
        if not self.upright:
            angle = nearest_quarter(angle)
        level = turned(points, -angle)
        if self.refine:
            window = refine_region(level)
        else:
            window = face_region(np.array(points_box(level)), ABOUT_POINTS, self.faces)
        return window.turned(angle)

    def faces_in(
        self, image: Image, regions: Sequence[Region], *, again: bool = True
    ) -> list[Face]:
        """The faces that lie in these regions, a face each, without a detector: its box is the one
        about its points, and its box score NaN. ``again=False``: the regions are those of
        :meth:`region_about`, and seen in one pass. The mirror is not asked: it would take as long
        again, and changes too much from frame to frame to rate a track by."""
        picture = Picture.of(image)
        passes = self.refine if again else 0
        seen = [(picture.pixels, region) for region in regions]
        found = [
            _face((*points_box(mark.points), math.nan), mark)
            for mark in self._marked(seen, passes, mirror=False)
        ]
        return [replace(face, scheme=self.scheme, picture=picture) for face in found]

    def points_in(
        self, image: Image, regions: Sequence[Region]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Points (N, K, 2) in source pixels for N regions, and scores (N, K) or None."""
        marks = self._marked([(image, region) for region in regions], self.refine, mirror=False)
        scores = [mark.scores for mark in marks if mark.scores is not None]
        return np.stack([mark.points for mark in marks]), np.stack(scores) if scores else None

    def _marked_at_any_angle(self, looks: Sequence[Look]) -> list[Mark]:
        """The best mark of each: as it is or, where the model is not sure of it, turned by another
        quarter. All quarters of all that need it go through the network together."""
        marks = self._marked([look.turned(0) for look in looks], self.refine)
        poor = [i for i, mark in enumerate(marks) if self._is_poor(mark)]
        again = [looks[i].turned(quarters) for i in poor for quarters in (1, 2, 3)]
        tried = self._marked(again, self.refine)
        for place, i in enumerate(poor):
            marks[i] = max(marks[i], *tried[3 * place :][:3], key=lambda mark: mark.score)
        return marks

    def _is_poor(self, mark: Mark) -> bool:
        """Whether the face may be turned. Only of a calibrated model it is known what is low."""
        return mark.confidence is not None and mark.confidence < TURN_BELOW

    def _marked(self, seen: Sequence[Seen], again: int, mirror: bool = True) -> list[Mark]:
        """What the network says of each region. ``again``: further passes; ``mirror``: whether the
        mirror may be asked for the score."""
        marks: list[Mark] = []
        upright = self.mean_shape if self.upright else None
        for start in range(0, len(seen), BATCH):
            images, regions = zip(*seen[start : start + BATCH], strict=True)
            crops, answer = self._one_pass(images, regions)
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
                marks.append(Mark(points, of_points, score, known, more))
        return marks

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

    def __rich_repr__(self) -> Iterator[tuple[Any, ...]]:
        yield "name", self.name
        yield "points", len(self.scheme)
        yield "scheme", self.scheme.name
        yield "input_size", self.input_size
        yield "region", self.region
        yield "refine", self.refine, 0

    def __repr__(self) -> str:
        facts = f"{len(self.scheme)} points of {self.scheme.name}, {self.input_size} px"
        passes = f", {1 + self.refine} passes" if self.refine else ""
        return f"<{type(self).__name__} {self.name}: {facts}{passes}>"

    def draw(self, image: Image, faces: Sequence[Face], uncertainty: bool = False) -> Image:
        """A copy of the picture with contours, points and boxes. With ``uncertainty``, an ellipse
        about each point of a face that has a covariance: two standard deviations."""
        return draw_faces(image, faces, self.scheme, uncertainty=uncertainty)


def _face(box: Iterable[float], mark: Mark) -> Face:
    x0, y0, x1, y1, score = (float(v) for v in box)
    return Face(
        box=(x0, y0, x1, y1),
        box_score=score,
        points=mark.points,
        scores=mark.scores,
        score=mark.score,
        confidence=mark.confidence,
        outputs=mark.outputs,
    )


def _opened(given: Sequence[PictureLike]) -> Iterator[Picture]:
    """The pictures of a list, each read when its turn comes. Raises :class:`DataError` that says
    which of the list is no picture."""
    for number, each in enumerate(given):
        try:
            yield Picture.of(each)
        except DataError as error:
            raise DataError(f"picture {number} of {len(given)}, from 0: {error}") from error
