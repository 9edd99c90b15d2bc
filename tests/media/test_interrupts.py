"""Ctrl-C and SIGTERM during work that must be finished."""

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


def test_a_signal_handler_is_called_once_and_stays() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with held_back():
            signal.raise_signal(signal.SIGTERM)
            assert received == []
        assert received == [signal.SIGTERM]
        signal.raise_signal(signal.SIGTERM)
        assert len(received) == 2
    finally:
        signal.signal(signal.SIGTERM, before)


def test_work_in_another_thread_goes_on() -> None:
    handlers = [signal.getsignal(number) for number in SIGNALS]
    found = []

    def work() -> None:
        with held_back():
            found.append([signal.getsignal(number) for number in SIGNALS])

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert found == [handlers]
