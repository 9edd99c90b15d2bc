"""The features of a backbone: maps, a vector or tokens. One forward pass shows which."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..api import FeatureInfo, PluginError, ZooError
from ..registry.entries import one_line


def probe(backbone: nn.Module, size: int, name: str, tokens: bool = False) -> FeatureInfo:
    """Channels, sizes and strides of what the backbone emits, or the layout of its ``tokens``, from
    one forward of zeros."""
    modes = {module: module.training for module in backbone.modules()}
    backbone.eval()
    try:
        with torch.no_grad():
            out = backbone(torch.zeros(1, 3, size, size))
    except (ZooError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # SystemExit among them
        raise PluginError(
            f"{name}: fails on an input of {size} px: {one_line(error)}; "
            "try another --set input_size"
        ) from error
    finally:
        for module, mode in modes.items():
            module.training = mode
    maps = [out] if isinstance(out, Tensor) else out
    is_maps = isinstance(maps, list | tuple) and all(isinstance(m, Tensor) for m in maps)
    if is_maps and (odd := [m.dtype for m in maps if not m.is_floating_point()]):
        raise PluginError(f"{name}: emits {odd[0]}, not decimal numbers")
    if tokens:
        return _layout(backbone, out, size, name)
    if isinstance(out, Tensor) and out.ndim == 2:
        return FeatureInfo((out.shape[1],))
    if not is_maps or not maps or any(m.ndim != 4 for m in maps):
        shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise PluginError(f"{name}: emits {shape}, not (B, C), (B, C, h, w) or a list of maps")
    return FeatureInfo(
        channels=tuple(m.shape[1] for m in maps),
        sizes=tuple((m.shape[2], m.shape[3]) for m in maps),
        strides=tuple(size / m.shape[2] for m in maps),
    )


def _layout(backbone: nn.Module, out: object, size: int, name: str) -> FeatureInfo:
    grid, extra = getattr(backbone, "token_grid", None), getattr(backbone, "extra_tokens", None)
    shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    if not isinstance(out, Tensor) or out.ndim != 3:
        raise PluginError(f"{name}: asked for tokens, it emits {shape}, not (B, N, C)")
    if type(grid) is not tuple or len(grid) != 2 or type(extra) is not int:
        raise PluginError(
            f"{name}: gives tokens and does not say how they lie: its module needs the attributes "
            "token_grid (rows, columns) and extra_tokens"
        )
    if out.shape[1] != extra + grid[0] * grid[1]:
        raise PluginError(
            f"{name}: gives {out.shape[1]} tokens and says {grid[0]} x {grid[1]} and {extra} extra"
        )
    return FeatureInfo((out.shape[2],), strides=(size / grid[0],), grid=grid, extra_tokens=extra)
