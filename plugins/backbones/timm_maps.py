"""Selects the feature maps of a timm model, and makes its forward give them instead of classes.

This is no plugin: the family of timm uses it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def indices_from(model: Any, size: int, stride: float) -> list[int]:
    """Indices of the maps from ``stride`` to the coarsest, the deepest of each size; at least one.
    The last alone is -1.

    They are found with one image: timm does not tell for every model which stride a map has at this
    size (where a network pads, 112 px are 4 cells of stride 32).
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()  # batch norms keep their statistics, dropout draws no random numbers
    image = torch.zeros(1, 3, size, size, device=next(model.parameters()).device)
    with torch.no_grad():
        maps: list[Tensor] = model.forward_intermediates(
            image, output_fmt="NCHW", intermediates_only=True
        )
    for module, mode in modes.items():
        module.training = mode
    deepest = {each.shape[2]: index for index, each in enumerate(maps)}
    indices = [index for cells, index in deepest.items() if cells <= math.ceil(size / stride)]
    indices = sorted(indices) or [deepest[min(deepest)]]
    return [-1] if indices == [len(maps) - 1] else indices


def emit_maps(model: Any, indices: list[int], norm: bool, tokens: bool = False) -> None:
    """Let the model's forward give maps instead of classes, or the tokens of its last block.

    The model's class is replaced by a subclass. A wrapper around the model would add a prefix to
    every tensor's name, and published weights would not fit.
    """
    model.__class__ = _maps_class(type(model))
    model.map_indices, model.map_norm = list(indices), norm
    if tokens:
        model.token_grid = tuple(model.patch_embed.grid_size)
        model.extra_tokens = model.num_prefix_tokens


class GivesMaps(nn.Module):
    """Mixed into a class of timm, to give its maps ``map_indices``, with its final norm where
    ``map_norm`` is true.

    It calls ``forward_intermediates``, as timm's own feature getter does, which gives (B, C, h, w)
    also for models that work on (B, h, w, C) or on tokens.
    """

    map_indices: list[int]
    map_norm: bool
    token_grid: tuple[int, int] | None = None
    """Rows and columns of tokens, where tokens are given instead of maps."""

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        model: Any = self
        if self.token_grid is not None:
            return self._tokens(images)
        maps: list[Tensor] = model.forward_intermediates(
            images,
            indices=self.map_indices,
            norm=self.map_norm,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        return maps[0] if len(maps) == 1 else maps

    def _tokens(self, images: Tensor) -> Tensor:
        """(B, extra + h w, C): the extra tokens, such as the class token, come first."""
        model: Any = self
        [last] = model.forward_intermediates(
            images,
            indices=self.map_indices,
            norm=self.map_norm,
            output_fmt="NLC",
            return_prefix_tokens=model.extra_tokens > 0,
            intermediates_only=True,
        )
        if not model.extra_tokens:
            tokens: Tensor = last
            return tokens
        patch_tokens, extra_tokens = last
        return torch.cat((extra_tokens, patch_tokens), 1)

    def __reduce__(self) -> tuple[Any, ...]:
        # The subclass is made when a model is built, so pickle cannot import it by name. The pickle
        # holds timm's class instead, from which the subclass is made again.
        return _empty, (type(self).__bases__[1],), self.__dict__


_CLASSES: dict[type[nn.Module], Any] = {}
"""The subclass that gives maps, by timm's class. All models of a class share it, copies too."""


def _maps_class(timm_class: type[nn.Module]) -> Any:
    if timm_class not in _CLASSES:
        _CLASSES[timm_class] = type(f"{timm_class.__name__}Maps", (GivesMaps, timm_class), {})
    return _CLASSES[timm_class]


def _empty(timm_class: type[nn.Module]) -> Any:
    """An empty module of the subclass, whose content pickle restores."""
    maps_class = _maps_class(timm_class)
    return maps_class.__new__(maps_class)


def freeze_unused(model: nn.Module, maps: Sequence[Tensor]) -> None:
    """Freeze parameters that no map depends on, such as HRNet's branches to other maps: training
    them would have no effect."""
    used = _parameters_behind(maps)
    for parameter in model.parameters():
        if id(parameter) not in used:
            parameter.requires_grad_(False)


def _parameters_behind(maps: Sequence[Tensor]) -> set[int]:
    """Ids of the parameters that a gradient of the maps reaches, found in the autograd graph."""
    stack: list[Any] = [each.grad_fn for each in maps]
    visited: set[Any] = set()
    while stack:
        node = stack.pop()
        if node is not None and node not in visited:
            visited.add(node)
            stack += [earlier for earlier, _ in node.next_functions]
    return {id(node.variable) for node in visited if hasattr(node, "variable")}
