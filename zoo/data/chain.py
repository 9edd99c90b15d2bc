"""Augmentations of plugins at work: what ``augmentations`` in a recipe names, one after another.

They come after all stages of :mod:`zoo.data.augment` and see what the network would see. Their
draws are columns of the same table as those of the stages, after them and in the order of the
recipe: a further one changes no draw of those before it.
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
        """Raises :class:`PluginError` for one that fails, and for what is no such batch."""
        before = _forms(batch)
        with blaming(self.entry, "fails"):
            after = self.augment(batch)
        if not isinstance(after, AugmentedBatch):
            raise PluginError(
                f"{self.entry.label}: gives {type(after).__name__}, no zoo.api.AugmentedBatch"
            )
        for name, form in before.items():
            if (found := _forms(after)[name]) != form:
                raise PluginError(f"{self.entry.label}: gives {name} of {found}, not {form}")
        return after


@dataclass(frozen=True)
class Chain:
    """The augmentations of a run, in their order; usually none."""

    links: tuple[Link, ...] = ()

    @classmethod
    def of(cls, plugins: Sequence[Resolved[Augmentation]], scheme: LandmarkScheme) -> Chain:
        """Builds them. Raises what :func:`call_with_options` raises."""
        return cls(tuple(_link(each, scheme) for each in plugins))

    @property
    def draws(self) -> list[int]:
        """How many random numbers each takes a sample."""
        return [link.draws for link in self.links]

    def __call__(self, batch: AugmentedBatch) -> AugmentedBatch:
        """The batch, whose draws are the columns of all of them, after the last one."""
        if not self.links:
            return batch
        for link, own in zip(self.links, torch.split(batch.draws, self.draws, 1), strict=True):
            batch = link(replace(batch, draws=own))
        return replace(batch, visible=batch.visible & inside(batch.points))

    def rehearse(self, points: int, size: int) -> None:
        """Run them on two made-up pictures, so that what fails is found before training."""
        seeded = torch.Generator().manual_seed(0)
        self(
            AugmentedBatch(
                images=torch.rand(2, 3, size, size, generator=seeded),
                points=torch.rand(2, points, 2, generator=seeded),
                visible=torch.ones(2, points, dtype=torch.bool),
                draws=torch.rand(2, sum(self.draws), generator=seeded),
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


def _forms(batch: AugmentedBatch) -> dict[str, str]:
    """Shape, dtype and device of each tensor, in words."""
    forms = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, Tensor):
            forms[field.name] = f"{tuple(value.shape)} {value.dtype} on {value.device}"
        else:
            forms[field.name] = f"a {type(value).__name__}"
    return forms
