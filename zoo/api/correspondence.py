"""Which points of two schemes mark the same place of a face.

Where they do, what a model has learned of a point in one scheme serves it in the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from .schemes import IBUG68, WFLW98, LandmarkScheme

WFLW98_OF_IBUG68: tuple[int, ...] = (
    *range(0, 33, 2),  # jaw: every second of 33 points
    *range(33, 38),  # brows: the upper edges of two outlines
    *range(42, 47),
    *range(51, 60),  # nose
    *(60, 61, 63, 64, 65, 67),  # eyes: all but the middles of the lids, of eight points
    *(68, 69, 71, 72, 73, 75),
    *range(76, 96),  # mouth
)
"""Of each of the 68 points, its number among WFLW's 98. 30 of those have no partner: the jaw's
points in between, the brows' lower edges, the middles of the lids, the pupils."""

_KNOWN: Mapping[tuple[str, str], tuple[int, ...]] = {
    (IBUG68.name, WFLW98.name): WFLW98_OF_IBUG68,
}


def partners(target: LandmarkScheme, source: LandmarkScheme) -> dict[int, int]:
    """Of each point of ``target`` that marks the same place as one of ``source``, that one's
    number. Empty where nothing is known of the two."""
    if (target.name, target.names) == (source.name, source.names):
        return {i: i for i in range(len(target))}
    if (target.name, source.name) in _KNOWN:
        return dict(enumerate(_KNOWN[target.name, source.name]))
    back = _KNOWN.get((source.name, target.name), ())
    return {there: here for here, there in enumerate(back)}
