"""Which pictures are copies of one another: exact, saved again, or mirrored.

A thumbnail's signature is a perceptual hash: whether each of the 255 lowest cosine coefficients,
without the mean, is above their median (Zauner, Implementation and Benchmarking of Perceptual Image
Hash Functions, 2010, with 16 x 16 coefficients instead of 8 x 8). Two pictures are *near-copies*
when their signatures differ in at most 32 of the 255 bits and their thumbnails correlate by .9 or
more, in either view: the face or the whole frame.

Both limits were chosen on 3570 real frames of 293 people: docs/results/robustness.md. Copies that
were compressed, rescaled, brightened or blurred differ in at most 28 bits, different people in at
least 60. The usual 64 bits do not separate the two: there copies differ in up to 10 bits, while 71
pairs of different people differ in at most 8. The correlation is for pictures that show little,
whose signatures are noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .pictures import SIDE, Pictures, Thumbnail

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

LOW = 16
BITS = LOW * LOW - 1
NEAR = 32
"""Near-copies differ in at most this many bits of their signatures."""

ALIKE = 0.9
"""Least correlation between the thumbnails of near-copies."""

FLAT = 2.0
"""A thumbnail with a smaller standard deviation, in grey levels, shows nothing recognisable."""

BLOCK = 512


@dataclass(frozen=True)
class Pairs:
    """P pairs of rows that show the same picture, closest first."""

    first: Rows
    second: Rows
    """(P,) rows; first < second."""
    distance: Rows
    """(P,) different bits, in the closer view."""
    identical: NDArray[np.bool_]
    """(P,) whether both have the same pixels."""
    mirrored: NDArray[np.bool_]
    """(P,) whether one is the mirror image of the other."""

    def __len__(self) -> int:
        return len(self.first)

    def among(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Only the ``chosen`` pairs (P,)."""
        return Pairs(
            self.first[chosen],
            self.second[chosen],
            self.distance[chosen],
            self.identical[chosen],
            self.mirrored[chosen],
        )


def signatures(thumbnails: Thumbnail, mirrored: bool = False) -> Floats:
    """(N, 32, 32) to (N, 255) of +1 and -1. ``mirrored`` gives those of the mirror images."""
    steps = np.arange(SIDE)
    basis = np.cos(np.pi * (2 * steps + 1) * steps[:LOW, None] / (2 * SIDE))
    # as in the orthonormal transform, so that all coefficients have equal weight
    basis[0] /= np.sqrt(2)
    low = basis @ thumbnails.astype(np.float64) @ basis.T
    if mirrored:
        low[:, :, 1::2] *= -1  # mirroring negates the horizontally odd coefficients
    low = low.reshape(len(low), LOW * LOW)[:, 1:]
    above = low > np.median(low, axis=1, keepdims=True)
    return np.where(above, np.float32(1), np.float32(-1))


def find_copies(pictures: Pictures) -> Pairs:
    """Every pair of readable frames that show the same picture. Makes N^2 / 2 comparisons."""
    found = [_identical(pictures)]
    for thumbnails in (pictures.faces, pictures.frames):
        plain, shows = signatures(thumbnails), pictures.readable & _shows_something(thumbnails)
        for mirrored in (False, True):
            other = signatures(thumbnails, mirrored=True) if mirrored else plain
            first, second, distance = _close(plain, other, np.flatnonzero(shows))
            alike = _correlation(thumbnails, first, second, mirrored) >= ALIKE
            rank = 2 * distance[alike] + mirrored
            found.append(np.stack((first[alike], second[alike], rank), axis=1))
    first, second, rank = np.concatenate(found).T

    # a pair that was found in several ways counts once, with its least rank
    order = np.lexsort((rank, second, first))
    pair_ids = first[order] * len(pictures.readable) + second[order]
    _, unique = np.unique(pair_ids, return_index=True)
    kept = order[unique]
    kept = kept[np.argsort(rank[kept], kind="stable")]
    rank = rank[kept]
    return Pairs(
        first=first[kept],
        second=second[kept],
        distance=np.maximum(rank, 0) // 2,
        identical=rank < 0,
        mirrored=rank % 2 == 1,
    )


def _identical(pictures: Pictures) -> Rows:
    """Pairs with the same pixels, (P, 3): two rows and the rank -2, which precedes all others."""
    owners: dict[bytes, list[int]] = {}
    for row in np.flatnonzero(pictures.readable).tolist():
        owners.setdefault(pictures.digests[row], []).append(row)
    pairs = [(a, b, -2) for rows in owners.values() for a, b in combinations(rows, 2)]
    return np.array(pairs, np.int64).reshape(-1, 3)


def _close(plain: Floats, other: Floats, rows: Rows) -> tuple[Rows, Rows, Rows]:
    """Pairs among ``rows`` whose signatures are close: first < second, and the bits that differ.

    The product of two signatures is the number of equal bits minus the number of different bits. It
    is exact in float32, so a matrix product compares a whole block at once. Popcounts of packed
    bits are not faster, and numpy has them only since version 2.
    """
    plain, other = plain[rows], other[rows]
    found = [np.empty((3, 0), np.int64)]
    for start in range(0, len(rows), BLOCK):
        agreement = plain[start : start + BLOCK] @ other[start:].T
        first, second = np.nonzero(np.triu(agreement >= BITS - 2 * NEAR, k=1))
        distance = (BITS - agreement[first, second].astype(np.int64)) // 2
        found.append(np.stack((rows[first + start], rows[second + start], distance)))
    first, second, distance = np.concatenate(found, axis=1)
    return first, second, distance


def _correlation(thumbnails: Thumbnail, first: Rows, second: Rows, mirrored: bool) -> Floats:
    """Correlation of each pair's grey values, (P,)."""
    result = np.empty(len(first), np.float32)
    for start in range(0, len(first), 16 * BLOCK):
        part = slice(start, start + 16 * BLOCK)
        a, b = thumbnails[first[part]], thumbnails[second[part]]
        x, y = _standard(a), _standard(b[:, :, ::-1] if mirrored else b)
        result[part] = (x * y).mean((1, 2))
    return result


def _standard(thumbnails: Thumbnail) -> Floats:
    grey = thumbnails.astype(np.float32)
    grey -= grey.mean((1, 2), keepdims=True)
    return np.asarray(grey / np.maximum(grey.std((1, 2), keepdims=True), 1e-6), np.float32)


def _shows_something(thumbnails: Thumbnail) -> NDArray[np.bool_]:
    flat = thumbnails.reshape(len(thumbnails), -1)
    return np.array([row.std() >= FLAT for row in flat], np.bool_)
