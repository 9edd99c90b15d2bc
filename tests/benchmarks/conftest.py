"""What the benchmarks found beyond pytest-benchmark's tables, in plain words at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_LINES = pytest.StashKey[list[str]]()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to the summary of the run."""
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
