"""The time to predict crops by PyTorch and by ONNX, on one thread. Run with `make bench`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from untrained import make_run

from zoo.export.export import export_onnx
from zoo.prediction import load


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    run = make_run(
        tmp_path_factory.mktemp("bench") / "run", "timm:mobilenetv3_small_100", "soft_argmax", 112
    )
    return {"PyTorch": run, "ONNX": export_onnx(run).path}


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("runtime", ["PyTorch", "ONNX"])
def test_points_of_a_batch(
    benchmark: BenchmarkFixture,
    models: dict[str, Path],
    runtime: str,
    batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = load(models[runtime], "cpu")
    crops = np.random.default_rng(0).integers(0, 256, (batch, 112, 112, 3), np.uint8)
    benchmark.group = f"points of {batch}"
    points = benchmark(model.run, crops).points
    torch.set_num_threads(threads)
    assert points.shape == (batch, 68, 2)
