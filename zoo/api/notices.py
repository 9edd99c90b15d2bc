"""What a person should hear although nothing has failed: warnings, and deprecations among them.

The command line prints each once, as one plain line. In Python they are ordinary warnings, so an
author's tests show them, and ``pytest -W error::zoo.api.ZooDeprecationWarning`` fails on them.
"""

from __future__ import annotations

import sys
import warnings
from types import FrameType

PLUGIN_PACKAGES = ("zoo.plugins.", "zoo.datasets.")
"""Where the built-in plugins live: theirs is plugin code, though its name begins with zoo."""


class ZooWarning(UserWarning):
    """Something that is not as it should be, in one line: what, why, and what to do.

    Example:
        A plugin's author lets a test fail on such warnings:

        >>> import warnings
        >>> from zoo.api import ZooWarning
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error", ZooWarning)
        ...     warnings.warn("labels.csv: 3 rows are left out", ZooWarning)
        Traceback (most recent call last):
        zoo.api.notices.ZooWarning: labels.csv: 3 rows are left out
    """


class ZooDeprecationWarning(ZooWarning, DeprecationWarning):
    """Something that works today and will not for ever: what, since when, and what to use.

    Example:
        Python shows it, as it shows every :class:`ZooWarning`, and other tools may filter it:

        >>> from zoo.api import ZooDeprecationWarning, ZooWarning
        >>> issubclass(ZooDeprecationWarning, (ZooWarning, DeprecationWarning))
        True
    """


def deprecated(what: str, *, since: str, instead: str, by: str = "") -> None:
    """Announce that ``what`` was used, which is deprecated; call it where it is used.

    ``since`` is the release of landmark-zoo that first says so (``"0.3"``), ``instead`` what to do
    (``"give Backbone.mean"``), ``by`` who used it; by default the line of the nearest caller that
    is no part of the core, which is where the plugin's author has to look.
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
    """As ``warnings.warn`` in that frame: by default once a line, and filtered by its module."""
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
    if module == "contextlib":  # between a function of ours and who called it
        return True
    return (module == "zoo" or module.startswith("zoo.")) and not module.startswith(PLUGIN_PACKAGES)
