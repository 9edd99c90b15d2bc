"""Landmark schemes: what the points of a data set mean, what a mirror does to their order, and
which points of two schemes mark the same place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LandmarkScheme:
    """Names and symmetry of K points.

    ``flip[i]`` is the index of the point that moves to index ``i`` when the image is mirrored; None
    where the symmetry is unknown (flips are then refused). Left and right are as in the image.

    Raises:
        ValueError: An index is out of range, or ``flip`` applied twice gives another order.

    Example:
        >>> from zoo.api import LandmarkScheme
        >>> scheme = LandmarkScheme("eyes", ("left", "right"), flip=(1, 0), eye_corners=(0, 1))
        >>> len(scheme)
        2
    """

    name: str
    names: tuple[str, ...]
    flip: tuple[int, ...] | None = None
    eye_corners: tuple[int, int] | None = None
    """Outer eye corners, left and right in the image, for the inter-ocular distance."""
    pupils: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """Points whose mean is a pupil, left and right in the image."""
    regions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    contours: tuple[tuple[tuple[int, ...], bool], ...] = ()
    """Polylines to draw: (indices, closed)."""

    def __post_init__(self) -> None:
        lines = (line for line, _ in self.contours)
        groups = (self.eye_corners or (), *(self.pupils or ()), *self.regions.values(), *lines)
        for i in (i for group in groups for i in group):
            if not 0 <= i < len(self.names):
                raise ValueError(f"{self.name}: there is no point {i} of {len(self.names)}")
        if self.flip is not None:
            if sorted(self.flip) != list(range(len(self.names))):
                raise ValueError(f"{self.name}: flip is no permutation of {len(self.names)} points")
            if any(self.flip[self.flip[i]] != i for i in range(len(self.names))):
                raise ValueError(f"{self.name}: flipping twice must give the points back")

    def __len__(self) -> int:
        return len(self.names)


def _numbered(regions: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    places = {i: f"{name}_{k}" for name, part in regions.items() for k, i in enumerate(part)}
    return tuple(places[i] for i in range(len(places)))


def _span(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


def _mirror(size: int, *pairs: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[int, ...]:
    """A flip permutation from pairs of ranges that swap places; other points stay."""
    flip = list(range(size))
    for left, right in pairs:
        for a, b in zip(left, right, strict=True):
            flip[a], flip[b] = b, a
    return tuple(flip)


def _back(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last - 1, -1))


_IBUG_REGIONS = {
    "jaw": _span(0, 16),
    "brow_left": _span(17, 21),
    "brow_right": _span(22, 26),
    "nose": _span(27, 35),
    "eye_left": _span(36, 41),
    "eye_right": _span(42, 47),
    "mouth": _span(48, 67),
}

IBUG68 = LandmarkScheme(
    name="ibug68",
    names=_numbered(_IBUG_REGIONS),
    flip=_mirror(
        68,
        (_span(0, 7), _back(16, 9)),
        (_span(17, 21), _back(26, 22)),
        (_span(31, 32), _back(35, 34)),
        (_span(36, 39), _back(45, 42)),
        (_span(40, 41), _back(47, 46)),
        (_span(48, 50), _back(54, 52)),
        (_span(58, 59), _back(56, 55)),
        (_span(60, 61), _back(64, 63)),
        ((67,), (65,)),
    ),
    eye_corners=(36, 45),
    pupils=(_span(36, 41), _span(42, 47)),
    regions=_IBUG_REGIONS,
    contours=(
        (_span(0, 16), False),
        (_span(17, 21), False),
        (_span(22, 26), False),
        (_span(27, 30), False),
        (_span(31, 35), False),
        (_span(36, 41), True),
        (_span(42, 47), True),
        (_span(48, 59), True),
        (_span(60, 67), True),
    ),
)
"""The 68 points of Multi-PIE / 300-W (Sagonas et al., 2013, iBUG)."""

_WFLW_REGIONS = {
    "jaw": _span(0, 32),
    "brow_left": _span(33, 41),
    "brow_right": _span(42, 50),
    "nose": _span(51, 59),
    "eye_left": _span(60, 67),
    "eye_right": _span(68, 75),
    "mouth": _span(76, 95),
    "pupils": (96, 97),
}

WFLW98 = LandmarkScheme(
    name="wflw98",
    names=_numbered(_WFLW_REGIONS),
    flip=_mirror(
        98,
        (_span(0, 15), _back(32, 17)),
        (_span(33, 37), _back(46, 42)),
        (_span(38, 41), _back(50, 47)),
        (_span(55, 56), _back(59, 58)),
        (_span(60, 64), _back(72, 68)),
        (_span(65, 67), _back(75, 73)),
        (_span(76, 78), _back(82, 80)),
        (_span(86, 87), _back(84, 83)),
        (_span(88, 89), _back(92, 91)),
        ((95,), (93,)),
        ((96,), (97,)),
    ),
    eye_corners=(60, 72),
    pupils=((96,), (97,)),
    regions=_WFLW_REGIONS,
    contours=(
        (_span(0, 32), False),
        (_span(33, 41), True),
        (_span(42, 50), True),
        (_span(51, 54), False),
        (_span(55, 59), False),
        (_span(60, 67), True),
        (_span(68, 75), True),
        (_span(76, 87), True),
        (_span(88, 95), True),
    ),
)
"""The 98 points of WFLW (Wu et al., Look at Boundary, CVPR 2018)."""


def generic_scheme(count: int) -> LandmarkScheme:
    """A scheme for points of which only the number is known.

    Args:
        count: Number of points, K.

    Returns:
        The scheme. Its symmetry is unknown, so flips are refused, and it has no eye corners.

    Example:
        >>> from zoo.api import generic_scheme
        >>> generic_scheme(2).names
        ('part_0', 'part_1')
    """
    return LandmarkScheme(name=f"points{count}", names=tuple(f"part_{i}" for i in range(count)))


WFLW98_OF_IBUG68: tuple[int, ...] = (
    *range(0, 33, 2),  # jaw: every second of 33 points
    *range(33, 38),  # brows: the upper edges of two outlines
    *range(42, 47),
    *range(51, 60),  # nose
    *(60, 61, 63, 64, 65, 67),  # eyes: all but the middles of the lids, of eight points
    *(68, 69, 71, 72, 73, 75),
    *range(76, 96),  # mouth
)
"""Index of each of the 68 points among WFLW's 98. 30 of WFLW's points have no partner: the jaw's
points in between, the brows' lower edges, the middles of the lids, the pupils."""

_KNOWN: Mapping[tuple[str, str], tuple[int, ...]] = {
    (IBUG68.name, WFLW98.name): WFLW98_OF_IBUG68,
}


def partners(target: LandmarkScheme, source: LandmarkScheme) -> dict[int, int]:
    """Points that mark the same place: the index in ``source`` by the index in ``target``.

    Empty where no correspondence of the two schemes is known."""
    if (target.name, target.names) == (source.name, source.names):
        return {i: i for i in range(len(target))}
    if (target.name, source.name) in _KNOWN:
        return dict(enumerate(_KNOWN[target.name, source.name]))
    inverse = _KNOWN.get((source.name, target.name), ())
    return {in_target: in_source for in_source, in_target in enumerate(inverse)}
