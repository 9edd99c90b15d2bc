"""The store: decoded once, whole or not at all, and never one that belongs to other data."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.api import DataError
from zoo.cli.data import prune
from zoo.data import decode
from zoo.data import store as module
from zoo.data.regions import BOX, FRAME
from zoo.data.store import Store, old_stores, open_store
from zoo.data.table import SampleTable
from zoo.geometry import box_region, crop, frame_region

Tables = Callable[..., SampleTable]


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of stores."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "stores"


def rows(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)


def folders(stores: Path) -> list[str]:
    return sorted(p.name for p in stores.iterdir()) if stores.is_dir() else []


def never_decoded(table: SampleTable) -> SampleTable:
    def image() -> Any:
        raise AssertionError("decoded a second time")

    return replace(table, images=(image,) * len(table))


@pytest.mark.parametrize("size", [16, 30, 45])
def test_pixels_are_those_of_the_shared_crop(table: Tables, size: int) -> None:
    labels = table(7)
    store = open_store(labels, rows(4, 1, 6), FRAME, size)
    region = frame_region(30, 40)
    assert (len(store), store.size) == (3, size)
    assert store.rows.tolist() == [4, 1, 6]
    for k, row in enumerate([4, 1, 6]):
        np.testing.assert_array_equal(store.images[k], crop(labels.images[row](), region, size))
        assert store.regions[k].tolist() == [region.cx, region.cy, region.side]


def test_a_box_region_is_cut_about_each_frames_box(table: Tables) -> None:
    box = (5.0, 8.0, 25.0, 18.0)
    labels = table(2, boxes=[box, (0, 0, 10, 10)])
    store = open_store(labels, rows(0), BOX, 20)
    np.testing.assert_array_equal(store.images[0], crop(labels.images[0](), box_region(box), 20))


def test_a_store_is_built_once(table: Tables, stores: Path) -> None:
    labels = table(3)
    calls: list[tuple[int, int]] = []
    first = open_store(labels, rows(0, 1, 2), FRAME, 16, progress=lambda *done: calls.append(done))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    calls.clear()
    again = open_store(
        never_decoded(labels), rows(0, 1, 2), FRAME, 16, progress=lambda *d: calls.append(d)
    )
    np.testing.assert_array_equal(first.images, again.images)
    assert calls == []
    assert len(folders(stores)) == 1


def test_pixels_stay_on_disk(table: Tables) -> None:
    assert isinstance(open_store(table(3), rows(0, 1), FRAME, 16).images, np.memmap)


def test_another_size_region_split_data_set_or_box_is_another_store(
    table: Tables, stores: Path
) -> None:
    boxes = [(1.0, 1.0, 20.0, 20.0)] * 4
    labels = table(4, boxes=boxes)
    moved = replace(labels, points=labels.points + 1)
    other_boxes = replace(labels, boxes=labels.boxes + 2)
    for arguments in [
        (labels, rows(0, 1), FRAME, 16),
        (labels, rows(0, 1), FRAME, 17),
        (labels, rows(0, 1), BOX, 16),
        (other_boxes, rows(0, 1), BOX, 16),
        (labels, rows(0, 2), FRAME, 16),
        (labels, rows(1, 0), FRAME, 16),
        (moved, rows(0, 1), FRAME, 16),
    ]:
        before = len(folders(stores))
        open_store(*arguments)
        assert len(folders(stores)) == before + 1


def test_frames_that_cannot_be_read_are_left_out_and_counted(table: Tables) -> None:
    labels = table(5, broken=[1, 3])
    message = r"2 of 5 frames cannot be used, more than 10%; the first: 001.*--most-skipped 1"
    with pytest.raises(DataError, match=message):
        open_store(labels, rows(0, 1, 2, 3, 4), FRAME, 16)
    store = open_store(labels, rows(0, 1, 2, 3, 4), FRAME, 16, most_skipped=0.5)
    assert store.rows.tolist() == [0, 2, 4]
    assert len(store.images) == len(store.regions) == 3
    np.testing.assert_array_equal(
        store.images[2], crop(labels.images[4](), frame_region(30, 40), 16)
    )
    assert [p.where for p in store.problems] == ["001.png", "003.png"]
    assert "cannot be decoded" in store.problems[0].reason


def test_strict_makes_a_skipped_frame_fatal_even_if_the_store_exists(table: Tables) -> None:
    labels = table(4, broken=[1, 2])
    message = r"001.png: .*cannot be decoded \(--strict.* 2 in all"
    for _ in range(2):
        with pytest.raises(DataError, match=message):
            open_store(labels, rows(0, 1, 2, 3), FRAME, 16, strict=True)
        assert len(open_store(labels, rows(0, 1, 2, 3), FRAME, 16, most_skipped=1)) == 2


def test_not_one_readable_frame_is_an_error_and_no_store(table: Tables, stores: Path) -> None:
    message = "not one of 2 frames can be used; 000.png: frame.jpg"
    with pytest.raises(DataError, match=message):
        open_store(table(2, broken=[0, 1]), rows(0, 1), FRAME, 16)
    assert folders(stores) == []
    # as if the disk is back: the same call finds the frames
    assert len(open_store(table(2), rows(0, 1), FRAME, 16)) == 2


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (None, "001.png: has no box; use --set region=frame"),
        ((5.0, 5.0, 5.0, 9.0), "001.png: its box 5, 5, 5, 9 is empty"),
        ((9.0, 5.0, 5.0, 9.0), "is empty"),
    ],
)
def test_a_frame_without_a_usable_box_is_left_out_of_a_box_region(
    table: Tables, box: Any, reason: str
) -> None:
    labels = table(2, boxes=[(1.0, 1.0, 9.0, 9.0), box])
    store = open_store(labels, rows(0, 1), BOX, 16, most_skipped=1)
    assert store.rows.tolist() == [0]
    assert reason in store.problems[0].reason


def test_a_build_that_fails_leaves_nothing(table: Tables, stores: Path) -> None:
    labels = table(3)

    def broken() -> Any:
        raise KeyError("a bug in an adapter")

    bad = replace(labels, images=(labels.images[0], broken, labels.images[2]))
    with pytest.raises(KeyError):
        open_store(bad, rows(0, 1, 2), FRAME, 16)
    assert folders(stores) == []


def test_a_build_that_is_stopped_leaves_nothing(table: Tables, stores: Path) -> None:
    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(table(3), rows(0, 1, 2), FRAME, 16, progress=stop)
    assert folders(stores) == []


def test_a_home_that_cannot_be_written_is_named(
    table: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot write the store: .*ZOO_HOME"):
        open_store(table(1), rows(0), FRAME, 16)


@pytest.mark.parametrize("file", ["images.npy", "rows.npy", "regions.npy", "problems.json"])
def test_a_damaged_store_is_named_and_not_read(table: Tables, stores: Path, file: str) -> None:
    open_store(table(2), rows(0, 1), FRAME, 16)
    (folder,) = stores.iterdir()
    with (folder / file).open("r+b") as stream:
        stream.truncate(1)
    with pytest.raises(DataError, match=f"{folder.name}: the store is damaged.*delete that folder"):
        open_store(table(2), rows(0, 1), FRAME, 16)


def test_two_builders_at_once_end_with_one_store(
    table: Tables, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = table(4)
    both_built = threading.Barrier(2, timeout=30)
    move = module._move_into_place

    def wait_and_move(draft: Path, folder: Path) -> None:
        both_built.wait()  # neither may find the other's store before it has built its own
        move(draft, folder)

    monkeypatch.setattr(module, "_move_into_place", wait_and_move)
    found: list[Store] = []
    builders = [
        threading.Thread(
            target=lambda: found.append(open_store(labels, rows(0, 1, 2, 3), FRAME, 16))
        )
        for _ in range(2)
    ]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert len(found) == 2
    np.testing.assert_array_equal(found[0].images, found[1].images)
    (name,) = folders(stores)
    assert not name.endswith(".part")


KILLED_BUILDER = """
import time
import numpy as np
from zoo.data.regions import FRAME
from zoo.data.store import open_store
from zoo.data.table import read_table
from zoo.datasets.synthetic import open_synthetic
table = read_table(open_synthetic(people=2, videos=1, frames=3, size=48))
def progress(done, total):
    if done == 4 and {wait}:
        print("halfway", flush=True)
        time.sleep(60)
