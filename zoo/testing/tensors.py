"""What the checks of networks share: random inputs, features as tensors, comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from zoo.testing.failures import CheckNotRun

CLOSE = 1e-4
"""Fraction of the largest value: smaller differences come from another order of the sums."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch's random numbers from ``seed`` inside, and as before outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Normal random numbers, the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tensors_of(features: Any, owner: str = "output_rank") -> list[Tensor]:
    """The tensors that a backbone gives. Anything else is for the check ``owner`` to report."""
    maps = [features] if isinstance(features, Tensor) else features
    if isinstance(maps, list | tuple) and maps and all(isinstance(m, Tensor) for m in maps):
        return list(maps)
    raise CheckNotRun(owner, f"it gives a {type(features).__name__}")


def shapes(tensors: list[Tensor]) -> str:
    return ", ".join(str(tuple(t.shape)) for t in tensors)


def difference(a: list[Tensor], b: list[Tensor]) -> float:
    """The largest difference as a fraction of the largest value; infinite between other shapes.

    Places where both are the same NaN or infinity are equal.
    """
    if [t.shape for t in a] != [t.shape for t in b]:
        return float("inf")
    pairs = zip(a, b, strict=True)
    return max((_difference(one.detach(), other.detach()) for one, other in pairs), default=0.0)


def _difference(one: Tensor, other: Tensor) -> float:
    if one.numel() == 0 or torch.equal(one, other):
        return 0.0
    one, other = one.double(), other.double()
    same = (one == other) | (one.isnan() & other.isnan())
    gap = torch.where(same, 0.0, (one - other).abs()).nan_to_num(float("inf"), float("inf"))
    scale = torch.where(one.isfinite(), one.abs(), 0.0).max().clamp(min=1e-12)
    return float(gap.max() / scale)


def listed(names: list[str]) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
