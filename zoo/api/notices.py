"""Warnings, including deprecations: messages for the user although nothing has failed.

The command line prints each once, as one plain line. In Python they are ordinary warnings, so a
plugin author's tests show them, and ``pytest -W error::zoo.api.ZooDeprecationWarning`` fails on
them.
"""

from __future__ import annotations

import sys
import warnings
from types import FrameType

PLUGIN_PACKAGES = ("zoo.plugins.", "zoo.datasets.")
"""Packages of the built-in plugins: they are plugin code, although their names begin with zoo."""


class ZooWarning(UserWarning):
    """A warning in one line: what is wrong, why, and what to do.

    Example:
        The test of a plugin can fail on such warnings:

        >>> import warnings
        >>> from zoo.api import ZooWarning
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error", ZooWarning)
        ...     warnings.warn("labels.csv: 3 rows are left out", ZooWarning)
        Traceback (most recent call last):
        zoo.api.notices.ZooWarning: labels.csv: 3 rows are left out
    """


class ZooDeprecationWarning(ZooWarning, DeprecationWarning):
    """Something that still works but will be removed: what, since when, and what to use instead.

    Example:
        Python shows it like every :class:`ZooWarning`. Tools can filter it as a
        :class:`DeprecationWarning`:

        >>> from zoo.api import ZooDeprecationWarning, ZooWarning
        >>> issubclass(ZooDeprecationWarning, (ZooWarning, DeprecationWarning))
        True
    """


def deprecated(what: str, *, since: str, instead: str, by: str = "") -> None:
    """Warn that ``what``, which is deprecated, was used. Call this where it is used.

    ``since`` is the landmark-zoo release that first announced it (``"0.3"``). ``instead`` says what
    to do (``"give Backbone.mean"``). ``by`` says who used it. Its default is the line of the
    nearest caller outside the core, which is where the plugin's author has to look.
    """
    caller = _caller()
    place = f"{caller.f_code.co_filename}, line {caller.f_lineno}"
    message = (
        f"{by or place}: {what} is deprecated since landmark-zoo {since} and "
        f"kept for at least two minor releases after it: {instead}"
    )
    # Attributed to that line as well, so that Python's own filters by module work.
    _give(message, ZooDeprecationWarning, caller)


def warn(message: str) -> None:
    """Give a :class:`ZooWarning` that shows the line of the nearest caller outside the core."""
    _give(message, ZooWarning, _caller())


def _give(message: str, category: type[Warning], caller: FrameType) -> None:
    """Like ``warnings.warn`` in that frame: by default once per line, and filtered by its
    module."""
    warnings.warn_explicit(
        message,
        category,
        caller.f_code.co_filename,
        caller.f_lineno,
        module=str(caller.f_globals.get("__name__", "")),
        registry=caller.f_globals.setdefault("__warningregistry__", {}),
    )


def _caller() -> FrameType:
    frame = sys._getframe(2)
    while frame.f_back is not None and _is_core(str(frame.f_globals.get("__name__", ""))):
        frame = frame.f_back
    return frame


def _is_core(module: str) -> bool:
    if module == "contextlib":  # its frames lie between a context manager of ours and the caller
        return True
    return (module == "zoo" or module.startswith("zoo.")) and not module.startswith(PLUGIN_PACKAGES)
