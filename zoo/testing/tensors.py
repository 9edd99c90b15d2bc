"""What the checks of networks share: random inputs, features as tensors, comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from zoo.testing.failures import CheckFailed, CheckNotRun

CLOSE = 1e-4
"""Of the largest value: smaller differences come from the order of sums, not from other results."""


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
    """The tensors that a backbone gives. What is no tensor is the business of ``owner``."""
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
    worst = 0.0
    for one, other in zip(a, b, strict=True):
        if one.numel() == 0:
            continue
        one, other = one.detach().double(), other.detach().double()
        same = (one == other) | (one.isnan() & other.isnan())
        gap = torch.where(same, 0.0, (one - other).abs()).nan_to_num(float("inf"), float("inf"))
        scale = torch.where(one.isfinite(), one.abs(), 0.0).max().clamp(min=1e-12)
        worst = max(worst, float(gap.max() / scale))
    return worst


def same_state(a: nn.Module, b: nn.Module) -> str:
    """The name of the first tensor that differs between two states; empty: none does."""
    one, other = a.state_dict(), b.state_dict()
    if one.keys() != other.keys():
        return sorted(one.keys() ^ other.keys())[0]
    for name, tensor in one.items():
        if not isinstance(tensor, Tensor) or not torch.equal(tensor, other[name]):
            return str(name)
    return ""


def listed(names: list[str]) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def require_gradients(module: nn.Module) -> None:
    """After a backward pass: every trainable parameter has a gradient, and a finite one."""
    trainable = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    if dead := [name for name, p in trainable if p.grad is None]:
        raise CheckFailed(
            f"{len(dead)} of {len(trainable)} trainable parameters get no gradient, so they would "
            f"never learn: {listed(dead)}; do not build what is not used, or freeze it"
        )
    broken = [n for n, p in trainable if p.grad is not None and not p.grad.isfinite().all()]
    if broken:
        raise CheckFailed(f"the gradient is not finite for {listed(broken)}")


def silence_dropout(module: nn.Module) -> None:
    """Dropout of every sort stays in eval mode while the rest trains: nn's, and timm's DropPath."""
    for part in module.modules():
        if "drop" in type(part).__name__.lower():
            part.eval()


def checked_state(module: nn.Module) -> Mapping[str, Tensor]:
    """The state, which must be tensors alone: a run keeps nothing else."""
    state = module.state_dict()
    odd = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if odd:
        raise CheckFailed(f"its state_dict holds what is no tensor: {listed(odd)}")
    return state
