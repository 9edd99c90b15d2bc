"""An epoch's batches: every frame once, in an order of its own, and none too small."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo.api import DataError
from zoo.data.batches import derive, epoch_batches, make_split
from zoo.data.regions import FRAME
from zoo.data.store import open_store
from zoo.data.table import SampleTable
from zoo.device import ahead
from zoo.geometry import crop, frame_region

seeds = st.integers(0, 2**63 - 1)


@given(st.integers(1, 200), st.integers(1, 40), seeds, st.integers(0, 10), st.integers(1, 5))
def test_every_frame_is_in_an_epoch_once_and_batches_are_full(
    count: int, size: int, seed: int, epoch: int, least: int
) -> None:
    batches = epoch_batches(count, size, seed, epoch, least)
    assert sorted(np.concatenate(batches).tolist()) == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches[-1]) < size + least


@pytest.mark.parametrize(
    ("count", "least", "sizes"),
    [
        (9, 2, [4, 5]),  # a remainder of one is merged
        (10, 2, [4, 4, 2]),
        (8, 2, [4, 4]),
        (11, 4, [4, 7]),  # two processes of two images each
        (3, 2, [3]),
        (1, 2, [1]),
    ],
)
def test_a_remainder_that_batch_norm_cannot_use_joins_the_batch_before(
    count: int, least: int, sizes: list[int]
) -> None:
    assert [len(batch) for batch in epoch_batches(count, 4, 0, 0, least)] == sizes


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else() -> None:
    def order(seed: int, epoch: int, size: int = 8) -> list[int]:
        return np.concatenate(epoch_batches(50, size, seed, epoch)).tolist()

    assert order(3, 4) == order(3, 4) == order(3, 4, size=16)
    assert order(3, 4) != order(3, 5)
    assert order(3, 4) != order(4, 4)
    assert order(3, 4) != sorted(order(3, 4))


def test_every_place_of_a_run_has_a_seed_of_its_own() -> None:
    places = [(k, step, rank) for k in range(4) for step in range(40) for rank in range(4)]
    seeds = {derive(seed, *place) for seed in (0, 1, 2**63 - 1) for place in places}
    assert len(seeds) == 3 * len(places)
    assert derive(7, 1, 2) == derive(7, 1, 2)
    assert derive(7, 1, 2) != derive(7, 2, 1)


@given(seeds, st.integers(0, 2**40))
def test_a_derived_seed_is_one_that_torch_takes(seed: int, place: int) -> None:
    torch.Generator().manual_seed(derive(seed, place))
    assert 0 <= derive(seed, place) < 2**63


def test_a_split_holds_pixels_and_labels_of_the_same_frames(
    table: Callable[..., SampleTable], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    labels = table(6, broken=[3])
    rows = np.array([5, 3, 0, 2])
    split = make_split(
        open_store(labels, rows, FRAME, 24, most_skipped=1), labels, torch.device("cpu")
    )
    assert len(split) == 3
    assert split.ids == ("005.png", "000.png", "002.png")
    assert not split.resident, "its images come from the disk"
    images, points, visible = split.take(np.array([2, 0]))
    region = frame_region(30, 40)
    for k, row in enumerate([2, 5]):
        np.testing.assert_array_equal(images[k], crop(labels.images[row](), region, 24))
        source = region.to_source(points[k].numpy())
        np.testing.assert_allclose(source, labels.points[row], atol=1e-4)
    assert visible.shape == (2, 4)
    assert visible.all()


def test_a_store_is_read_in_whole_frames_and_one_that_shrinks_is_named(
    table: Callable[..., SampleTable], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    labels = table(40)
    store = open_store(labels, np.arange(40), FRAME, 24)
    rows = np.random.default_rng(0).permutation(40)[:23]
    split = make_split(store, labels, torch.device("cpu"))
    np.testing.assert_array_equal(split.take(rows)[0], store.images[rows])
    later = {name: getattr(store, name)[7:] for name in ("images", "rows", "regions")}
    part = make_split(replace(store, **later), labels, torch.device("cpu"))
    np.testing.assert_array_equal(part.take(np.array([2, 0]))[0], store.images[[9, 7]])
    [file] = tmp_path.glob("stores/*/images.npy")
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size - 1)
    with pytest.raises(DataError, match=r"images.npy: ends early; delete its folder"):
        split.take(np.array([39]))


@pytest.mark.parametrize("streams", [False, True])
def test_what_is_fetched_ahead_comes_in_order_and_an_error_at_its_place(streams: bool) -> None:
    def job(number: int) -> Callable[[], int]:
        def work() -> int:
            if number == 3:
                raise ValueError("planted")
            return number

        return work

    jobs = (job(number) for number in range(5))
    results: list[int] = []
    with pytest.raises(ValueError, match="planted"):
        results += (each for each in ahead(jobs, torch.device("cpu"), streams))
    assert list(ahead([], torch.device("cpu"), streams)) == []
    numbers = ahead(map(job, range(3)), torch.device("cpu"), streams)
    assert list(numbers) == [0, 1, 2]


def test_a_stream_beside_is_waited_for_before_its_tensors_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Streams of a GPU, checked by the calls: copies go into a stream of their own."""
    calls: list[str] = []

    class Stream:
        def __init__(self, name: str) -> None:
            self.name = name

        def record_event(self) -> str:
            calls.append(f"event in {self.name}")
            return "event"

        def wait_event(self, event: str) -> None:
            calls.append(f"{self.name} waits for {event}")

    monkeypatch.setattr("zoo.device._stream", lambda device: Stream("beside"))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext(stream))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream("main"))
    jobs = [lambda: calls.append("copy"), lambda: calls.append("copy")]
    for _ in ahead(jobs, torch.device("cuda"), True):
        calls.append("work")
    main_calls = [each for each in calls if each not in ("copy", "event in beside")]
    assert main_calls == ["main waits for event", "work"] * 2
    assert [each for each in calls if each in ("copy", "event in beside")] == [
        "copy",
        "event in beside",
    ] * 2
