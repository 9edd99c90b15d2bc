"""Benchmarks can add lines of text to the end of the test output."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_LINES = pytest.StashKey[list[str]]()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that adds a line to the summary of the test run."""
    return request.config.stash.setdefault(_LINES, []).append


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    lines = config.stash.get(_LINES, [])
    if lines:
        terminalreporter.section("side by side")
        for line in lines:
            terminalreporter.write_line(line)
