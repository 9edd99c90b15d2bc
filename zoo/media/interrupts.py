"""Holds Ctrl-C and SIGTERM back while a piece of work must not be interrupted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """A context that delivers signals at its end, so that counts agree with what was written.

    Outside the main thread it does nothing: Python delivers no signals there.
    """
    if current_thread() is not main_thread():
        yield
        return
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, remember) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: the handler was not set from Python, and Python cannot set it again
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for each in received:
            signal.raise_signal(each)
