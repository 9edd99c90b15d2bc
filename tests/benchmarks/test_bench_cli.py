"""How long `zoo list` takes beside what any command with these libraries must take.

Run with `make bench`; nothing is asserted about time, which depends on the machine.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

PROGRAMS = {
    "python": "pass",
    "typer_and_rich": "import typer, rich.table",
    "zoo_list": "from zoo.cli import main; import sys; sys.argv = ['zoo', 'list']; main()",
}


@pytest.mark.benchmark(group="start of the command line")
@pytest.mark.parametrize("program", PROGRAMS)
def test_bench_start(benchmark: BenchmarkFixture, program: str) -> None:
    command = [sys.executable, "-P", "-c", PROGRAMS[program]]
    done = benchmark.pedantic(
        subprocess.run, args=(command,), kwargs={"capture_output": True}, rounds=10, warmup_rounds=2
    )
    assert done.returncode == 0
    assert (b"custom_cnn" in done.stdout) == (program == "zoo_list")
