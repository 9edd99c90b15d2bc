"""Replaces operations that torch's exporter cannot write by others that it can.

ONNX has no adaptive average pooling. The exporter can write it where the size of the output divides
the size of the input, such as 14 x 14 cells to 7 x 7, and fails elsewhere: vgg19's classifier needs
7 x 7 cells, and an input of 112 pixels gives it 3 x 3. Along one axis, this pooling is a mean over
runs of cells: a constant matrix, once the sizes are known. Over two axes, it is two such matrices.

Sizes are replaced by numbers, too. Only the size of the batch is free; a tracer would trace every
other size through the network as well, and the graph would compute paddings anew for each picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Sides = int | Sequence[int | None]
"""Size of an output: one number for both sides, or rows and columns; None leaves a side alone."""

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
    """Pool maps (B, C, h, w) as ``F.adaptive_avg_pool2d`` does."""
    rows, columns = (int(side) for side in maps.shape[-2:])
    high, wide = _both(output_size)
    down, across = averaging(rows, high or rows), averaging(columns, wide or columns)
    return down.to(maps) @ maps @ across.to(maps).T


class InOtherWords(TorchFunctionMode):
    """A context that replaces operations while a network is traced.

    Adaptive pooling that ONNX cannot express becomes :func:`pool`. ``.mT``, which the exporter does
    not know (2.14), becomes a transpose. Sizes become numbers, except those that may depend on the
    batch.
    """

    def __init__(self, batch: int) -> None:
        """``batch``: size of the traced batch, a number that divides few other sizes. Sizes that it
        divides may depend on the batch, and stay traced."""
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
            return self._as_number(func(*args, **kwargs))
        return func(*args, **kwargs)

    def _as_number(self, size: Any) -> Any:
        """A size, or a :class:`torch.Size` of several, as numbers where the batch has no part."""
        if isinstance(size, torch.Size):
            return torch.Size([self._as_number(each) for each in size])
        return int(size) if int(size) % self.batch else size


def _pool(input: Tensor, output_size: Sides) -> Tensor:
    return pool(input, output_size)


def _divides(input: Tensor, output_size: Sides) -> bool:
    pairs = zip(_both(output_size), input.shape[-2:], strict=True)
    return all(out is None or int(size) % out == 0 for out, size in pairs)


def _both(sides: Sides) -> Sequence[int | None]:
    return (sides, sides) if isinstance(sides, int) else sides
