"""Batch norm over all processes: each normalises its share of a batch by the whole batch's mean and
variance, so that two processes train what one trains.

Every call of ``torch.nn.functional.batch_norm`` is intercepted, whether a layer of torch or of a
plugin makes it. No layer is replaced, and weights keep their names. On a GPU, torch's own
``SyncBatchNorm`` does the work, which needs CUDA tensors; elsewhere this module computes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.modules._functions import SyncBatchNorm
from torch.overrides import TorchFunctionMode

from ..world import World


def one_batch(world: World) -> AbstractContextManager[object]:
    """Inside of it, the batch norms of all processes work as on one batch."""
    return _OneBatch(world) if world.size > 1 else nullcontext()


class _OneBatch(TorchFunctionMode):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        call = self._batch_norm if func is F.batch_norm else func
        return call(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """``torch.nn.functional.batch_norm`` of (B, C, ...) over the batches of all processes."""
        running = running_mean, running_var
        if not training:
            return F.batch_norm(input, *running, weight, bias, training, momentum, eps)
        if input.device.type == "cuda":
            rest = eps, momentum, torch.distributed.group.WORLD, self.world.size
            normed: Tensor = SyncBatchNorm.apply(input, weight, bias, *running, *rest)
            return normed
        mean, variance, count = self._statistics(input.float())
        if running_mean is not None and running_var is not None:
            running_mean.lerp_(mean.detach(), momentum)
            running_var.lerp_(variance.detach() * (count / (count - 1)), momentum)
        scale = (variance + eps).rsqrt()
        if weight is not None:
            scale = scale * weight
        shift = -mean * scale if bias is None else bias - mean * scale
        shape = (-1, *(1,) * (input.ndim - 2))
        return torch.addcmul(shift.view(shape), input, scale.view(shape)).to(input.dtype)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and variance (C,) over all processes, and the number of values behind them."""
        variance, mean = torch.var_mean(x, [0, *range(2, x.ndim)], correction=0)
        local = torch.cat((mean.new_tensor([x.numel() / x.shape[1]]), mean, variance))
        ranks = range(self.world.size)
        rows = [local if rank == self.world.rank else torch.zeros_like(local) for rank in ranks]
        table = _Total.apply(torch.stack(rows), self.world)
        counts, means, variances = table.split((1, len(mean), len(mean)), 1)
        count = counts.detach().sum()
        share = counts.detach() / count
        mean = (share * means).sum(0)
        return mean, (share * (variances + (means - mean) ** 2)).sum(0), count


class _Total(torch.autograd.Function):
    """The sum over processes, whose gradient is the sum of the processes' gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, world: World) -> Tensor:
        ctx.world = world
        return world.total(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.world.total(gradient), None
