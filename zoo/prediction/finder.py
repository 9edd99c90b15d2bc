"""A detector as a prediction uses it: boxes of a picture, and the regions that they become."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import Detector, PluginError, ZooWarning
from ..fetching import NotFetchedError
from ..geometry import FacePlace, Region, face_region, frame_region
from ..registry import Entry, blaming, registry
from ..registry.call import call_with_options
from .face import Image

DETECTOR = ""
"""No detector by name: YuNet or, where its file cannot be had, OpenCV's cascades."""
YUNET, HAAR = "landmark-zoo/yunet", "landmark-zoo/haar"
"""Qualified, so that a namesake of a stranger's changes nothing."""

CUT_OUT = 512
"""Pixels: a picture that was cut out about a face is seldom larger; photographs are."""


@dataclass(frozen=True)
class Finder:
    """A detector that was built once, for one picture or for many."""

    plugin: Detector
    detect: Callable[[Image], NDArray[np.float32]]
    longest_side: int = 0
    """Pixels of the copy in which a larger picture is searched, where the detector has an option of
    this name; 0: pictures are searched as they are."""
    entry: Entry | None = None
    """Entry of the plugin, to name it in a message."""

    @property
    def name(self) -> str:
        """The plugin's id, without its distribution."""
        return self.entry.id if self.entry else ""

    @classmethod
    def of(cls, detector: str = DETECTOR, **options: Any) -> Finder:
        """The detector of that id with options of its own: ``Finder.of("haar", min_neighbors=4)``.

        Without an id it is ``yunet``. Where its file is not here and cannot be fetched, a warning
        says so and ``haar`` takes its place; options are yunet's, so with options it has no place.

        Raises :class:`PluginError` for an unknown id, :class:`UsageError` for an option that the
        detector does not take (it names those that it does as ``detector.KEY``), and
        :class:`DataError` for a detector whose file cannot be had.
        """
        if detector != DETECTOR:
            return cls._built(detector, options)
        try:
            return cls._built(YUNET, options)
        except NotFetchedError as error:
            if options:
                raise
            instead = "until then haar looks for faces, and finds fewer"
            warnings.warn(f"{error}; {instead}", ZooWarning, stacklevel=2)
            return cls._built(HAAR, {})

    @classmethod
    def _built(cls, detector: str, options: Mapping[str, Any]) -> Finder:
        found = registry("detector").resolve(detector)
        detect = call_with_options(found.entry, found.plugin.build, **options)
        return cls(found.plugin, detect, _longest_side(found.plugin, options), found.entry)

    def boxes(self, image: Image, path: str | Path = "") -> NDArray[np.float32]:
        """float32 (N, 5): x0, y0, x1, y1, score in source pixels, best first.

        ``path`` is where the picture came from: a detector that looks boxes up in a file needs it
        (:class:`zoo.api.Detector`), others never see it.
        """
        detect: Any = self.detect
        named = blaming(self.entry, "fails on a picture") if self.entry else nullcontext()
        with named:
            found = detect.for_picture(image, str(path)) if self.plugin.by_path else detect(image)
            boxes: NDArray[np.float32] = np.asarray(found, np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 5:
            name = self.entry.qualified if self.entry else ""
            raise PluginError(f"detector {name}: gives {boxes.shape} for boxes, not (N, 5)")
        return boxes

    def advice(self, height: int, width: int) -> str:
        """What may help where no face was found in a picture of that size: the end of a sentence
        that says so, with what separates it."""
        longer, shorter = max(height, width), min(height, width)
        name = self.entry.qualified if self.entry else ""
        if 0 < self.longest_side < longer:
            other = "" if name in ("", YUNET) else f"--detector {self.name} "
            return (
                f" in a copy that is {self.longest_side} pixels long; "
                f"{other}--set detector.longest_side=0 searches all {width} x {height}"
            )
        may_help = []
        if name == HAAR:
            may_help.append("it sees upright faces, --detector yunet tilted and small ones too")
        if name == YUNET:
            may_help.append("--set detector.min_score=0.4 takes less certain ones too")
        if longer <= CUT_OUT and shorter > longer / 2 and not self.plugin.whole_frame:
            may_help.append("--detector none is for a picture of one face and little else")
        return "".join(f"; {each}" for each in may_help)

    def region(
        self, box: NDArray[np.floating], image: Image, kind: str, faces: FacePlace
    ) -> Region:
        """What a model sees of the face in ``box``: ``kind`` and ``faces`` are the model's region
        and where faces were in it."""
        if self.plugin.whole_frame and kind == "frame":
            return frame_region(*image.shape[:2])
        return face_region(box, self.plugin.labelled, faces)


def _longest_side(plugin: Detector, options: Mapping[str, Any]) -> int:
    known = signature(plugin.build).parameters.get("longest_side")
    side = options.get("longest_side", known.default) if known else 0
    return side if isinstance(side, int) else 0
