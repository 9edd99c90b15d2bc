"""Errors a user can act on: each message names the thing, the reason and what to do next.

The command line prints them as they stand, in one or two lines, without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable


class ZooError(Exception):
    """An expected failure: the base class of the errors below.

    Example:
        >>> import zoo
        >>> try:
        ...     zoo.load("no/such/run")
        ... except zoo.api.ZooError as error:
        ...     print(type(error).__name__, error.exit_status)
        UsageError 2
    """

    exit_status = 1
    """Exit status of the command line."""


class UsageError(ZooError):
    """A wrong name, option or combination of options.

    Example:
        >>> from zoo.api import UsageError
        >>> raise UsageError("layers must be 1 or more, not 0")
        Traceback (most recent call last):
        zoo.api.errors.UsageError: layers must be 1 or more, not 0
    """

    exit_status = 2


class PluginError(ZooError):
    """A plugin that is unknown, broken or ambiguous, or that breaks its contract.

    Example:
        >>> from zoo.api import PluginError
        >>> from zoo.registry import registry
        >>> try:
        ...     registry("loss").get("smoth_l1")
        ... except PluginError as error:
        ...     print(error)
        no installed loss is called "smoth_l1"; did you mean smooth_l1? ...
    """


class DataError(ZooError):
    """A data set that is missing, malformed or unreadable; the message names the file and the row.

    Example:
        >>> from zoo.api import DataError
        >>> raise DataError("labels.csv, row 3: part_0_x is no number: 'left'")
        Traceback (most recent call last):
        zoo.api.errors.DataError: labels.csv, row 3: part_0_x is no number: 'left'
    """


class WeightsError(ZooError):
    """Weights that cannot be loaded or do not fit the model; the message names the file.

    Example:
        >>> import zoo
        >>> try:
        ...     zoo.load("none.onnx")
        ... except zoo.api.WeightsError as error:
        ...     print(error)
        none.onnx: no such file; ...
    """


def close_names(
    name: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6
) -> list[str]:
    """The known names that ``name`` may stand for, the closest first.

    Args:
        name: As the user wrote it.
        known: All names that there are.
        most: How many to return at most.
        cutoff: Smallest similarity, from 0 to 1.

    Returns:
        Some of the known names; an empty list where none is close. A known name that is the first
        word of ``name`` comes first: ``lr`` for ``lr_rate``.

    Example:
        >>> from zoo.api.errors import close_names
        >>> close_names("smoth", ["smooth", "wing"])
        ['smooth']
        >>> close_names("lr_rate", ["epochs", "lr"])
        ['lr']
    """
    from difflib import get_close_matches

    names = list(known)
    first = name.partition("_")[0]
    close = get_close_matches(name, names, n=most, cutoff=cutoff)
    return list(dict.fromkeys([first, *close]))[:most] if first in names else close


def did_you_mean(
    name: str, known: Iterable[str], *, before: str = "", most: int = 3, cutoff: float = 0.6
) -> str:
    """A question that suggests the known names that are close to ``name``.

    Args:
        name: As the user wrote it.
        known: All names that there are.
        before: Text to put before each name, such as ``timm:``.
        most: How many to name at most.
        cutoff: Smallest similarity, from 0 to 1.

    Returns:
        The question; empty where nothing is close.

    Example:
        >>> from zoo.api.errors import did_you_mean
        >>> did_you_mean("smoth", ["smooth", "wing"])
        'did you mean smooth?'
        >>> did_you_mean("huber", ["smooth", "wing"])
        ''
    """
    close = close_names(name, known, most=most, cutoff=cutoff)
    return f"did you mean {' or '.join(before + each for each in close)}?" if close else ""


MOST_LISTED = 16
"""More names than these are listed only where none of them is close."""


def unknown_name(what: str, name: str, known: Iterable[str], *, listed_by: str = "") -> UsageError:
    """The error for a name that is not known, with the close matches, in one line.

    Args:
        what: What is named, such as ``metric``.
        name: As the user wrote it.
        known: All names that there are.
        listed_by: The command that lists them; without one, the message lists them.

    Returns:
        The error, for the caller to raise.

    Example:
        >>> from zoo.api.errors import unknown_name
        >>> unknown_name("loss", "smoth", ["smooth", "wing"])
        UsageError("no loss 'smoth': did you mean smooth? there are smooth, wing")
        >>> unknown_name("model", "face86", ["face68"], listed_by="zoo models")
        UsageError("no model 'face86': did you mean face68? `zoo models` lists them all")
    """
    names = list(known)
    hints = [did_you_mean(name, names, cutoff=0.5)]
    if listed_by:
        hints.append(f"`{listed_by}` lists them all")
    elif not hints[0] or len(names) <= MOST_LISTED:
        hints.append(f"there are {', '.join(names) or 'none'}")
    return UsageError(f"no {what} {name!r}: {' '.join(filter(None, hints))}")
