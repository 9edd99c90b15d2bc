"""Reads frames ahead in a thread: while the network works on some, the next ones are decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import closing
from threading import Condition, Thread

from zoo.prediction.picture import MOST_PIXELS

from .video import Frame

MOST_FRAMES = 64


def ahead(frames: Generator[Frame]) -> Generator[Frame]:
    """The same frames in the same order, read ahead by one thread.

    An error that is raised while a frame is read is raised here, after the frames before it.
    Closing this generator stops the thread and closes ``frames``.
    """
    reader = _Reader(frames)
    reader.start()
    try:
        while (frame := reader.next()) is not None:
            yield frame
    finally:
        reader.stop()


def area(frame: Frame) -> int:
    """Pixels of a frame; 0 for one that could not be read."""
    return 0 if frame.image is None else frame.image.shape[0] * frame.image.shape[1]


class _Reader(Thread):
    def __init__(self, frames: Generator[Frame]) -> None:
        super().__init__(name="reading frames", daemon=True)
        self.frames = frames
        self.changed = Condition()
        self.waiting: deque[Frame] = deque()
        self.pixels = 0
        self.stopped = self.ended = False
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with closing(self.frames):
                for frame in self.frames:
                    if not self._put(frame):
                        return
        except BaseException as error:  # raised again in the thread that asks for frames
            self.error = error
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        """Wait for room and add the frame. False: the reader was stopped."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopped or self._has_room(area(frame)))
            self.waiting.append(frame)
            self.pixels += area(frame)
            self.changed.notify_all()
            return not self.stopped

    def _has_room(self, pixels: int) -> bool:
        few = len(self.waiting) < MOST_FRAMES and self.pixels + pixels <= MOST_PIXELS
        return few or not self.waiting

    def next(self) -> Frame | None:
        """The next frame; None after the last."""
        with self.changed:
            self.changed.wait_for(lambda: self.waiting or self.ended)
            if self.waiting:
                frame = self.waiting.popleft()
                self.pixels -= area(frame)
                self.changed.notify_all()
                return frame
        if self.error is not None:
            raise self.error
        return None

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
        self.join()
