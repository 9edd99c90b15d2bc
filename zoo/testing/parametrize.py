"""The kit as pytest tests: one for each check, with a readable id and strict expected failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.testing.kit import IMPORT_TIMEOUT, Check, CheckFailed, checks, run
from zoo.testing.subject import Root

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class PytestCheck(Check):
    """A check whose expected failure is pytest's xfail, and whose unexpected pass fails.

    This is decided at the call: a mark would have to load the plugin while tests are collected.
    """

    def __call__(self) -> str | None:
        import pytest

        __tracebackhide__ = True
        outcome = run(Check(self.number, self.name, self.summary, self.subject, self.test))
        if outcome.status == "failed as expected":
            pytest.xfail(outcome.message)
        if not outcome.as_expected:
            raise CheckFailed(
                f"{self.subject.plugin_id}: {self.name}: {outcome.message}"
            ) from outcome.failure
        return outcome.message or None


def parametrize_with_checks(
    plugin_id: str,
    *,
    kind: str | None = None,
    options: Mapping[str, Any] | None = None,
    data: Root = None,
    import_timeout: float = IMPORT_TIMEOUT,
) -> pytest.MarkDecorator:
    """Run a test once for every check of a plugin; it takes the argument ``check`` and calls it.

    Collecting the tests loads no plugin.

    Args:
        plugin_id: Id of an installed plugin.
        kind: Its kind; may be left out where the id stands in one kind only.
        options: Options of the plugin's ``build`` (``open`` for a data set).
        data: Root of a data set, or a function that gives it. None: the usual places.
        import_timeout: Time in seconds that the plugin's import may take.

    Returns:
        The decorator.

    Raises:
        zoo.api.PluginError: The id is given without ``kind``, and no plugin has it.
        zoo.api.UsageError: There is no such kind, or the id stands in several and ``kind`` is None.

    Example:
        >>> from zoo.testing import parametrize_with_checks
        >>> @parametrize_with_checks("l1", kind="loss")
        ... def test_conformance(check):
        ...     check()
    """
    import pytest

    found = checks(plugin_id, kind, options=options, data=data, import_timeout=import_timeout)
    pytest_checks = [PytestCheck(c.number, c.name, c.summary, c.subject, c.test) for c in found]
    return pytest.mark.parametrize("check", pytest_checks, ids=[check.name for check in found])
