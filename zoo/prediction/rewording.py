"""Operations that torch's exporter cannot write, said in others that it can.

ONNX has no adaptive average pooling. The exporter writes it where the output divides the input,
14 x 14 cells to 7 x 7, and gives up elsewhere: vgg19's classifier wants 7 x 7 cells, and gets 3 x 3
of an input of 112 pixels. Along one axis it is a mean over runs of cells, a constant matrix once
sizes are known; along two axes it is one after the other.

And sizes are numbers: the batch alone is free, and a tracer would follow every other size through
the network as well, and have paddings computed anew for each picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Sides = int | Sequence[int | None]
"""Sides of an output: one for both, or rows and columns, where None leaves a side as it is."""

_MT = cast(Any, torch.Tensor.mT).__get__
_SHAPE = cast(Any, torch.Tensor.shape).__get__


def averaging(cells: int, wanted: int) -> Tensor:
    """(wanted, cells): output i is the mean of the cells floor(i cells / wanted) to, not including,
    ceil((i + 1) cells / wanted), as torch defines it."""
    matrix = torch.zeros(wanted, cells)
    for i in range(wanted):
        first, end = i * cells // wanted, -(-(i + 1) * cells // wanted)
        matrix[i, first:end] = 1 / (end - first)
    return matrix


def pool(maps: Tensor, output_size: Sides) -> Tensor:
    """What ``F.adaptive_avg_pool2d`` gives of maps (B, C, h, w)."""
    rows, columns = (int(side) for side in maps.shape[-2:])
    high, wide = _both(output_size)
    down, across = averaging(rows, high or rows), averaging(columns, wide or columns)
    return down.to(maps) @ maps @ across.to(maps).T


class InOtherWords(TorchFunctionMode):
    """A context in which :func:`pool` pools where ONNX cannot, ``.mT``, of which the exporter has
    not heard (2.14), is a transpose, and all sizes are numbers but those that follow the batch."""

    def __init__(self, batch: int) -> None:
        """``batch``: images of the traced batch, a number that divides few other sizes. Sizes that
        it divides may be the batch's, and are followed."""
        super().__init__()
        self.batch = batch

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.adaptive_avg_pool2d and not _divides(*args, **kwargs):
            return _pool(*args, **kwargs)
        if func == _MT:
            return args[0].transpose(-2, -1)
        if func == _SHAPE or func is Tensor.size:
            return self._known(func(*args, **kwargs))
        return func(*args, **kwargs)

    def _known(self, found: Any) -> Any:
        """A size, or a :class:`torch.Size` of them, with numbers for all that are known."""
        if isinstance(found, torch.Size):
            return torch.Size([self._known(each) for each in found])
        return int(found) if int(found) % self.batch else found


def _pool(input: Tensor, output_size: Sides) -> Tensor:
    return pool(input, output_size)


def _divides(input: Tensor, output_size: Sides) -> bool:
    pairs = zip(_both(output_size), input.shape[-2:], strict=True)
    return all(side is None or int(there) % side == 0 for side, there in pairs)


def _both(sides: Sides) -> Sequence[int | None]:
    return (sides, sides) if isinstance(sides, int) else sides
