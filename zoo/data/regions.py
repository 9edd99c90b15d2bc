"""The square of a frame that a model sees: the whole frame, a box about the face, or a close crop
about its points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..api import DataError
from ..geometry import Box, Region, box_region, frame_region, refine_region
from .table import SampleTable

CLOSE_ROOM = 1.5
"""Side of a close region, as a multiple of the side of a second pass's crop. A crop that is turned
by 30 degrees just fits; one that is also moved or widened may have a black corner, as at the edge
of a picture."""


class RegionRule(ABC):
    """Where the region lies in each frame of a table."""

    name: ClassVar[str]

    @abstractmethod
    def region(self, table: SampleTable, row: int, height: int, width: int) -> Region:
        """The region of a frame of ``height`` x ``width`` pixels. Raises :class:`DataError` for a
        frame that has none."""

    def depends_on(self, table: SampleTable, rows: NDArray[np.int64]) -> bytes:
        """What the regions of these rows depend on besides the pictures and their points, as bytes
        for the key of a store."""
        return b""


class WholeFrame(RegionRule):
    """The square about the whole frame."""

    name = "frame"

    def region(self, table: SampleTable, row: int, height: int, width: int) -> Region:
        return frame_region(height, width)


class FaceBox(RegionRule):
    """The square about the box that the data set gives."""

    name = "box"

    def region(self, table: SampleTable, row: int, height: int, width: int) -> Region:
        where, box = table.ids[row], table.boxes[row]
        if not np.isfinite(box).all():
            raise DataError(f"{where}: has no box; use --set region=frame")
        x0, y0, x1, y1 = (float(value) for value in box)
        if not (x0 < x1 and y0 < y1):
            raise DataError(f"{where}: its box {x0:g}, {y0:g}, {x1:g}, {y1:g} is empty")
        face: Box = (x0, y0, x1, y1)
        return box_region(face)

    def depends_on(self, table: SampleTable, rows: NDArray[np.int64]) -> bytes:
        return table.boxes[rows].astype("<f4").tobytes()


@dataclass(frozen=True, eq=False)
class CloseCrop(RegionRule):
    """The labelled points as a second pass would see them (:func:`zoo.geometry.refine_region`),
    with a margin for turning and moving that crop. Only training uses it."""

    name = "close"

    upright: NDArray[np.float64] | None = None
    """Points (K, 2) of an upright face: each crop is turned as its face is turned against these.
    None: crops are not turned."""

    def region(self, table: SampleTable, row: int, height: int, width: int) -> Region:
        visible = table.visible[row]
        labelled = table.points[row][visible]
        if not len(labelled):  # nothing to crop about, and nothing to learn
            return frame_region(height, width)
        close = refine_region(labelled, None if self.upright is None else self.upright[visible])
        return replace(close, side=close.side * CLOSE_ROOM)

    def depends_on(self, table: SampleTable, rows: NDArray[np.int64]) -> bytes:
        return b"" if self.upright is None else self.upright.astype("<f8").tobytes()


FRAME, BOX = WholeFrame(), FaceBox()

REGIONS: dict[str, RegionRule] = {rule.name: rule for rule in (FRAME, BOX)}
"""What a configuration's ``region`` can be."""
