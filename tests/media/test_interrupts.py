"""Ctrl-C and SIGTERM in the midst of what must not be torn."""

from __future__ import annotations

import signal
from threading import Thread

import pytest

from zoo.media.interrupts import SIGNALS, held_back


def test_an_interrupt_waits_for_the_end() -> None:
    done = []

    def interrupted() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["the rest"]
    with pytest.raises(KeyboardInterrupt):  # and the usual handler is back
        signal.raise_signal(signal.SIGINT)


def test_what_handles_a_signal_is_asked_once_and_stays() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with held_back():
            signal.raise_signal(signal.SIGTERM)
            assert heard == []
        assert heard == [signal.SIGTERM]
        signal.raise_signal(signal.SIGTERM)
        assert len(heard) == 2
    finally:
        signal.signal(signal.SIGTERM, before)


def test_work_in_another_thread_goes_on() -> None:
    handlers = [signal.getsignal(number) for number in SIGNALS]
    seen = []

    def work() -> None:
        with held_back():
            seen.append([signal.getsignal(number) for number in SIGNALS])

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [handlers]
