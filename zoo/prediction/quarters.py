"""Faces at any angle: where the model is not sure, it also sees the face turned by quarters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..geometry import QUARTER, Region
from .face import Image
from .network import ImageRegion, Mark, Network

TURN_BELOW = 0.5
"""Confidence below which a face may be turned: the other quarter turns are then tried."""


@dataclass(frozen=True)
class Candidate:
    """A box of a picture, of which crops at any angle can be made."""

    image: Image
    region: Callable[[float], Region]
    """Gives the region that shows the face upright, if the face is turned by this many radians."""
    angle: float
    """The angle of the face, as far as the detector knows it."""

    def turned(self, quarters: int) -> ImageRegion:
        return self.image, self.region(self.angle + quarters * QUARTER)


def marks_at_any_angle(network: Network, candidates: Sequence[Candidate]) -> list[Mark]:
    """The best mark of each box: at the detector's angle or, where the network is not sure, turned
    by one, two or three quarters. All turned crops go through the network together."""
    marks = network.marks([candidate.turned(0) for candidate in candidates], network.refine)
    unsure = [i for i, mark in enumerate(marks) if _is_unsure(mark)]
    turned = [candidates[i].turned(quarters) for i in unsure for quarters in (1, 2, 3)]
    turned_marks = network.marks(turned, network.refine)
    for place, i in enumerate(unsure):
        marks[i] = max(marks[i], *turned_marks[3 * place :][:3], key=lambda mark: mark.score)
    return marks


def _is_unsure(mark: Mark) -> bool:
    """Whether the face may be turned. This is known of a calibrated model only."""
    return mark.confidence is not None and mark.confidence < TURN_BELOW
