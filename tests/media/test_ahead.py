"""Frames that a thread reads ahead: in order, few at a time; its errors reach the caller."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from zoo.media import ahead as module
from zoo.media.ahead import ahead
from zoo.media.video import Frame


class Source:
    """Frames of ``side`` pixels; it counts how many were read and whether it was closed."""

    def __init__(self, count: int, error: BaseException | None = None, side: int = 1) -> None:
        self.count, self.error = count, error
        self.image = np.zeros((side, side, 3), np.uint8)
        self.read = 0
        self.closed = threading.Event()

    def __iter__(self) -> Generator[Frame]:
        try:
            for index in range(self.count):
                self.read += 1
                yield Frame(index, Path("film"), self.image)
            if self.error:
                raise self.error
        finally:
            self.closed.set()


def test_the_frames_come_in_order_and_then_the_reason_why_there_are_no_more() -> None:
    frames = ahead(iter(Source(100, MemoryError("too large"))))
    assert [next(frames).index for _ in range(100)] == list(range(100))
    with pytest.raises(MemoryError, match="too large"):
        next(frames)
    assert [frame.index for frame in ahead(iter(Source(100)))] == list(range(100))


@pytest.mark.parametrize(("side", "most"), [(1, 64), (1000, 32), (6000, 1)])
def test_few_frames_wait_and_stopping_leaves_no_thread(side: int, most: int) -> None:
    source = Source(1000, side=side)
    with closing(ahead(iter(source))) as frames:
        assert next(frames).index == 0
        [thread] = [t for t in threading.enumerate() if isinstance(t, module._Reader)]
    assert not thread.is_alive()
    assert source.closed.is_set()
    # the one that was taken, those that wait, and one that the thread holds
    assert source.read <= most + 2
