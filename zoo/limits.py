"""The limit on the memory that a model from an untrusted file may take, and how to raise it."""

from __future__ import annotations

import os

from zoo.api import UsageError

VARIABLE = "ZOO_MAX_GIB"
"""The environment variable that sets the limit, in GiB."""
DEFAULT_GIB = 2.0
"""Enough for 400 million parameters and their activations: all but the largest models of timm."""
GIB = 1 << 30


def memory_limit() -> int:
    """The limit in bytes. Raises :class:`UsageError` where VARIABLE holds no number above 0."""
    text = os.environ.get(VARIABLE, "")
    try:
        gib = float(text or DEFAULT_GIB)
        if not 0 < gib < 1e6:
            raise ValueError
    except ValueError:
        raise UsageError(f"{VARIABLE} = {text!r}: expected a number of GiB, such as 8") from None
    return int(gib * GIB)


def how_to_raise() -> str:
    return f"{VARIABLE}, now {memory_limit() / GIB:g}, sets the limit in GiB"
