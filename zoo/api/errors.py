"""Errors a user can act on: each message names the thing, the reason and what to do next.

The command line prints them as they stand, in one or two lines, without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ZooError(Exception):
    """An expected failure."""

    exit_status = 1
    """Exit status of the command line."""


class UsageError(ZooError):
    """A wrong name, option or combination of options."""

    exit_status = 2


class PluginError(ZooError):
    """A plugin that is unknown, broken or ambiguous, or that breaks its contract."""


class DataError(ZooError):
    """A data set that is missing, malformed or unreadable; names the file and the row."""


class WeightsError(ZooError):
    """Weights that cannot be had or do not fit the model; names the file that was wanted."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not known, with the close matches, in one line.

    Args:
        what: What is named, such as ``metric``.
        name: As the user wrote it.
        known: All names that there are.

    Returns:
        The error, for the caller to raise.
    """
    names = list(known)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return UsageError(f"no {what} {name!r}: {hint}there are {', '.join(names)}")
