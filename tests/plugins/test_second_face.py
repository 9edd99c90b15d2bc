"""A second face stands beside the labelled one, farther from the middle of the picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zoo.api import AugmentedBatch, UsageError
from zoo.plugins.augmentations.second_face import second_face

SIZE = 96


def batch(draws: Tensor, middle: Tensor, spread: float = 0.1) -> AugmentedBatch:
    """White discs on black, whose points are the corners of a square about their middles."""
    count = len(draws)
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]) * spread
    along = (torch.arange(SIZE) + 0.5) / SIZE
    x, y = along[None, None, :], along[None, :, None]
    apart = (x - middle[:, :1, None]) ** 2 + (y - middle[:, 1:, None]) ** 2
    discs = (apart < (spread / 2) ** 2).float()
    return AugmentedBatch(
        images=discs[:, None].expand(-1, 3, -1, -1).clone(),
        points=middle[:, None] + corners,
        visible=torch.ones(count, 4, dtype=torch.bool),
        draws=draws,
    )


def disc_areas(images: Tensor) -> Tensor:
    """(B,): white pixels."""
    return (images[:, 0] > 0.5).sum((1, 2)).float()


drawn = st.lists(st.floats(0, 0.999), min_size=5, max_size=5).map(lambda u: torch.tensor([u]))
places = st.tuples(st.floats(0.25, 0.75), st.floats(0.25, 0.75)).map(lambda p: torch.tensor([p]))


@settings(max_examples=60, deadline=None)
@given(drawn, places)
def test_the_labelled_face_stays_and_so_do_its_points(draws: Tensor, middle: Tensor) -> None:
    before = batch(draws, middle, spread=0.2)
    first = before.images.clone()
    after = second_face.build(share=1.0)(before)
    assert torch.equal(after.points, before.points)
    assert torch.equal(after.visible, before.visible)
    # half of the way to its outermost point may be covered: what is nearer stays
    column, row = (middle[0] * SIZE).long().tolist()
    near = (slice(None), slice(None), slice(row - 4, row + 5), slice(column - 4, column + 5))
    assert (after.images[near] - first[near]).abs().max() < 0.3


@settings(max_examples=60, deadline=None)
@given(drawn, places)
def test_the_second_face_is_farther_from_the_middle_of_the_picture(
    draws: Tensor, middle: Tensor
) -> None:
    before = batch(draws, middle)
    first = before.images.clone()
    after = second_face.build(share=1.0)(before)
    added = (after.images - first)[0, 0] > 0.3
    if not added.any():
        return  # it stands outside of the picture
    rows, columns = added.nonzero().double().mean(0).add(0.5).div(SIZE).tolist()
    apart = ((columns - 0.5) ** 2 + (rows - 0.5) ** 2) ** 0.5
    assert apart > float((middle[0] - 0.5).norm())


def test_there_is_a_second_face_in_the_share_of_the_pictures() -> None:
    draws = torch.rand(200, 5, generator=torch.Generator().manual_seed(0))
    middle = torch.full((200, 2), 0.5)
    before = disc_areas(batch(draws, middle).images)
    after = disc_areas(second_face.build(share=0.3)(batch(draws, middle)).images)
    # the second disc has .49 to 1.56 of the first one's area
    assert torch.equal(after > 1.3 * before, draws[:, 0] < 0.3)
    assert torch.equal(after == before, draws[:, 0] >= 0.3)


def test_a_picture_without_a_label_stays_as_it_was() -> None:
    given_batch = batch(torch.zeros(1, 5), torch.full((1, 2), 0.5))
    hidden = AugmentedBatch(
        given_batch.images.clone(),
        given_batch.points,
        torch.zeros_like(given_batch.visible),
        given_batch.draws,
    )
    assert torch.equal(second_face.build(share=1.0)(hidden).images, given_batch.images)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="must lie in 0 to 1"):
        second_face.build(share=share)
