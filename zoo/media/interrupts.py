"""Work that is done whole or not begun, whenever Ctrl-C or SIGTERM comes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """Signals that come within are delivered at its end, so that what is counted and what is
    written agree. In another thread than the main one no signal is delivered anyway."""
    if current_thread() is not main_thread():
        yield
        return
    came: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, keep) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: it was not Python that set it, and Python cannot set it again
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for each in came:
            signal.raise_signal(each)
