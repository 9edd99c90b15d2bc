"""Frames that are needed again: decoded once, the same to the bit, and nothing is left of them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.api import ZooWarning
from zoo.data import decoded_once as module
from zoo.data.decoded_once import decoded_once


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file lies."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    monkeypatch.setattr(module, "LEFT_FREE", 0)
    return tmp_path / "stores"


class Pictures:
    """Twelve pictures of different sizes, and how often each was decoded."""

    def __init__(self) -> None:
        self.decoded: Counter[int] = Counter()

    def picture(self, number: int) -> NDArray[np.uint8]:
        draw = np.random.default_rng(number)
        return draw.integers(0, 256, (4 + number, 7, 3), np.uint8)[:, ::-1]  # not contiguous

    def images(self) -> Iterator[Callable[[], NDArray[np.uint8]]]:
        for number in range(12):

            def image(number: int = number) -> NDArray[np.uint8]:
                self.decoded[number] += 1
                return self.picture(number)

            yield image


def look(pictures: Pictures, images: tuple[Callable[[], NDArray[np.uint8]], ...]) -> None:
    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(lambda image: image(), images)):
            np.testing.assert_array_equal(found, pictures.picture(number))


def test_a_frame_is_decoded_once_and_stays_the_same(stores: Path) -> None:
    pictures = Pictures()
    images = decoded_once(list(pictures.images()))
    assert not pictures.decoded, "what nobody looks at is not decoded"
    for _ in range(3):
        look(pictures, images)
    assert pictures.decoded == dict.fromkeys(range(12), 1)
    del images
    assert list(stores.iterdir()) == []


def test_a_large_frame_is_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", pictures_bytes := (4 + 5) * 7 * 3)
    pictures = Pictures()
    images = decoded_once(list(pictures.images()))
    look(pictures, images)
    look(pictures, images)
    again = {number for number, times in pictures.decoded.items() if times == 2}
    assert again == {n for n in range(12) if pictures.picture(n).nbytes > pictures_bytes}


def test_a_disk_without_room_is_told_once_and_frames_are_decoded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LEFT_FREE", 1 << 60)
    pictures = Pictures()
    images = decoded_once(list(pictures.images()))
    with pytest.warns(ZooWarning, match="GB are free; frames that do not fit") as told:
        look(pictures, images)
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        look(pictures, images)
    assert pictures.decoded == dict.fromkeys(range(12), 2)
