"""Whether a backbone with the option ``stride`` or ``tokens`` gives what that asks for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from zoo.testing.failures import CheckFailed
from zoo.testing.tensors import shapes

STRIDES = (4, 16)


def takes_stride(build: Callable[..., Any]) -> bool:
    return "stride" in inspect.signature(build).parameters


def require_strides(give: Callable[[int], list[Tensor]], size: int) -> None:
    """``give`` builds the backbone for a stride and gives its output for images of ``size`` px.

    The output must be the maps from that stride to the coarsest, one of each size; if all maps are
    coarser, all of them.
    """
    maps = {stride: give(stride) for stride in STRIDES}
    for stride, found in maps.items():
        if any(m.ndim != 4 for m in found):
            raise CheckFailed(f"asked for stride {stride}, it gives {shapes(found)}, no maps")
        cells = [m.shape[-1] for m in found]
        if cells != sorted(set(cells), reverse=True):
            raise CheckFailed(
                f"asked for stride {stride}, it gives {shapes(found)}; one map of each size is "
                "wanted, from fine to coarse"
            )
        # padding rounds the size of a map up: 112 px are 4 cells of stride 32
        if len(cells) > 1 and cells[0] > math.ceil(size / stride):
            raise CheckFailed(
                f"asked for stride {stride}, it gives {shapes(found)}, the first finer than "
                f"{math.ceil(size / stride)} cells a side"
            )
    fine, coarse = (maps[stride] for stride in STRIDES)
    expected = [tuple(m.shape) for m in fine if m.shape[-1] <= math.ceil(size / STRIDES[1])]
    if [tuple(m.shape) for m in coarse] != (expected or [tuple(fine[-1].shape)]):
        raise CheckFailed(
            f"asked for stride {STRIDES[0]}, it gives {shapes(fine)}, and for stride {STRIDES[1]} "
            f"{shapes(coarse)}: the coarser maps should be the same"
        )


def takes_tokens(build: Callable[..., Any]) -> bool:
    return "tokens" in inspect.signature(build).parameters


def require_tokens(module: nn.Module, given: list[Tensor], size: int) -> None:
    """``given``: the output of the module, built for tokens, for one image."""
    grid, extra = getattr(module, "token_grid", None), getattr(module, "extra_tokens", None)
    if len(given) != 1 or given[0].ndim != 3:
        raise CheckFailed(f"asked for tokens, it gives {shapes(given)}, not (B, N, C)")
    if type(grid) is not tuple or len(grid) != 2 or type(extra) is not int:
        raise CheckFailed(
            f"asked for tokens, its module has token_grid {grid!r} and extra_tokens {extra!r}; "
            "(rows, columns) and a whole number are wanted"
        )
    if given[0].shape[1] != extra + grid[0] * grid[1]:
        raise CheckFailed(
            f"asked for tokens, it gives {given[0].shape[1]} at {size} px and says "
            f"{grid[0]} x {grid[1]} and {extra} extra"
        )
