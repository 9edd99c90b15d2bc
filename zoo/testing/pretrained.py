"""Whether weights that a plugin calls pretrained are trained."""

from __future__ import annotations

import errno
import io
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, NoReturn
from unittest import mock

from torch import nn

from zoo.testing.failures import CheckFailed

Build = Callable[[int, bool], nn.Module]
"""Builds a network from torch's seed, with pretrained weights or without."""


def require_honesty(build: Build, weights: str) -> None:
    """Fails unless ``pretrained=True`` gives trained weights, or raises an error with a reason.

    ``weights`` is what the plugin declares. Nothing is downloaded. Trained weights differ from a
    random start and do not change with the seed, except for at most half of them (a new layer,
    such as one for other channels).
    """
    # torch.hub prints that it downloads before it finds that it cannot
    with no_network(), redirect_stdout(io.StringIO()):
        try:
            networks = [build(seed, True) for seed in (0, 1)]
        except CheckFailed:
            raise
        except Exception as error:
            if not str(error).strip():
                raise CheckFailed(
                    f"pretrained=True raises {type(error).__name__} without a word of the reason"
                ) from error
            return
    if not weights:
        raise CheckFailed(
            "pretrained=True builds without complaint, and `weights` says that there are none: "
            "raise zoo.api.WeightsError"
        )
    share = _share_of_equal_weights(*networks)
    if share < 0.5:
        raise CheckFailed(
            f"pretrained=True gives random weights: {1 - share:.0%} of them change with torch's "
            "seed; raise what the download raised"
        )
    if _share_of_equal_weights(networks[0], build(0, False)) > 0.5:
        raise CheckFailed("pretrained=True gives the weights that pretrained=False gives")


def _share_of_equal_weights(a: nn.Module, b: nn.Module) -> float:
    """It leaves out parameters whose numbers are all equal (a bias of zeros says nothing)."""
    equal = total = 0
    theirs = dict(b.named_parameters())
    for name, mine in a.named_parameters():
        other = theirs.get(name)
        if other is None or other.shape != mine.shape or bool((mine == mine.flatten()[0]).all()):
            continue
        equal += int((mine == other).sum())
        total += mine.numel()
    return equal / total if total else 0.0


@contextmanager
def no_network() -> Iterator[None]:
    """Every connection and every look-up of a host fails at once, as without a network.

    This holds for Python code in this process, not for a program that is started from here.
    """

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise OSError(errno.ENETUNREACH, "the network is closed during this check")

    with (
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
        mock.patch.object(socket, "gethostbyname", refuse),
    ):
        yield
