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
