"""Which maps a timm model has, and how its forward gives them instead of classes.

No plugin of its own: the family of timm is built with it.
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

    From one image: which stride a map has at this size is written nowhere for every model (where a
    network pads, 112 px are 4 cells of stride 32).
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
    wanted = [index for cells, index in deepest.items() if cells <= math.ceil(size / stride)]
    wanted = sorted(wanted) or [deepest[min(deepest)]]
    return [-1] if wanted == [len(maps) - 1] else wanted


def emit_maps(model: Any, indices: list[int], norm: bool, tokens: bool = False) -> None:
    """Let the model's forward give maps instead of classes, or the tokens of its last block.

    Its class is replaced by a subclass rather than wrapped: a wrapper would put its own prefix
    before every tensor's name, and no published file would fit.
    """
    model.__class__ = _giving_maps(type(model))
    model.map_indices, model.map_norm = list(indices), norm
    if tokens:
        model.token_grid = tuple(model.patch_embed.grid_size)
        model.extra_tokens = model.num_prefix_tokens


class GivesMaps(nn.Module):
    """Stands before a class of timm and gives its maps ``map_indices``, with its final norm where
    ``map_norm`` is true.

    timm's getter asks for maps in the same way, and gets (B, C, h, w) also from models that work on
    (B, h, w, C) or on tokens.
    """

    map_indices: list[int]
    map_norm: bool
    token_grid: tuple[int, int] | None = None
    """Rows and columns of tokens, where these are given in place of maps."""

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        giver: Any = self
        if self.token_grid is not None:
            return self._tokens(images)
        maps: list[Tensor] = giver.forward_intermediates(
            images,
            indices=self.map_indices,
            norm=self.map_norm,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        return maps[0] if len(maps) == 1 else maps

    def _tokens(self, images: Tensor) -> Tensor:
        """(B, extra + h w, C): the extra ones first."""
        giver: Any = self
        [last] = giver.forward_intermediates(
            images,
            indices=self.map_indices,
            norm=self.map_norm,
            output_fmt="NLC",
            return_prefix_tokens=giver.extra_tokens > 0,
            intermediates_only=True,
        )
        if not giver.extra_tokens:
            of_all: Tensor = last
            return of_all
        of_patches, extra = last
        return torch.cat((extra, of_patches), 1)

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made when a model is built, so no module has it under its name: a pickle
        # holds timm's class, from which it is made anew.
        return _empty, (type(self).__bases__[1],), self.__dict__


_CLASSES: dict[type[nn.Module], Any] = {}
"""The subclass that gives maps, by timm's class: all models share it, so that copies do too."""


def _giving_maps(whole: type[nn.Module]) -> Any:
    if whole not in _CLASSES:
        _CLASSES[whole] = type(f"{whole.__name__}Maps", (GivesMaps, whole), {})
    return _CLASSES[whole]


def _empty(whole: type[nn.Module]) -> Any:
    """A module of the subclass, into which pickle puts what the pickled one held."""
    made = _giving_maps(whole)
    return made.__new__(made)


def freeze_unused(model: nn.Module, maps: Sequence[Tensor]) -> None:
    """Parameters that no map depends on (the branches of HRNet between maps that nobody asked for)
    are frozen, so that none is trained in vain."""
    used = _parameters_behind(maps)
    for parameter in model.parameters():
        if id(parameter) not in used:
            parameter.requires_grad_(False)


def _parameters_behind(maps: Sequence[Tensor]) -> set[int]:
    """Ids of the parameters that a gradient of the maps would reach, from the graph alone."""
    waiting: list[Any] = [each.grad_fn for each in maps]
    seen: set[Any] = set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [earlier for earlier, _ in node.next_functions]
    return {id(node.variable) for node in seen if hasattr(node, "variable")}