store = open_store(table, np.arange(6), FRAME, 16, progress=progress)
print(len(store), int(store.images.sum(dtype="int64")), flush=True)
"""


def test_a_builder_that_was_killed_leaves_no_store_to_be_read(stores: Path) -> None:
    def start(wait: bool) -> subprocess.Popen[str]:
        code = KILLED_BUILDER.format(wait=wait)
        return subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
        )

    killed = start(wait=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "halfway\n"
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert [name.endswith(".part") for name in folders(stores)] == [True]
    out, _ = start(wait=False).communicate()
    count, brightness = map(int, out.split())
    assert count == 6
    assert brightness > 0
    whole = [name for name in folders(stores) if not name.endswith(".part")]
    assert len(whole) == 1
    assert np.load(stores / whole[0] / "rows.npy").tolist() == list(range(6))


def test_building_does_not_hold_all_frames_in_memory(
    table: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release of videos does not fit, so decoding stays a bounded number of frames ahead."""
    monkeypatch.setattr(decode, "at_once", lambda: 8)
    labels = table(200)
    decoded = 0
    lock = threading.Lock()

    def counted(image: Any) -> Any:
        def get() -> Any:
            nonlocal decoded
            with lock:
                decoded += 1
            return image()

        return get

    labels = replace(labels, images=tuple(map(counted, labels.images)))
    ahead: list[int] = []

    def progress(done: int, total: int) -> None:
        if done == 1:
            time.sleep(0.2)  # time enough to decode too far ahead
        ahead.append(decoded - done)

    open_store(labels, np.arange(200), FRAME, 8, progress=progress)
    assert max(ahead) <= 70


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_videos_are_decoded_at_once_and_the_frames_of_each_in_their_order(
    table: Tables, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """The store does not depend on which frame is done first; some frames cannot be read."""
    monkeypatch.setattr(decode, "at_once", lambda: threads)
    labels = table(60, broken=[7, 25, 59])
    videos = tuple(f"v{row // 10}" if row < 40 else None for row in range(60))
    order = [*range(30, 40), *range(30), *range(40, 60)]
    begun: list[int] = []
    at_work: set[int] = set()
    most_at_work = 0
    lock = threading.Lock()

    def watched(row: int) -> Any:
        def get() -> Any:
            nonlocal most_at_work
            with lock:
                begun.append(row)
                at_work.add(row)
                most_at_work = max(most_at_work, len(at_work))
            time.sleep(0.001 * (row % 3))
            with lock:
                at_work.remove(row)
            return labels.images[row]()

        return get

    watching = replace(labels, images=tuple(map(watched, range(60))), videos=videos)
    store = open_store(watching, rows(*order), FRAME, 16, most_skipped=1)
    readable = [row for row in order if row not in (7, 25, 59)]
    assert store.rows.tolist() == readable
    for square, row in zip(store.images, readable, strict=True):
        np.testing.assert_array_equal(square, crop(labels.images[row](), frame_region(30, 40), 16))
    assert [p.where for p in store.problems] == ["007.png", "025.png", "059.png"]
    for video in range(4):
        order_in_video = [row for row in begun if row < 40 and row // 10 == video]
        assert order_in_video == sorted(order_in_video)
    assert most_at_work == 1 if threads == 1 else most_at_work > 1


def test_a_frame_that_was_repaired_comes_back(table: Tables) -> None:
    fine = table(3)
    broken = replace(fine, images=(fine.images[0], unreadable, fine.images[2]))
    assert len(open_store(broken, rows(0, 1, 2), FRAME, 16, most_skipped=1)) == 2
    assert len(open_store(broken, rows(0, 1, 2), FRAME, 16, most_skipped=1)) == 2
    assert len(open_store(fine, rows(0, 1, 2), FRAME, 16)) == 3


def test_what_a_killed_builder_left_long_ago_is_cleared(table: Tables, stores: Path) -> None:
    old, young = stores / "old.1.part", stores / "young.1.part"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    open_store(table(3), rows(0), FRAME, 16)
    assert (old.exists(), young.exists()) == (False, True)


def unreadable() -> NDArray[np.uint8]:
    raise DataError("frame.jpg: the image cannot be decoded")


def test_a_disk_without_room_is_an_error_before_anything_is_decoded(
    table: Tables, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(stores.parents[1])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=3 * 20 * 20 * 3 - 1))
    with pytest.raises(DataError, match=r"3 frames at 20 px take .* GB, and the disk has .*prune"):
        open_store(never_decoded(table(7)), rows(4, 1, 6), FRAME, 20)
    assert not folders(stores)
    assert len(open_store(table(7), rows(4, 1), FRAME, 20)) == 2


def test_the_size_of_a_large_store_is_reported_before_it_is_built(
    table: Tables, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGE", 3 * 20 * 20 * 3)
    events: list[str] = []

    def build(*frames: int) -> None:
        open_store(
            table(7),
            rows(*frames),
            FRAME,
            20,
            progress=lambda *done: events.append("decoded"),
            note=events.append,
        )

    build(4, 1)
    assert events == ["decoded"] * 2, "a small one is built without a note"
    events.clear()
    build(4, 1, 6)
    assert events[0].startswith(f"{stores}: 3 frames at 20 px take 0.0 GB; the disk has ")
    assert events[1:] == ["decoded"] * 3
    events.clear()
    build(4, 1, 6)
    assert events == [], "it is there"


def test_a_store_that_was_used_lately_is_kept(
    table: Tables, stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for size in (16, 20):
        open_store(table(7), rows(4, 1), FRAME, size)
    month = time.time() - 31 * 86400
    for each in stores.iterdir():
        os.utime(each, (month, month))
    open_store(table(7), rows(4, 1), FRAME, 16)  # its time of use is now
    [old] = old_stores(30)
    assert old.bytes > 2 * 20 * 20 * 3
    prune(days=30, dry_run=True)
    assert f"{old.folder}: 0.0 MB, last used 31 days ago" in capsys.readouterr().out
    assert len(folders(stores)) == 2
    prune(days=30, dry_run=False)
    assert old.folder.name not in folders(stores)
    assert len(folders(stores)) == 1
