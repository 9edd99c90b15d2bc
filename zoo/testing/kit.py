"""The checks of a plugin, how they are run, and how they are counted.

A check passes, fails, or cannot be run because the plugin fails another check that it builds on,
which counts as a failure too. A failure that the plugin declares in its ``expected_failures`` is
counted as expected. A declared failure that does not happen is a failure, so that declarations stay
true. The list of a kind is fixed, so a check may not apply to a plugin (points without symmetry
have no flip that could be wrong); it then says why, and is counted as not applicable.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from inspect import getdoc
from typing import Any, Literal

from zoo.api.kinds import KINDS
from zoo.registry import canonical_kind, kind_of
from zoo.testing.failures import CheckFailed, CheckNotRun, reason_of
from zoo.testing.subject import Root, Subject

__all__ = ["Check", "CheckFailed", "CheckNotRun", "Outcome", "checks", "run", "summary"]

IMPORT_TIMEOUT = 60.0
"""Seconds."""

Test = Callable[[Any], str | None]
"""Takes the subject. Raises what is wrong with it; returns why it does not apply, or None."""

Status = Literal[
    "ok", "not applicable", "failed as expected", "failed", "passed unexpectedly", "not run"
]


GOOD: tuple[Status, ...] = ("ok", "not applicable", "failed as expected")


@dataclass(frozen=True)
class Check:
    """One check of one plugin.

    Calling it raises :class:`CheckFailed` with a clear message, or returns None, or returns why the
    check does not apply: a data set without people cannot mix them up.

    Example:
        >>> from zoo.testing import checks
        >>> check = checks("l1", "loss")[0]
        >>> check
        <check 1 found_through_metadata of l1>
        >>> check() is None
        True
    """

    number: int
    """Its place in the list of its kind, from 1."""
    name: str
    """Lower case, with underscores."""
    summary: str
    """One sentence: what is true of a plugin that passes."""
    subject: Subject
    test: Test
    tests: Mapping[str, Test] = field(default_factory=dict, repr=False)
    """All checks of the kind, by name."""

    @property
    def expected_failure(self) -> str:
        """Why the plugin is known to fail; empty: it is not. Loads the plugin."""
        if self.name == "declares_valid_facts":  # or a wrong declaration could excuse itself
            return ""
        return str(self.subject.expected_failures.get(self.name, ""))

    def __call__(self) -> str | None:
        try:
            # What a plugin prints goes to standard error: standard output belongs to the command.
            with redirect_stdout(sys.stderr):
                return self.test(self.subject)
        except CheckNotRun as error:
            if self._passes(error.needed):  # so the fault is this check's own
                raise CheckFailed(error.reason) from error
            raise
        except CheckFailed:
            raise
        except (Exception, SystemExit) as error:
            raise CheckFailed(reason_of(error)) from error

    def _passes(self, name: str) -> bool:
        """Whether the plugin passes the other check of this name."""
        if name not in self.tests or name == self.name:
            return False
        try:
            with redirect_stdout(sys.stderr):
                self.tests[name](self.subject)
        except (Exception, SystemExit):
            return False
        return True

    def __repr__(self) -> str:
        return f"<check {self.number} {self.name} of {self.subject.plugin_id}>"


@dataclass(frozen=True)
class Outcome:
    """The result of a check.

    Example:
        >>> from zoo.testing import checks, run
        >>> outcome = run(checks("l1")[0])
        >>> outcome.status, outcome.as_expected
        ('ok', True)
    """

    check: Check
    status: Status
    message: str
    """What failed, or why it does not apply; for an expected failure, its declared reason."""
    seconds: float
    failure: CheckFailed | None = None

    @property
    def as_expected(self) -> bool:
        return self.status in GOOD


def checks(
    plugin_id: str,
    kind: str | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    data: Root = None,
    import_timeout: float = IMPORT_TIMEOUT,
) -> list[Check]:
    """The checks of a plugin, in their order. Nothing is loaded before one of them is called.

    Args:
        plugin_id: Id of an installed plugin, such as ``timm:resnet18``.
        kind: Its kind, such as ``"loss"``. It may be left out where the id stands in one kind
            only.
        options: Options of the plugin's ``build`` (``open`` for a data set). ``input_size`` among a
            backbone's is the size in pixels at which it is checked beside its declared one.
        data: Root of a data set, or a function that gives it, called when it is first needed.
            None: the usual places are searched.
        import_timeout: Time in seconds that the plugin's import may take.

    Returns:
        The checks of the kind, all of them for every plugin.

    Raises:
        zoo.api.PluginError: The id is given without ``kind``, and no plugin has it.
        zoo.api.UsageError: There is no such kind, or the id stands in several and ``kind`` is None.

    Example:
        >>> from zoo.testing import checks
        >>> [check.name for check in checks("l1", "loss")][:2]
        ['found_through_metadata', 'import_leaves_no_trace']
    """
    kind = canonical_kind(kind) if kind else kind_of(plugin_id)
    # it has the list, CHECKS, and the class of what the checks are run on, SUBJECT
    module = importlib.import_module(f"zoo.testing.{KINDS[kind].plural}")
    tests: Sequence[Test] = module.CHECKS
    by_name = {test.__name__: test for test in tests}
    names = tuple(by_name)
    subject: Subject = module.SUBJECT(plugin_id, kind, names, options or {}, data, import_timeout)
    return [
        Check(number, test.__name__, _first_sentence(test), subject, test, by_name)
        for number, test in enumerate(tests, start=1)
    ]


def _first_sentence(test: Test) -> str:
    return " ".join((getdoc(test) or "").partition("\n\n")[0].split())


def run(check: Check) -> Outcome:
    """Call a check and grade its result.

    Args:
        check: One of :func:`checks`.

    Returns:
        The result. A failure of the plugin raises nothing here: it is in ``failure``.

    Example:
        >>> from zoo.testing import checks, run
        >>> run(checks("l1", "loss")[0]).status
        'ok'
    """
    start = time.perf_counter()
    failure: CheckFailed | None = None
    remark: str | None = None
    try:
        remark = check()
    except CheckFailed as error:
        failure = error
    seconds = time.perf_counter() - start
    expected = check.expected_failure
    if failure is None:
        if expected:
            message = f"passes, so take it out of the plugin's expected_failures ({expected})"
            return Outcome(check, "passed unexpectedly", message, seconds)
        return Outcome(check, "not applicable" if remark else "ok", remark or "", seconds)
    if expected:
        return Outcome(check, "failed as expected", expected, seconds, failure)
    status: Status = "not run" if isinstance(failure, CheckNotRun) else "failed"
    return Outcome(check, status, reason_of(failure), seconds, failure)


def summary(outcomes: Iterable[Outcome]) -> str:
    """Count how checks came out.

    Args:
        outcomes: What :func:`run` gave for each check.

    Returns:
        One line: ``12/12``, ``16/16, 1 of them an expected failure`` or
        ``14/16: 1 failed, 1 not run``.

    Example:
        >>> from zoo.testing import checks, run, summary
        >>> summary([run(checks("l1", "loss")[0])])
        '1/1'
    """
    counts = Counter(outcome.status for outcome in outcomes)
    bad = [f"{n} {status}" for status, n in counts.items() if status not in GOOD]
    text = f"{sum(counts[status] for status in GOOD)}/{counts.total()}"
    if bad:
        text += f": {', '.join(bad)}"
    if expected := counts["failed as expected"]:
        text += f", {expected} of them "
        text += "an expected failure" if expected == 1 else "expected failures"
    if count := counts["not applicable"]:
        text += f", {count} not applicable"
    return text
