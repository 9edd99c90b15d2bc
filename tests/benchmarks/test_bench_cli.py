"""How long `zoo list` and `zoo predict` take beside what their libraries take alone.

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
"""Code, and what it prints; the names of timm's networks are kept by the first command."""


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
    """User and system time of a process."""
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
    predict += ["--min-confidence", "0"]  # a wall is no face
    libraries = [sys.executable, "-P", "-c", "import cv2, onnxruntime, pandas"]
    took: dict[str, list[float]] = {"predict": [], "libraries": []}

    def predicts() -> None:
        took["predict"].append(cpu_seconds([*predict, "--overwrite"], tmp_path))

    def imports() -> None:
        took["libraries"].append(cpu_seconds(libraries, tmp_path))

    benchmark.pedantic(predicts, setup=imports, rounds=5, warmup_rounds=1)
    whole, least = (median(seconds[1:] or seconds) for seconds in took.values())
    say(
        f"zoo predict photo.jpg: {whole:.2f} s of CPU, {whole / least:.2f} times "
        f"`import cv2, onnxruntime, pandas` ({least:.2f} s)"
    )
    assert (tmp_path / "predictions" / "photo-points.jpg").is_file()
