"""The conformance kit: fixed, numbered lists of named checks for every kind of plugin::

    from zoo.testing import parametrize_with_checks

    @parametrize_with_checks("my_backbone", kind="backbone")
    def test_conformance(check):
        check()

``zoo check ID`` runs the same lists. A list depends on the kind alone: no check is ever left out.
A plugin names the checks that it is known to fail, with the reasons, in ``expected_failures``.
"""

from zoo.testing.kit import Check, CheckFailed, CheckNotRun, Outcome, checks, run, summary
from zoo.testing.parametrize import parametrize_with_checks

__all__ = [
    "Check",
    "CheckFailed",
    "CheckNotRun",
    "Outcome",
    "checks",
    "parametrize_with_checks",
    "run",
    "summary",
]
