"""Errors a user can act on: each message names the thing, the reason and what to do next.

The command line prints them as they stand, in one or two lines, without a traceback.
"""


class ZooError(Exception):
    """An expected failure."""

    exit_status = 1
    """Of the command line."""


class UsageError(ZooError):
    """A wrong name, option or combination of options."""

    exit_status = 2


class PluginError(ZooError):
    """A plugin that is unknown, broken or ambiguous, or that breaks its contract."""


class DataError(ZooError):
    """A data set that is missing, malformed or unreadable; names the file and the row."""


class WeightsError(ZooError):
    """Weights that cannot be had or do not fit the model; names the file that was wanted."""
