"""Faces at any angle: one that the model is not sure of is looked at turned by a quarter, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..geometry import QUARTER, Region
from .face import Image
from .network import Mark, Network, Seen

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


def marks_at_any_angle(network: Network, looks: Sequence[Look]) -> list[Mark]:
    """The best mark of each: as it is or, where the network is not sure of it, turned by another
    quarter. All quarters of all that need it go through the network together."""
    marks = network.marks([look.turned(0) for look in looks], network.refine)
    poor = [i for i, mark in enumerate(marks) if _is_poor(mark)]
    again = [looks[i].turned(quarters) for i in poor for quarters in (1, 2, 3)]
    tried = network.marks(again, network.refine)
    for place, i in enumerate(poor):
        marks[i] = max(marks[i], *tried[3 * place :][:3], key=lambda mark: mark.score)
    return marks


def _is_poor(mark: Mark) -> bool:
    """Whether the face may be turned. Only of a calibrated model it is known what is low."""
    return mark.confidence is not None and mark.confidence < TURN_BELOW
