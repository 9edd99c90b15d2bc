"""Small tensors brought to the device of a batch; nothing here waits for it."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """Small sums are done on the CPU, where the draws are: starting a kernel takes a GPU longer
    than the sum. The copy is queued behind the kernels before it; nothing waits."""
    return values.to(device, non_blocking=True)


@lru_cache
def constant(
    values: tuple[float, ...], device: torch.device, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Put a list on the device once: making a tensor there from a list waits for the device."""
    return torch.tensor(values, device=device, dtype=dtype)
