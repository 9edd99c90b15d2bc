"""How a prediction uses a face detector: it finds boxes in a picture and makes regions of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import Detector, PluginError
from ..api.notices import warn
from ..fetching import NotFetchedError
from ..geometry import QUARTER, FacePlace, Region, face_region, frame_region
from ..registry import Entry, blaming, registry
from ..registry.call import call_with_options
from .face import Image

DETECTOR = ""
"""The default: YuNet or, where its file cannot be fetched, OpenCV's cascades."""
YUNET, HAAR = "landmark-zoo/yunet", "landmark-zoo/haar"
"""Ids with the distribution, so that another package's detector of the same name is not taken."""

CUT_OUT = 512
"""Pixels: a picture that was cut out around a face is seldom larger; photographs are."""


@dataclass(frozen=True)
class Finder:
    """A detector that was built once, for one picture or for many."""

    plugin: Detector
    detect: Callable[[Image], NDArray[np.float32]]
    longest_side: int = 0
    """Longer side, in pixels, of the copy in which a larger picture is searched: the detector's
    option of this name. 0: pictures are searched as they are."""
    entry: Entry | None = None
    """Entry of the plugin, to name it in a message."""

    @property
    def name(self) -> str:
        """The plugin's id, without its distribution."""
        return self.entry.id if self.entry else ""

    @classmethod
    def of(cls, detector: str = DETECTOR, **options: Any) -> Finder:
        """Build the detector of that id with its options: ``Finder.of("haar", min_neighbors=4)``.

        Without an id it is ``yunet``. Where yunet's file is missing and cannot be fetched, ``haar``
        is used instead, with a warning. With options there is no replacement, since the options are
        yunet's.

        Raises :class:`PluginError` for an unknown id, :class:`UsageError` for an option that the
        detector does not take (the message lists its options as ``detector.KEY``), and
        :class:`DataError` for a detector whose file is missing and cannot be fetched.
        """
        if detector != DETECTOR:
            return cls._built(detector, options)
        try:
            return cls._built(YUNET, options)
        except NotFetchedError as error:
            if options:
                raise
            instead = "until then haar looks for faces, and finds fewer"
            warn(f"{error}; {instead}")
            return cls._built(HAAR, {})

    @classmethod
    def _built(cls, detector: str, options: Mapping[str, Any]) -> Finder:
        found = registry("detector").resolve(detector)
        detect = call_with_options(found.entry, found.plugin.build, **options)
        return cls(found.plugin, detect, _longest_side(found.plugin, options), found.entry)

    @classmethod
    def of_boxes(cls, *boxes: Sequence[float]) -> Finder:
        """Use fixed boxes in place of a detector: every picture has these, (x0, y0, x1, y1) in its
        pixels. They must be boxes of the points themselves."""
        rows = np.array([(*box, 1.0) for box in boxes], np.float32).reshape(-1, 5)

        def detect(image: Image) -> NDArray[np.float32]:
            return rows

        return cls(Detector(build=lambda: detect), detect)

    def boxes(self, image: Image, path: str | Path = "") -> NDArray[np.float32]:
        """float32 (N, 5): x0, y0, x1, y1, score in source pixels, best first.

        ``path`` is where the picture came from: a detector that looks boxes up in a file needs it
        (:class:`zoo.api.Detector`), others do not get it.
        """
        detect: Any = self.detect
        blame = blaming(self.entry, "fails on a picture") if self.entry else nullcontext()
        with blame:
            found = detect.for_picture(image, str(path)) if self.plugin.by_path else detect(image)
            boxes: NDArray[np.float32] = np.asarray(found, np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 5:
            name = self.entry.qualified if self.entry else ""
            raise PluginError(f"detector {name}: gives {boxes.shape} for boxes, not (N, 5)")
        return boxes

    def advice(self, height: int, width: int) -> str:
        """Advice for a picture of that size in which no face was found. It is the end of a message
        and begins with its separator."""
        longer, shorter = max(height, width), min(height, width)
        name = self.entry.qualified if self.entry else ""
        if 0 < self.longest_side < longer:
            other = "" if name in ("", YUNET) else f"--detector {self.name} "
            return (
                f" in a copy that is {self.longest_side} pixels long; "
                f"{other}--set detector.longest_side=0 searches all {width} x {height}"
            )
        hints = []
        if name == HAAR:
            hints.append("it sees upright faces, --detector yunet tilted and small ones too")
        if name == YUNET:
            hints.append("--set detector.min_score=0.4 takes less certain ones too")
        if longer <= CUT_OUT and shorter > longer / 2 and not self.plugin.whole_frame:
            hints.append("--detector none is for a picture of one face and little else")
        return "".join(f"; {each}" for each in hints)

    def search(self, image: Image, path: str | Path = "") -> tuple[NDArray[np.float32], float]:
        """The boxes of a picture, and the angle by which their faces are turned, in radians.

        Where a detector of upright faces finds nothing, it also searches the picture turned by one,
        three and two quarters, until it finds something.
        """
        boxes = self.boxes(image, path)
        any_angle = self.plugin.any_angle or self.plugin.by_path or self.plugin.whole_frame
        if len(boxes) or any_angle:
            return boxes, 0.0
        for quarters in (1, 3, 2):  # a camera on its side is more common than one upside down
            # rot90 turns anticlockwise, so the faces that it makes upright were turned clockwise
            found = self.boxes(np.ascontiguousarray(np.rot90(image, quarters)), path)
            if len(found):
                return _turned_back(found, image.shape[:2], quarters), quarters * QUARTER
        return boxes, 0.0

    def region(
        self,
        box: NDArray[np.floating],
        image: Image,
        kind: str,
        faces: FacePlace,
        angle: float = 0.0,
    ) -> Region:
        """The region of the face in ``box`` that a model sees. ``kind`` is the kind of region that
        the model was trained on, ``faces`` says where faces were in it, and ``angle`` is the angle
        by which the face is turned."""
        if self.plugin.whole_frame and kind == "frame":
            height, width = image.shape[:2]
            return frame_region(height, width, angle)
        return face_region(box, self.plugin.labelled, faces, angle)


def _turned_back(
    boxes: NDArray[np.float32], shape: tuple[int, ...], quarters: int
) -> NDArray[np.float32]:
    """Convert boxes back to the picture of ``shape`` (H, W), which ``numpy.rot90`` turned
    ``quarters`` times before the search."""
    x0, y0, x1, y1, score = boxes.T
    height, width = shape
    for turns in range(quarters, 0, -1):
        # one turn back: the turned x is y of the picture before, the turned y runs against its x
        before = width if turns % 2 else height
        x0, y0, x1, y1 = before - 1 - y1, x0, before - 1 - y0, x1
    return np.stack((x0, y0, x1, y1, score), axis=1)


def _longest_side(plugin: Detector, options: Mapping[str, Any]) -> int:
    known = signature(plugin.build).parameters.get("longest_side")
    side = options.get("longest_side", known.default) if known else 0
    return side if isinstance(side, int) else 0
