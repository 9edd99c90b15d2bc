"""Turns the stored points of a face into coordinates, and tells which of them are labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError, UsageError


def checked_missing(missing: object) -> tuple[float, float] | None:
    """The option ``missing``: the place, as a file writes it, that means a point has no label.

    Raises :class:`UsageError` for what is no pair of numbers.
    """
    if missing is None:
        return None
    if isinstance(missing, list | tuple) and len(missing) == 2:
        x, y = missing
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in (x, y)):
            return float(x), float(y)
    raise UsageError(
        f'dataset.missing: {missing!r} is no place; as in --set "dataset.missing=[0, 0]"'
    )


def labelled(
    points: NDArray[np.float64], missing: Sequence[float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Points (K, 2), with zeros for those that are NaN or at ``missing``, and a mask (K,) of those
    that have a label.

    Raises :class:`DataError` where no point has one.
    """
    absent = np.isnan(points).any(1)
    if missing is not None:
        absent |= (points == np.asarray(missing)).all(1)
    visible = np.asarray(~absent, np.bool_)
    if not visible.any():
        raise DataError(f"not one of its {len(points)} points has a label")
    return np.where(visible[:, None], points, 0.0), visible
