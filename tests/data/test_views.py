"""What training shows of a frame: whole regions and close crops, of the same place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from zoo.api import LandmarkScheme
from zoo.config import Augment, Config
from zoo.data.augment import Augmenter, draw
from zoo.data.batches import Sources, Split, make_split
from zoo.data.regions import CLOSE_ROOM, FRAME, CloseCrop
from zoo.data.store import open_store
from zoo.data.table import SampleTable
from zoo.data.views import JITTER, MISTURN, Order, View, Views, close_augment, close_size
from zoo.geometry import REFINE_FILL, Region, crop, refine_region, roll

CPU = torch.device("cpu")


def test_the_crop_of_a_second_pass_lies_around_the_points_of_the_first() -> None:
    points = np.array([[10.0, 20.0], [40.0, 30.0], [20.0, 34.0]])
    region = refine_region(points)
    assert (region.cx, region.cy) == (25, 27)
    assert region.side == pytest.approx(30 / REFINE_FILL)
    assert refine_region(np.full((5, 2), 7.0)).side > 0, "points in one place are no error"


@pytest.fixture
def labels(table: Callable[..., SampleTable]) -> SampleTable:
    return table(4)


def close_view(
    labels: SampleTable, size: int = 24, upright: NDArray[np.float64] | None = None
) -> View:
    rows = np.arange(len(labels))
    store = open_store(labels, rows, CloseCrop(upright), close_size(Augment(), size))
    augment = Augmenter(
        Augment(), labels.scheme, (0.0, 0.0), store.size, size, window=1 / CLOSE_ROOM
    )
    return View(make_split(store, labels, CPU), augment)


def test_a_close_crop_shows_the_points_as_a_second_pass_does(labels: SampleTable) -> None:
    view = close_view(labels)
    _, points, _, _ = view.show(np.arange(len(labels)), torch.full_like(draw(len(labels), 0), 0.5))
    for row in range(len(labels)):
        label = labels.points[row]
        expected = refine_region(label[labels.visible[row]]).to_unit(label)
        np.testing.assert_allclose(points[row].numpy(), expected, atol=1e-5)


def test_a_close_crop_that_is_turned_shows_an_upright_face(labels: SampleTable) -> None:
    """As a second pass of a model that turns its crops would see it, whatever the face's roll."""
    upright = labels.points[0].astype(np.float64)
    view = close_view(labels, upright=upright)
    _, points, _, _ = view.show(np.arange(len(labels)), torch.full_like(draw(len(labels), 0), 0.5))
    for row in range(len(labels)):
        label = labels.points[row]
        expected = refine_region(label, upright).to_unit(label)
        np.testing.assert_allclose(points[row].numpy(), expected, atol=1e-5)
        assert roll(points[row].numpy(), upright) == pytest.approx(0, abs=1e-4)
    straight = close_view(labels)
    assert not torch.equal(straight.split.images[1], view.split.images[1])
    assert torch.equal(straight.split.images[0], view.split.images[0])


def test_turned_crops_are_turned_by_the_error_of_a_roll_whatever_the_recipe_says() -> None:
    assert close_augment(Augment(rotation=180), upright=True).rotation == MISTURN
    assert close_augment(Augment(), upright=True).rotation == MISTURN
    assert close_augment(Augment(rotation=45)).rotation == 45


def test_close_crops_of_a_split_are_cut_from_the_source(labels: SampleTable) -> None:
    """A window in fractions of the region gives the pixels of that square of the source."""
    rows = np.array([2, 0])
    store = open_store(labels, np.arange(4), FRAME, 16)
    split = make_split(store, labels, CPU)
    windows = [Region(0.5, 0.5, 1.0), Region(0.4, 0.6, 0.5)]
    crops = split.close_crops(rows, windows)
    np.testing.assert_array_equal(crops[0].numpy(), store.images[2])
    region = Region(*store.regions[0])
    cx, cy = region.to_source(np.array([0.4, 0.6]))
    expected = crop(labels.images[0](), Region(cx, cy, 0.5 * region.side), 16)
    np.testing.assert_array_equal(crops[1].numpy(), expected)


def test_close_crops_are_moved_by_a_little_even_where_the_recipe_moves_nothing() -> None:
    still = close_augment(Augment(resize=225, crop=True))
    assert (still.resize, still.crop) == (0, False)
    assert {key: getattr(still, key) for key in JITTER} == JITTER
    assert close_augment(Augment(scale=0.4)).scale == 0.4


def numbered(scheme: LandmarkScheme, count: int, mark: int) -> View:
    """A view whose pictures hold their own row and mark, so that they can be told apart."""
    images = torch.zeros(count, 8, 8, 3, dtype=torch.uint8)
    images[..., 0] = torch.arange(count)[:, None, None]
    images[..., 1] = mark
    split = Split(
        images=images,
        points=torch.full((count, len(scheme), 2), 0.5),
        visible=torch.ones(count, len(scheme), dtype=torch.bool),
        ids=tuple(map(str, range(count))),
        device=CPU,
        sources=Sources((), np.zeros((count, 3))),
    )
    return View(split, Augmenter(Augment(), scheme, (0.0, 0.0), 8, 8))


def rows_and_marks(images: torch.Tensor) -> set[tuple[int, int]]:
    """(row, mark) of each picture."""
    pixels = (images[:, :2, 0, 0] * 255).round().int().tolist()
    return {(row, mark) for row, mark in pixels}


def test_every_frame_of_a_batch_is_seen_once_about_half_of_them_close(labels: SampleTable) -> None:
    views = Views(numbered(labels.scheme, 200, 0), numbered(labels.scheme, 200, 9))
    [(images, points, visible, _)] = views.show([Order(np.arange(200), seed=3)])
    shown = rows_and_marks(images)
    assert {row for row, _ in shown} == set(range(200))
    assert len(shown) == len(images) == len(points) == len(visible) == 200
    assert 70 <= sum(mark == 9 for _, mark in shown) <= 130
    again = [
        rows_and_marks(each.images)
        for each in views.show([Order(np.arange(200), s) for s in (3, 4)])
    ]
    assert again[0] == shown != again[1]


def test_processes_that_share_a_batch_see_what_one_would(labels: SampleTable) -> None:
    views = Views(numbered(labels.scheme, 60, 0), numbered(labels.scheme, 60, 9))
    rows = np.arange(60)
    whole = rows_and_marks(next(views.show([Order(rows, seed=1)])).images)
    shares = [Order(rows, 1, slice(rank, None, 3)) for rank in range(3)]
    parts = [rows_and_marks(each.images) for each in views.show(shares)]
    assert set.union(*parts) == whole
    assert sum(map(len, parts)) == 60


def test_a_model_with_one_pass_is_shown_whole_regions_only(labels: SampleTable) -> None:
    views = Views(numbered(labels.scheme, 10, 5))
    [shown] = views.show([Order(np.arange(10), seed=0)])
    assert rows_and_marks(shown.images) == {(row, 5) for row in range(10)}


def test_a_face_without_visible_points_is_kept_and_seen_whole(labels: SampleTable) -> None:
    hidden = replace(labels, visible=np.zeros_like(labels.visible))
    store = open_store(hidden, np.arange(2), CloseCrop(), 16)
    frame = open_store(hidden, np.arange(2), FRAME, 16)
    np.testing.assert_array_equal(store.regions, frame.regions)


def test_a_configuration_without_refinement_is_hashed_as_before() -> None:
    assert "refine" not in Config("x").to_dict()
    assert Config("x", refine=1).to_dict()["refine"] == 1
    assert "upright" not in Config("x", refine=1).to_dict()
