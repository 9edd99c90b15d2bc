"""The landmark scheme for a number of points, with the user's options ``pairs`` and ``eyes``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zoo.api import IBUG68, WFLW98, LandmarkScheme, UsageError, generic_scheme


def scheme_of(
    count: int,
    pairs: Sequence[Sequence[int]] | None = None,
    eyes: Sequence[int] | None = None,
) -> LandmarkScheme:
    """68 points are iBUG's and 98 WFLW's; of any other number no symmetry is known.

    ``pairs`` are points that a mirror exchanges, as in ``[[0, 1], [3, 4]]``; all others lie in the
    middle. ``eyes`` are two points, the left and the right one in the image; errors are divided by
    their distance. With either option, the scheme is the user's own, also for 68 or 98 points.
    Raises :class:`UsageError` for an option that names no valid pair of points.
    """
    if pairs is None and eyes is None:
        known = {len(IBUG68): IBUG68, len(WFLW98): WFLW98}
        return known.get(count) or generic_scheme(count)
    scheme = generic_scheme(count)
    if pairs is not None:
        flip = list(range(count))
        for pair in pairs:
            a, b = _two_points("pairs", pair, count)
            if (flip[a], flip[b]) != (a, b):
                raise UsageError(f"dataset.pairs = {pairs}: a point stands in two pairs")
            flip[a], flip[b] = b, a
        scheme = replace(scheme, flip=tuple(flip))
    if eyes is not None:
        scheme = replace(scheme, eye_corners=_two_points("eyes", eyes, count))
    return scheme


def _two_points(option: str, pair: Sequence[int], count: int) -> tuple[int, int]:
    if (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(type(index) is int and 0 <= index < count for index in pair)
        and pair[0] != pair[1]
    ):
        return pair[0], pair[1]
    raise UsageError(
        f"dataset.{option}: {pair!r} is no pair of two points of 0 to {count - 1}; "
        'as in --set "dataset.pairs=[[0, 1], [3, 4]]" --set "dataset.eyes=[0, 1]"'
    )
