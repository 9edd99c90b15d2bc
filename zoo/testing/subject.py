"""The plugin being checked, and what its checks share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from zoo.api import PluginError, UsageError
from zoo.registry import Entry, registry
from zoo.testing.failures import CheckFailed, needs
from zoo.testing.fresh import Arrival, arrival

Root = str | Path | Callable[[], str | Path] | None
"""Folder of a data set; a function is called once, when the first check needs the folder."""


class Subject:
    """One installed plugin of one kind, with the options to build it with.

    What is shared is made when the first check needs it. If that fails because the plugin fails
    another check, :class:`CheckNotRun` names that check.
    """

    def __init__(
        self,
        plugin_id: str,
        kind: str,
        names: tuple[str, ...],
        options: Mapping[str, Any],
        data: Root,
        import_timeout: float,
    ) -> None:
        self.plugin_id = plugin_id
        self.kind = kind
        self.names = names
        """Names of the checks, in their order."""
        self.options = dict(options)
        self.data = data
        self.import_timeout = import_timeout

    @cached_property
    def entry(self) -> Entry:
        """Raises PluginError where no installed distribution, or more than one, has the id."""
        return registry(self.kind).locate(self.plugin_id)

    @cached_property
    def arrival(self) -> Arrival:
        """What its import did in a fresh process."""
        with needs("found_through_metadata"):
            entry = self.entry
        return arrival(entry, self.import_timeout)

    @cached_property
    def plugin(self) -> Any:
        """The plugin itself, an instance of its class in :mod:`zoo.api`."""
        with needs("import_leaves_no_trace"):
            return self.load()

    def load(self) -> Any:
        """Load it into this process, once a fresh one has shown that it can be."""
        if self.arrival.failure:
            raise CheckFailed(f"the plugin does not load: {self.arrival.failure}")
        try:
            return registry(self.kind).get(self.entry.qualified)
        except PluginError as error:
            raise CheckFailed(f"the plugin does not load: {error}") from error

    @cached_property
    def expected_failures(self) -> Mapping[str, str]:
        """As declared beside the plugin; none where it does not even load."""
        try:
            declared = self.plugin.expected_failures
        except CheckFailed:
            return {}
        return declared if isinstance(declared, Mapping) else {}

    @cached_property
    def root(self) -> Path | None:
        """Folder of a data set. Raises DataError without one, UsageError where none is taken."""
        from zoo.data.locate import find_root

        data = self.data() if callable(self.data) else self.data
        if data is not None and not self.plugin.needs_root:
            raise UsageError(f"{self.plugin_id} reads no files, so --data has no meaning for it")
        return find_root(self.plugin_id, self.plugin, None if data is None else Path(data))
