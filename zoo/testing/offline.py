"""A network that is not there: to see what a plugin does without one, and to download nothing."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from unittest import mock


@contextmanager
def no_network() -> Iterator[None]:
    """Every connection and every look-up of a host fails at once, as on a machine without one.

    For Python code in this process: what a program started from here does is not seen.
    """

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise OSError(errno.ENETUNREACH, "the network is closed during this check")

    with (
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
        mock.patch.object(socket, "gethostbyname", refuse),
    ):
        yield
