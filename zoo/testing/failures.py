"""The exceptions of checks that fail, and contexts that raise them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zoo.api import ZooError
from zoo.registry.entries import one_line


class CheckFailed(AssertionError):  # noqa: N818
    """A plugin does not do what its contract says; the message says what it does instead.

    Example:
        >>> from zoo.testing import CheckFailed, checks
        >>> try:
        ...     checks("no_such_loss", "loss")[0]()
        ... except CheckFailed as failure:
        ...     print(failure)
        no installed loss is called "no_such_loss"...
    """


class CheckNotRun(CheckFailed):
    """A check that could not begin, because the plugin fails another that it builds on.

    Args:
        needed: Name of the other check.
        reason: Why the plugin fails it.

    Example:
        >>> from zoo.testing import CheckNotRun, checks
        >>> try:
        ...     checks("no_such_loss", "loss")[-1]()
        ... except CheckNotRun as failure:
        ...     print(failure.needed)
        found_through_metadata
    """

    def __init__(self, needed: str, reason: str) -> None:
        super().__init__(f"needs {needed}: {reason}")
        self.needed = needed
        """Name of the other check."""
        self.reason = reason
        """Why the plugin fails it."""


def reason_of(error: BaseException) -> str:
    """What an exception says, on one line; its type comes first unless it is one of the zoo's."""
    if isinstance(error, ZooError | CheckFailed):
        return " ".join(str(error).split())
    return one_line(error)


@contextmanager
def needs(name: str) -> Iterator[None]:
    """What fails inside becomes :class:`CheckNotRun`: it is for the check ``name`` to report."""
    try:
        yield
    except CheckNotRun:
        raise
    except Exception as error:
        raise CheckNotRun(name, reason_of(error)) from error


@contextmanager
def must(what: str) -> Iterator[None]:
    """What is raised inside becomes :class:`CheckFailed`. ``what``: what the plugin had to do."""
    try:
        yield
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(f"{what} raises {reason_of(error)}") from error
