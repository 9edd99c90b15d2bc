"""Applies the augmentations of plugins that ``augmentations`` in a recipe names, one after another.

They come after all stages of :mod:`zoo.data.augment` and see the images that the network would see.
Their draws are the last columns of the same table, in the order of the recipe, so that a further
augmentation changes no draw of those before it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..api import Augmentation, AugmentedBatch, LandmarkScheme, PluginError, UsageError
from ..registry import Entry, Resolved, blaming
from ..registry.call import call_with_options
from .augment import inside


@dataclass(frozen=True)
class Link:
    entry: Entry
    augment: Callable[[AugmentedBatch], AugmentedBatch]
    draws: int

    def __call__(self, batch: AugmentedBatch) -> AugmentedBatch:
        """Raises :class:`PluginError` where the augmentation fails, or where its result is no batch
        of the same shapes, dtypes and device."""
        expected = _layouts(batch)
        with blaming(self.entry, "fails"):
            after = self.augment(batch)
        if not isinstance(after, AugmentedBatch):
            raise PluginError(
                f"{self.entry.label}: gives {type(after).__name__}, no zoo.api.AugmentedBatch"
            )
        for name, layout in expected.items():
            if (found := _layouts(after)[name]) != layout:
                raise PluginError(f"{self.entry.label}: gives {name} of {found}, not {layout}")
        return after


@dataclass(frozen=True)
class Chain:
    """The augmentations of a run, in their order; usually none."""

    links: tuple[Link, ...] = ()

    @classmethod
    def of(cls, plugins: Sequence[Resolved[Augmentation]], scheme: LandmarkScheme) -> Chain:
        """Build the augmentations. Raises what :func:`call_with_options` raises."""
        return cls(tuple(_link(each, scheme) for each in plugins))

    @property
    def draws(self) -> list[int]:
        """How many random numbers each augmentation needs per sample."""
        return [link.draws for link in self.links]

    def __call__(self, batch: AugmentedBatch) -> AugmentedBatch:
        """The augmented batch. ``batch.draws`` has the columns of all augmentations."""
        if not self.links:
            return batch
        for link, draws in zip(self.links, torch.split(batch.draws, self.draws, 1), strict=True):
            batch = link(replace(batch, draws=draws))
        return replace(batch, visible=batch.visible & inside(batch.points))

    def rehearse(self, points: int, size: int) -> None:
        """Run them on two random pictures, so that errors are found before training."""
        generator = torch.Generator().manual_seed(0)
        self(
            AugmentedBatch(
                images=torch.rand(2, 3, size, size, generator=generator),
                points=torch.rand(2, points, 2, generator=generator),
                visible=torch.ones(2, points, dtype=torch.bool),
                draws=torch.rand(2, sum(self.draws), generator=generator),
            )
        )


NONE = Chain()


def _link(resolved: Resolved[Augmentation], scheme: LandmarkScheme) -> Link:
    plugin, options = resolved.plugin, dict(resolved.options)
    if "scheme" in options:
        raise UsageError(f"augmentation.{resolved.entry.id}.scheme: the data set says it")
    if "scheme" in inspect.signature(plugin.build).parameters:
        options["scheme"] = scheme
    augment = call_with_options(resolved.entry, plugin.build, **options)
    return Link(resolved.entry, augment, plugin.draws)


def _layouts(batch: AugmentedBatch) -> dict[str, str]:
    """Shape, dtype and device of each tensor, as text."""
    layouts = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, Tensor):
            layouts[field.name] = f"{tuple(value.shape)} {value.dtype} on {value.device}"
        else:
            layouts[field.name] = f"a {type(value).__name__}"
    return layouts
