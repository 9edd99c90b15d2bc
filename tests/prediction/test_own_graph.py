"""A run exports itself when it first predicts, and again after its weights or config change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from untrained import make_run

from zoo.api import ZooWarning
from zoo.prediction import Predictor, load
from zoo.prediction.onnx_model import OnnxPredictor
from zoo.prediction.torch_model import TorchPredictor
from zoo.tensors import load_tensors, save_tensors

CROPS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("once") / "run", record=False)


@pytest.fixture
def run(once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    return Path(shutil.copytree(once, tmp_path / "run"))


def graphs(run: Path, ending: str = ".onnx") -> list[Path]:
    return sorted((run.parent / "home" / "graphs").glob(f"*{ending}"))


def points(model: Predictor) -> Any:
    return model.run(CROPS)[0]


def change(run: Path, by: float) -> None:
    tensors, header = load_tensors(run / "best.safetensors")
    changed = {k: by * v if k.startswith("head") else v for k, v in tensors.items()}
    save_tensors(run / "best.safetensors", changed, header)


def test_the_first_use_exports_and_the_next_ones_need_no_pytorch(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(run)
    [graph] = graphs(run)
    np.testing.assert_allclose(points(first), points(load(run, "cpu")), atol=1e-3)
    with monkeypatch.context() as patch:
        patch.delattr(TorchPredictor, "of_run")
        second = load(run)
        assert isinstance(second, OnnxPredictor)
        assert (second.name, second.region, second.faces) == ("run", first.region, first.faces)
        np.testing.assert_array_equal(points(second), points(first))
    graph.write_bytes(b"damaged since")
    np.testing.assert_array_equal(points(load(run)), points(first))
    assert graph.stat().st_size > 1000


def test_other_weights_or_another_configuration_are_exported_anew(run: Path) -> None:
    before = points(load(run))
    change(run, 0.5)
    after = points(load(run))
    assert not np.allclose(before, after, atol=1e-2)
    np.testing.assert_allclose(after, points(load(run, "cpu")), atol=1e-3)
    assert len(graphs(run)) == 2
    with (run / "config.toml").open("a") as file:
        file.write("# a remark\n")
    load(run)
    assert len(graphs(run)) == 3


def test_a_run_that_cannot_be_exported_says_why_and_predicts_all_the_same(run: Path) -> None:
    torch.manual_seed(0)
    change(run, 1e6)  # invisible noise moves its points
    for _ in range(2):  # the second time no export is tried
        with pytest.warns(ZooWarning, match="run: runs in PyTorch, .* its graph cannot be checked"):
            model = load(run)
        assert isinstance(model, TorchPredictor)
    assert not graphs(run)
    assert len(graphs(run, ".txt")) == 1
