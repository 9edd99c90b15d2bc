"""Faces and their points on pictures, whatever runs the network.

picture > detector's boxes > regions sized as the training regions were > network > source pixels.

Nothing here imports torch: a subclass brings the network, of a run (`torch_model`) or an ONNX file.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..api import DataError, LandmarkScheme, UsageError, WeightsError
from ..geometry import FacePlace, Region, crop, face_region, label_scale, refine_region, unmirror
from .drawing import draw_faces
from .face import Face, Image
from .faces import Faces
from .finder import DETECTOR, Finder
from .picture import Picture, PictureLike

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

Seen = tuple[Image, Region]


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
    mirror_check: bool = True
    """Whether a model without point scores is asked twice, for the sake of a confidence."""

    @abstractmethod
    def run(self, crops: Crops) -> tuple[Units, Scores]:
        """The network: at most ``BATCH`` crops in, points and scores out."""

    @overload
    def predict(  # type: ignore[overload-overlap]  # a text is a path, although it is a sequence
        self,
        image: PictureLike,
        detector: str | Finder = DETECTOR,
        *,
        path: str | Path = "",
    ) -> Faces: ...

    @overload
    def predict(
        self,
        image: Sequence[PictureLike],
        detector: str | Finder = DETECTOR,
    ) -> list[Faces]: ...

    def predict(
        self,
        image: PictureLike | Sequence[PictureLike],
        detector: str | Finder = DETECTOR,
        *,
        path: str | Path = "",
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

        Returns:
            The faces, best box first, none where the detector finds none; for a list, a list of
            these. Pictures of a list that are given as paths are read again when their pixels are
            asked for, so that a long list takes little memory.

        Raises:
            zoo.api.DataError: The picture is of no form that is taken, or its file cannot be read.
            zoo.api.PluginError: There is no such detector, or it fails.

        Example:
            >>> import numpy as np, zoo
            >>> model = zoo.load()
            >>> grey_wall = np.full((120, 160, 3), 128, np.uint8)
            >>> model.predict(grey_wall, "haar")
            <0 faces of ibug68 in 160 x 120 pixels>
            >>> len(model([grey_wall, grey_wall], "haar"))
            2
        """
        if isinstance(image, list | tuple):
            if path:
                raise UsageError("path: names one picture; those of a list go with their paths")
            return self._found_in_all(image, self._finder(detector))
        picture = Picture.of(image, path)
        return self._found([picture], self._finder(detector))[0]

    __call__ = predict

    def predict_batch(
        self,
        images: Sequence[Image],
        detector: str | Finder = DETECTOR,
        *,
        paths: Sequence[str | Path] = (),
    ) -> list[Faces]:
        """The faces of each picture; faces of all pictures go through the network together.

        Args:
            images: Arrays (height, width, 3) of uint8 in RGB, of any sizes; all are kept.
            detector: Id of the face detector, or a :class:`Finder`, which is built once.
            paths: Where the pictures came from, one for each, for detectors that look boxes up by
                it, and for what is written.

        Returns:
            The faces of each picture.

        Raises:
            zoo.api.DataError: One of the arrays is no picture.
            zoo.api.PluginError: There is no such detector, or it fails.
        """
        named = paths or [""] * len(images)
        pictures = [Picture.of(*each) for each in zip(images, named, strict=True)]
        return self._found(pictures, self._finder(detector))

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

    def _found_in_all(self, given: Sequence[PictureLike], finder: Finder) -> list[Faces]:
        """The faces of each picture of a list, in batches."""
        found: list[Faces] = []
        for batch in _batches(given):
            found += (faces.without_pixels() for faces in self._found(batch, finder))
        return found

    def _found(self, pictures: Sequence[Picture], finder: Finder) -> list[Faces]:
        """The faces of pictures whose pixels are at hand."""
        boxes = [finder.boxes(each.pixels, each.path) for each in pictures]
        seen = [
            (picture.pixels, finder.region(box, picture.pixels, self.region, self.faces))
            for picture, found in zip(pictures, boxes, strict=True)
            for box in found
        ]
        marked = self._marked(seen, self.refine)
        return [
            Faces([_face(box, *next(marked)) for box in found], picture, self.scheme)
            for picture, found in zip(pictures, boxes, strict=True)
        ]

    def region_about(self, points: NDArray[np.floating[Any]]) -> Region:
        """Where to look for a face that a moment ago was at these points (K, 2): the region of the
        last pass, so that a model with further passes needs no first one."""
        if self.refine:
            return refine_region(points)
        return face_region(np.array(points_box(points)), ABOUT_POINTS, self.faces)

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
        marked = self._marked(seen, passes, mirror=False)
        return [
            Face(points_box(points), math.nan, points, scores, sure, self.scheme, picture)
            for points, scores, sure in marked
        ]

    def points_in(
        self, image: Image, regions: Sequence[Region]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Points (N, K, 2) in source pixels for N regions, and scores (N, K) or None."""
        seen = [(image, region) for region in regions]
        marked = list(self._marked(seen, self.refine, mirror=False))
        points = np.stack([points for points, _, _ in marked])
        scores = [score for _, score, _ in marked if score is not None]
        return points, np.stack(scores) if scores else None

    def _marked(
        self, seen: Sequence[Seen], again: int, mirror: bool = True
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32] | None, float | None]]:
        """Points (K, 2) in source pixels, scores (K,) or None, and the confidence of each.
        ``again``: further passes; ``mirror``: whether the mirror may be asked for it."""
        for start in range(0, len(seen), BATCH):
            images, regions = zip(*seen[start : start + BATCH], strict=True)
            crops, units, scores = self._one_pass(images, regions)
            for _ in range(again):
                found = [r.to_source(unit) for r, unit in zip(regions, units, strict=True)]
                regions = tuple(map(refine_region, found))
                crops, units, scores = self._one_pass(images, regions)
            asked = mirror or scores is not None
            sure = self.confidences(crops, units, scores) if asked else np.full(len(units), np.nan)
            for i, region in enumerate(regions):
                points = region.to_source(units[i]).astype(np.float32)
                confidence = None if np.isnan(sure[i]) else float(sure[i])
                yield points, None if scores is None else scores[i], confidence

    def _one_pass(
        self, images: Sequence[Image], regions: Sequence[Region]
    ) -> tuple[Crops, Units, Scores]:
        crops = np.stack(
            [crop(i, r, self.input_size) for i, r in zip(images, regions, strict=True)]
        )
        units, scores = self.run(crops)
        self._require_points(units, scores)
        return crops, units, scores

    def _require_points(self, units: Units, scores: Scores) -> None:
        """Raises :class:`WeightsError` for answers that are no places, which nobody should draw."""
        near = np.abs(units) <= FARTHEST  # which no NaN is
        if not near.all() or (scores is not None and not np.isfinite(scores).all()):
            raise WeightsError(
                f"{self.name}: its network gives points that are not finite, or nowhere near the "
                "picture: the file is damaged, or the model was never trained; take another copy"
            )

    def confidences(self, crops: Crops, units: Units, scores: Scores) -> NDArray[np.float32]:
        """(N,) from 0 to 1: how sure the model is of each face's points.

        Where the head scores points (heat maps and the like), the mean of the scores. Else what the
        model says of the mirrored crop is held against what it says of the crop: exp(-d /
        ``DISAGREE``), with d the mean distance of points in sizes of the face. That is a second
        pass; with ``mirror_check = False``, and for a scheme without symmetry, there is none, and
        this gives NaN, and the face no confidence. Neither is a probability: they tell faces that
        went wrong from those that did not, within one model.
        """
        if scores is not None:
            return np.asarray(scores.mean(1), np.float32)
        if self.scheme.flip is None or not self.mirror_check:
            return np.full(len(crops), np.nan, np.float32)
        mirrored, _ = self.run(np.ascontiguousarray(crops[:, :, ::-1]))
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

    def draw(self, image: Image, faces: Sequence[Face]) -> Image:
        """A copy of the picture with contours, points and boxes."""
        return draw_faces(image, faces, self.scheme)


def _face(
    box: NDArray[np.float32],
    points: NDArray[np.float32],
    scores: NDArray[np.float32] | None,
    confidence: float | None,
) -> Face:
    x0, y0, x1, y1, score = (float(v) for v in box)
    return Face((x0, y0, x1, y1), score, points, scores, confidence)


def points_box(points: NDArray[np.floating[Any]]) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 about points (K, 2)."""
    (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
    return x0, y0, x1, y1


MOST_PIXELS = 32_000_000
"""Pixels of a batch's pictures together: what is held in memory at a time."""


def _batches(given: Sequence[PictureLike]) -> Iterator[list[Picture]]:
    """The pictures of a list, read when their turn comes: up to ``BATCH`` of them together, and no
    more pixels than ``MOST_PIXELS`` but for a single one. Raises :class:`DataError` that says
    which of the list is no picture."""
    batch: list[Picture] = []
    for number, each in enumerate(given):
        try:
            picture = Picture.of(each)
        except DataError as error:
            raise DataError(f"picture {number} of {len(given)}, from 0: {error}") from error
        pixels = sum(p.height * p.width for p in (*batch, picture))
        if batch and (len(batch) == BATCH or pixels > MOST_PIXELS):
            yield batch
            batch = []
        batch.append(picture)
    if batch:
        yield batch
