"""A long run ends with a table of the cases, the accepted files and the faults of each kind."""

from __future__ import annotations

from collections import defaultdict

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "fuzz" and report.when == "call":
                    kind, *counts = value
                    sums[kind] = [a + b for a, b in zip(sums[kind], counts, strict=True)]
    if sums:
        sums["all"] = [sum(column) for column in zip(*sums.values(), strict=True)]
        terminalreporter.write_line("| kind of file | cases | accepted | faults |")
        terminalreporter.write_line("| --- | ---: | ---: | ---: |")
        for kind, counts in sums.items():
            terminalreporter.write_line(f"| {kind} | {' | '.join(map(str, counts))} |")
