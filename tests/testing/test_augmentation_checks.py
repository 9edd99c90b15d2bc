"""Every check of the list for augmentations finds the one thing that is wrong with one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zoo.testing import Outcome, checks

pytestmark = pytest.mark.usefixtures("quick_children")

KIND, GROUP = "augmentation", "zoo.augmentations"

SOURCE = """
from dataclasses import replace

import torch

from zoo.api import Augmentation


def of(augment, **facts):
    def build():
        return augment

    return Augmentation(build=build, **facts)


def per_sample(values):
    return values[:, None, None, None]


def darken(batch):
    return replace(batch, images=batch.images * per_sample(0.5 + 0.5 * batch.draws[:, 0]))


def upside_down(batch):
    chosen = batch.draws[:, 0] < 0.5
    images = torch.where(per_sample(chosen), batch.images.flip(2, 3), batch.images)
    points = torch.where(chosen[:, None, None], 1 - batch.points, batch.points)
    return replace(batch, images=images, points=points)


def build_mirror(*, scheme, share=0.5):
    order = torch.tensor(scheme.flip or range(len(scheme)))

    def mirror(batch):
        chosen = batch.draws[:, 0] < share
        there = batch.points[:, order] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        return replace(
            batch,
            images=torch.where(per_sample(chosen), batch.images.flip(3), batch.images),
            points=torch.where(chosen[:, None, None], there, batch.points),
            visible=torch.where(chosen[:, None], batch.visible[:, order], batch.visible),
        )

    return mirror


healthy = of(darken)
turns = of(upside_down)
mirrors = Augmentation(build=build_mirror)
no_draws = of(lambda batch: batch, draws=-1)
by_place = Augmentation(build=lambda share=0.5: darken)
bytes_of = of(lambda batch: replace(batch, images=(255 * batch.images).byte()))
too_bright = of(lambda batch: replace(batch, images=2 * batch.images))
only_64 = of(lambda batch: replace(batch, images=batch.images * torch.ones(64, 64)))
tossed = of(lambda batch: replace(batch, images=batch.images * (0.5 + 0.5 * torch.rand(()))))
together = of(lambda batch: replace(batch, images=batch.images - batch.images.min()))
flipped = of(lambda batch: replace(batch, images=batch.images.flip(3)))
shows_all = of(lambda batch: replace(batch, visible=torch.ones_like(batch.visible)))


def about_the_mean(batch):
    middle = batch.points.mean((1, 2)).clamp(0, 1)
    return replace(batch, images=batch.images * per_sample(middle))


reads_hidden = of(about_the_mean)
"""

BROKEN = {
    "no_draws": ("declares_valid_facts", "Augmentation.draws is -1"),
    "by_place": ("options_are_keyword_only", "share can be given by place"),
    "bytes_of": ("gives_a_batch", "gives images of (1, 3, 64, 64) torch.uint8 on cpu, not"),
    "too_bright": ("gives_a_batch", "they lie in 0 to 1"),
    "only_64": ("takes_any_size", "pictures of 48 pixels raises"),
    "tossed": ("depends_on_its_draws_alone", "the same draws give another batch"),
    "together": ("augments_each_picture_for_itself", "a picture alone comes out in another way"),
    "flipped": ("points_follow_the_picture", "of the visible points still lie on their dots"),
    "shows_all": ("leaves_hidden_points_hidden", "more points are visible than have labels"),
    "reads_hidden": ("leaves_hidden_points_hidden", "without a label changes the rest"),
}


@pytest.mark.parametrize("plugin", ["healthy", "turns", "mirrors"])
def test_a_healthy_one_passes_all(outcomes: Callable[..., list[Outcome]], plugin: str) -> None:
    found = outcomes(plugin)
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []
    assert len(found) == 10


@pytest.mark.parametrize("plugin", BROKEN)
def test_a_broken_one_fails_the_check_that_is_about_it(
    failures: Callable[..., dict[str, str]], plugin: str
) -> None:
    check, words = BROKEN[plugin]
    found = failures(plugin)
    assert words in found.get(check, "")
    if plugin not in ("no_draws", "tossed"):  # these fail other checks too
        assert list(found) == [check]


def test_each_check_has_one_that_fails_it() -> None:
    elsewhere = {"found_through_metadata", "import_leaves_no_trace"}  # in test_kit
    named = [check.name for check in checks("healthy", KIND)]
    assert {check for check, _ in BROKEN.values()} | elsewhere == set(named)
