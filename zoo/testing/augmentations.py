"""The list of checks for an augmentation.

The pictures are drawn: a white dot at each point, on a background that differs between pictures.
Draws come from fixed seeds. Schemes have 68, 98 and 5 points, the last without a known symmetry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from zoo.api import IBUG68, WFLW98, AugmentedBatch, LandmarkScheme, PluginError, generic_scheme
from zoo.data.chain import Chain, Link
from zoo.registry import Resolved
from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
    require_keyword_only,
)
from zoo.testing.failures import CheckFailed, must, needs
from zoo.testing.subject import Subject
from zoo.testing.tensors import CLOSE, difference, seeded

SCHEMES = (IBUG68, WFLW98, generic_scheme(5))
SIZE = 64
DOT = 2.0
"""Radius in pixels."""


class AugmentationSubject(Subject):
    """An augmentation, built for each scheme."""

    @cached_property
    def augments(self) -> list[tuple[LandmarkScheme, Link]]:
        _ = self.plugin
        with needs("gives_a_batch"):
            return list(self.tried())

    def tried(self) -> Iterator[tuple[LandmarkScheme, Link]]:
        """Each scheme and its augmentation, once it has given a batch."""
        for scheme in SCHEMES:
            with must(f"building it for {len(scheme)} points"), seeded(0):
                [link] = Chain.of([Resolved(self.entry, self.plugin, self.options)], scheme).links
            for count in (1, 8):
                try:
                    with seeded(0):
                        output = link(batch(scheme, count, link.draws))
                except PluginError as error:
                    raise CheckFailed(f"a batch of {count}: {error}") from error
                _require_pictures(output)
            yield scheme, link


def batch(scheme: LandmarkScheme, count: int, draws: int, size: int = SIZE) -> AugmentedBatch:
    """Pictures with a dot at each of their points."""
    generator = torch.Generator().manual_seed(len(scheme))
    points = 0.1 + 0.8 * torch.rand(count, len(scheme), 2, generator=generator)
    background = 0.2 + 0.4 * torch.rand(count, 3, 1, 1, generator=generator)
    centres = (torch.arange(size) + 0.5) / size
    squares = (centres[None, None, None, :] - points[..., 0, None, None]) ** 2
    squares = squares + (centres[None, None, :, None] - points[..., 1, None, None]) ** 2
    dots = (squares < (DOT / size) ** 2).any(1)
    return AugmentedBatch(
        images=torch.where(dots[:, None], 1.0, background.expand(-1, -1, size, size)),
        points=points,
        visible=torch.ones(count, len(scheme), dtype=torch.bool),
        draws=torch.rand(count, draws, generator=generator),
        occluded=(torch.rand(count, len(scheme), generator=generator) < 0.2).float(),
    )


def map_tensors(inputs: AugmentedBatch, change: Callable[[Tensor], Tensor]) -> AugmentedBatch:
    values = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    return AugmentedBatch(
        **{name: change(v) if isinstance(v, Tensor) else v for name, v in values.items()}
    )


def _require_pictures(output: AugmentedBatch) -> None:
    if not output.images.isfinite().all():
        raise CheckFailed("it gives pixels that are not finite")
    low, high = float(output.images.min()), float(output.images.max())
    if low < -CLOSE or high > 1 + CLOSE:
        raise CheckFailed(f"it gives pixels of {low:g} to {high:g}; they lie in 0 to 1")
    if not output.points[output.visible].isfinite().all():
        raise CheckFailed("it gives visible points that are not finite")


def augmented(link: Link, inputs: AugmentedBatch, seed: int = 0) -> list[Tensor]:
    """A copy, augmented: pictures, points with zeros for invisible ones, visibility."""
    copy = map_tensors(inputs, Tensor.clone)
    with seeded(seed):
        output = link(copy)
    points = output.points.masked_fill(~output.visible[..., None], 0)
    return [output.images, points, output.visible.float()]


def options_are_keyword_only(subject: AugmentationSubject) -> None:
    """``build(**options)``: every option by name, and with a default; ``scheme`` has none."""
    require_keyword_only(subject.plugin.build, filled_in=("scheme",))


def gives_a_batch(subject: AugmentationSubject) -> None:
    """For 68, 98 and 5 points, and for 1 and 8 pictures, it gives a batch of the same shapes and
    dtypes, with pixels in [0, 1]."""
    _ = subject.plugin
    for _ in subject.tried():
        pass


def takes_any_size(subject: AugmentationSubject) -> None:
    """Pictures of 48, 112 and 225 pixels are augmented too."""
    scheme, link = subject.augments[0]
    for size in (48, 112, 225):
        with must(f"pictures of {size} pixels"):
            link(batch(scheme, 2, link.draws, size))


def depends_on_its_draws_alone(subject: AugmentationSubject) -> None:
    """The same draws give the same batch, whatever the random state and whatever came before."""
    for scheme, link in subject.augments:
        inputs = batch(scheme, 8, link.draws)
        first = augmented(link, inputs)
        augmented(link, replace(inputs, draws=1 - inputs.draws), seed=2)
        if difference(first, augmented(link, inputs, seed=1)) > CLOSE:
            raise CheckFailed(
                "the same draws give another batch: random numbers come from batch.draws alone, or "
                "a run that goes on would see other pictures"
            )


def augments_each_picture_for_itself(subject: AugmentationSubject) -> None:
    """A picture comes out the same alone and in a batch with others."""
    for scheme, link in subject.augments:
        inputs = batch(scheme, 8, link.draws)
        together = augmented(link, inputs)
        for i in (0, 5):
            single = AugmentedBatch(
                **{f.name: getattr(inputs, f.name)[i : i + 1] for f in fields(inputs)}
            )
            if difference([t[i : i + 1] for t in together], augmented(link, single)) > CLOSE:
                raise CheckFailed("a picture alone comes out in another way than among others")


def points_follow_the_picture(subject: AugmentationSubject) -> None:
    """Most of the visible points that it gives lie on the dots on which they lay before."""
    for scheme, link in subject.augments[-1:]:  # dots of few points do not touch
        inputs = batch(scheme, 64, link.draws)
        images, points, visible = augmented(link, inputs)
        inside = visible.bool() & ((points > 0) & (points < 1)).all(-1)
        if not inside.any():
            raise CheckFailed("no point that it gives is visible and in the picture")
        on_a_dot = _stands_out(images, points)[inside].float().mean()
        if on_a_dot < 0.5:
            raise CheckFailed(
                f"only {on_a_dot:.0%} of the visible points still lie on their dots: an "
                "augmentation that moves pixels must move the points too"
            )


def _stands_out(images: Tensor, points: Tensor) -> Tensor:
    """(B, K): whether the pixel at a point differs from the median of its picture by more than half
    of the largest difference."""
    flat = images.flatten(2)
    contrast = (flat - flat.median(2, keepdim=True).values).abs().mean(1)
    size = images.shape[-1]
    column, row = (points * size).long().clamp(0, size - 1).unbind(-1)
    return contrast.gather(1, row * size + column) > 0.5 * contrast.amax(1, keepdim=True)


def leaves_hidden_points_hidden(subject: AugmentationSubject) -> None:
    """A point without a label has none afterwards, and its coordinates, however large, change no
    other point and no pixel."""
    for scheme, link in subject.augments:
        inputs = batch(scheme, 8, link.draws)
        visible = inputs.visible.clone()
        visible[:, 1] = False
        part = replace(inputs, visible=visible)
        before = augmented(link, part)
        count = before[2].sum(1)
        if bool((count > visible.sum(1)).any()):
            raise CheckFailed("more points are visible than have labels")
        points = inputs.points.masked_fill(~visible[..., None], 1e6)
        if difference(before, augmented(link, replace(part, points=points))) > CLOSE:
            raise CheckFailed("what stands at a point without a label changes the rest")


SUBJECT = AugmentationSubject
CHECKS: tuple[Callable[[Any], str | None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    options_are_keyword_only,
    gives_a_batch,
    takes_any_size,
    depends_on_its_draws_alone,
    augments_each_picture_for_itself,
    points_follow_the_picture,
    leaves_hidden_points_hidden,
)
