"""The time of `zoo list` and `zoo predict`, compared with the time of their libraries alone.

Run with `make bench`; nothing is asserted about time, which depends on the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

ONE_TABLE = """
import typer
from rich.console import Console
from rich.table import Table

def main():
    table = Table("id", "kind")
    table.add_row("a", "backbone")
    Console().print(table)

typer.run(main)
"""
ZOO = "from zoo.cli import main; import sys; sys.argv = ['zoo', *{}]; main()"
RECORDS = str(Path(__file__).parents[2] / "docs/records")
PROGRAMS = {
    "python": ("print('nothing')", b"nothing"),
    "typer_and_rich": (ONE_TABLE, b"backbone"),
    "zoo_list": (ZOO.format(["list"]), b"custom_cnn"),
    "zoo_list_timm": (ZOO.format(["list", "timm:*"]), b"timm:resnet18"),
    "zoo_leaderboard": (ZOO.format(["leaderboard", RECORDS]), b"custom_cnn"),
}
"""Programs: the code, and a part of its output. The first command stores the names of timm's
networks."""


@pytest.mark.benchmark(group="start of the command line")
@pytest.mark.parametrize("program", PROGRAMS)
def test_bench_start(benchmark: BenchmarkFixture, program: str) -> None:
    code, printed = PROGRAMS[program]
    command = [sys.executable, "-P", "-c", code]
    done = benchmark.pedantic(
        subprocess.run, args=(command,), kwargs={"capture_output": True}, rounds=10, warmup_rounds=2
    )
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


def cpu_seconds(command: list[str], folder: Path) -> float:
    """The user and system time of a process."""
    before = os.times()
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


@pytest.mark.benchmark(group="zoo predict photo.jpg")
def test_bench_predict(
    benchmark: BenchmarkFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    say: Callable[[str], None],
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Image.fromarray(np.full((240, 240, 3), 128, np.uint8)).save(tmp_path / "photo.jpg")
    predict = [sys.executable, "-P", "-m", "zoo", "predict", "photo.jpg", "--detector", "none"]
    predict += ["--min-confidence", "0"]  # the picture shows no face
    libraries = [sys.executable, "-P", "-c", "import cv2, onnxruntime, pandas"]
    times: dict[str, list[float]] = {"predict": [], "libraries": []}

    def run_predict() -> None:
        times["predict"].append(cpu_seconds([*predict, "--overwrite"], tmp_path))

    def run_imports() -> None:
        times["libraries"].append(cpu_seconds(libraries, tmp_path))

    benchmark.pedantic(run_predict, setup=run_imports, rounds=5, warmup_rounds=1)
    total, imports = (median(seconds[1:] or seconds) for seconds in times.values())
    say(
        f"zoo predict photo.jpg: {total:.2f} s of CPU, {total / imports:.2f} times "
        f"`import cv2, onnxruntime, pandas` ({imports:.2f} s)"
    )
    assert (tmp_path / "predictions" / "photo-points.jpg").is_file()
