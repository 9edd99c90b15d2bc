"""Finds faces and their points on pictures, whatever runs the network.

picture > detector's boxes > regions sized as the training regions were > network > source pixels.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, UsageError
from ..api.notices import deprecated
from ..geometry import (
    FacePlace,
    Region,
    face_region,
    nearest_quarter,
    points_box,
    refine_region,
    roll,
    turned,
)
from .drawing import draw_faces
from .face import Face, Image
from .faces import Faces
from .finder import DETECTOR, Finder
from .network import BATCH, Mark, Network
from .picture import Picture, PictureLike, batches
from .quarters import Candidate, marks_at_any_angle

ABOUT_POINTS = (1.0, 0.0, 0.0)
"""``labelled`` for a box of the points themselves."""

LIMIT = 0.5
"""Default confidence below which a box holds no face."""


class Predictor(Network):
    """A model that finds and marks faces; made by :func:`zoo.load`.

    A subclass sets the attributes and implements :meth:`run`.
    """

    region: str
    """What the model was trained on: whole pictures (``frame``) or faces (``box``)."""
    faces: FacePlace

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
                a PIL picture. Files and PIL pictures are turned upright by their EXIF orientation,
                as viewers show them, and converted to RGB. Or a list of these.
            detector: Id of the face detector, or a :class:`Finder`, which is built once and may
                have options: ``Finder.of("haar", min_neighbors=4)``.
            path: Where an array or PIL picture came from: some detectors look boxes up by it, and
                files of results name it.
            min_confidence: Confidence below which a box holds no face and is left out. By default
                0.5 where the model is calibrated; 0 keeps all.

        Returns:
            The faces, best box first; empty where the detector finds none. For a list, a list of
            these. Pictures that a list gives as paths are read again when their pixels are needed,
            so that a long list takes little memory.

        Raises:
            zoo.api.DataError: The picture has no accepted form, or its file cannot be read.
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
        if options:  # earlier versions took the detector's options here
            if isinstance(detector, Finder):
                names = ", ".join(options)
                raise UsageError(f"predict takes no {names}: a Finder is given its own options")
            arguments = ", ".join(f"{key}={value!r}" for key, value in options.items())
            instead = f'give zoo.prediction.Finder.of("{detector}", {arguments}) as the detector'
            deprecated("predict with options of the detector", since="0.2", instead=instead)
            detector = Finder.of(detector, **options)
        if isinstance(image, list | tuple):
            if path:
                raise UsageError("path: names one picture; those of a list go with their paths")
            return self._predict_list(image, self._finder(detector), min_confidence)
        picture = Picture.of(image, path)
        return self._predict_pictures([picture], self._finder(detector), min_confidence)[0]

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
            images: Arrays (height, width, 3) of uint8 in RGB, of any sizes. All stay in memory.
            detector: Id of the face detector, or a :class:`Finder`, which is built once.
            paths: Where the pictures came from, one path for each: some detectors look boxes up by
                it, and files of results name it.
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
        return self._predict_pictures(pictures, self._finder(detector), min_confidence)

    def _finder(self, detector: str | Finder) -> Finder:
        """The finder of a detector. A detector given by its id is built once, since that takes as
        long as predicting several faces. Each thread has its own, since OpenCV's detectors remember
        the size of the current picture."""
        if isinstance(detector, Finder):
            return detector
        finders: dict[str, Finder] = vars(self._finders)  # those of this thread
        if detector not in finders:
            finders[detector] = Finder.of(detector)
        return finders[detector]

    @cached_property
    def _finders(self) -> threading.local:
        return threading.local()

    def _predict_list(
        self, images: Sequence[PictureLike], finder: Finder, min_confidence: float | None
    ) -> list[Faces]:
        """The faces of each picture of a list, in batches."""
        results: list[Faces] = []
        for batch in batches(_opened(images), BATCH, Picture.area):
            predicted = self._predict_pictures(batch, finder, min_confidence)
            results += (faces.without_pixels() for faces in predicted)
        return results

    def _predict_pictures(
        self, pictures: Sequence[Picture], finder: Finder, min_confidence: float | None
    ) -> list[Faces]:
        """The faces of pictures whose pixels are in memory."""
        limit = self.limit(min_confidence)
        detections = [finder.search(each.pixels, each.path) for each in pictures]
        candidates = [
            Candidate(each.pixels, partial(self._region, finder, box, each.pixels), angle)
            for each, (boxes, angle) in zip(pictures, detections, strict=True)
            for box in boxes
        ]
        marks = iter(marks_at_any_angle(self, candidates))
        return [
            self._confident([_face(box, next(marks)) for box in boxes], each, limit)
            for each, (boxes, _) in zip(pictures, detections, strict=True)
        ]

    def _region(
        self, finder: Finder, box: NDArray[np.float32], image: Image, angle: float
    ) -> Region:
        return finder.region(box, image, self.region, self.faces, angle)

    def limit(self, asked: float | None) -> float:
        """The confidence below which a box holds no face: ``asked`` or, where it is None,
        ``LIMIT``.

        Raises :class:`UsageError` for one above 0 where the model is not calibrated.
        """
        if asked and self.calibration is None:
            raise UsageError(
                f"{self.name}: is not calibrated, so its faces have no confidence to compare with "
                "a limit; `zoo evaluate RUN --calibrate` measures it"
            )
        return LIMIT if asked is None else asked

    def _confident(self, faces: Sequence[Face], picture: Picture, limit: float) -> Faces:
        kept = [face for face in faces if face.confidence is None or face.confidence >= limit]
        return Faces(kept, picture, self.scheme, len(faces) - len(kept))

    def region_about(self, points: NDArray[np.floating[Any]]) -> Region:
        """The region in which to look for a face that was at these points (K, 2) one frame before.

        It is the region of the last pass, so that a model with further passes needs no first one.
        For a model that does not turn its crops, it is turned by the nearest quarter.
        """
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
        """The faces in these regions, one in each, without a detector.

        A face's box is that of its points, and its box score is NaN. ``again=False`` makes one pass
        only: the regions are those of :meth:`region_about`. Mirrored crops are not used: they would
        double the time, and their score changes too much from frame to frame to rate a track by.
        """
        picture = Picture.of(image)
        passes = self.refine if again else 0
        crops = [(picture.pixels, region) for region in regions]
        faces = [
            _face((*points_box(mark.points), math.nan), mark)
            for mark in self.marks(crops, passes, mirror=False)
        ]
        return [replace(face, scheme=self.scheme, picture=picture) for face in faces]

    def points_in(
        self, image: Image, regions: Sequence[Region]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Points (N, K, 2) in source pixels for N regions, and scores (N, K) or None."""
        marks = self.marks([(image, region) for region in regions], self.refine, mirror=False)
        scores = [mark.scores for mark in marks if mark.scores is not None]
        return np.stack([mark.points for mark in marks]), np.stack(scores) if scores else None

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


def _opened(images: Sequence[PictureLike]) -> Iterator[Picture]:
    """The pictures of a list, each read when it is needed. Raises :class:`DataError` that says
    which item of the list is no picture."""
    for number, each in enumerate(images):
        try:
            yield Picture.of(each)
        except DataError as error:
            raise DataError(f"picture {number} of {len(images)}, from 0: {error}") from error
