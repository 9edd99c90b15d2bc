"""How `zoo export` compares graph and network: what it refuses, what it counts separately."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from untrained import make_run

from zoo.api import DataError, WeightsError
from zoo.datasets.synthetic import open_synthetic
from zoo.export.export import export_onnx
from zoo.model import LandmarkModel
from zoo.prediction import agreement, graph, load
from zoo.prediction.agreement import Agreement
from zoo.prediction.onnx_model import OnnxPredictor
from zoo.prediction.torch_model import TorchPredictor


def test_real_inputs_are_checked_where_they_are_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    small = ["dataset.people=15", "dataset.videos=1", "dataset.frames=3", "dataset.size=48"]
    drawn = make_run(tmp_path / "run", sets=small)
    sample = next(iter(open_synthetic(people=1, videos=1, frames=1).samples()))
    Image.fromarray(sample.image()).save(tmp_path / "face.png")
    done = export_onnx(drawn, data=tmp_path, pictures=[tmp_path / "face.png"])
    assert [(c.inputs, c.crops) for c in done.checks] == [
        ("random", 8),
        ("synthetic", 6),
        ("pictures", 1),
    ]
    assert all(c.holds for c in done.checks)
    with pytest.raises(DataError, match=r"none\.png: no such image"):
        export_onnx(run, tmp_path / "x.onnx", pictures=[tmp_path / "none.png"])
    assert not (tmp_path / "x.onnx").exists()


class Around(nn.Module):
    """A wrapper of a network."""

    def __init__(self, model: LandmarkModel) -> None:
        super().__init__()
        self.model = model


class Shifted(Around):
    """The same network, with points a tenth of a pixel of 64 to the right."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        output = self.model(images)
        return {**output, "points": output["points"] + torch.tensor([0.1 / 64, 0.0])}


def test_a_graph_that_says_something_else_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model.onnx"
    out.write_bytes(b"what stood here before")
    original = graph.CropsToPoints
    monkeypatch.setattr(graph, "CropsToPoints", lambda m, count: original(Shifted(m), count))
    with pytest.raises(WeightsError) as caught:
        export_onnx(run, out)
    assert f"{out}: not written: the ONNX graph gives other points than PyTorch" in str(
        caught.value
    )
    assert "worst point off by 0.1 px, 544 of 544 points beyond 0.05 px" in str(caught.value)
    assert "simcc on timm:test_resnet, torch 2." in str(caught.value)
    assert out.read_bytes() == b"what stood here before"
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]


class OfOneBatch(Around):
    """Keeps the first batch's size, as a traced constant would."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        output = self.model(images)
        mean = output["points"].sum(0, keepdim=True) / 2
        return {"points": output["points"] + 1e-9 * mean.expand(graph.BATCH, -1, -1)}


def test_a_graph_that_holds_on_to_a_batch_size_is_found(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = graph.CropsToPoints
    monkeypatch.setattr(graph, "CropsToPoints", lambda m, shapes: original(OfOneBatch(m), shapes))
    with pytest.raises(
        WeightsError,
        match=r"model.onnx: not written: .*: onnxruntime fails on a batch of 2: .*; it holds on to "
        r"the size of the batch: .* in test_export_checks.py, line \d+$",
    ):
        export_onnx(run, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_scores_are_compared_too(run: Path, exported: Path) -> None:
    network, from_file = load(run, "cpu"), load(exported)
    assert isinstance(network, TorchPredictor)

    class Louder(OnnxPredictor):
        def run(self, crops: Any) -> Any:
            found = super().run(crops)
            assert found.scores is not None
            return found._replace(scores=found.scores + np.float32(0.01))

    louder = Louder(exported)
    fine = agreement.compare(network, from_file, agreement.random_crops(64), "random")
    wrong = agreement.compare(network, louder, agreement.random_crops(64), "random")
    assert fine.holds
    assert not wrong.holds
    assert "scores off by 0.01 (median)" in str(wrong)
    assert wrong.worst == fine.worst


class Tied(nn.Module):
    """The first point has two peaks of almost the same height, so that rounding decides. The others
    lie where the crop's brightness says."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        light = images.mean((1, 2, 3))
        tie = (images[:, 0, 0, 0] * 1e6 % 2 > 1).float()
        points = light[:, None, None].expand(-1, 68, 2).clone()
        points[:, 0, 0] = tie
        return {"points": points}


def test_a_point_that_rounding_decides_is_counted_apart(run: Path) -> None:
    network = load(run, "cpu")
    assert isinstance(network, TorchPredictor)
    network.model = Tied()  # type: ignore[assignment]

    class Other(TorchPredictor):
        def run(self, crops: Any) -> Any:
            found = network.run(crops)
            found.points[:, 0, 0] = 1 - found.points[:, 0, 0]
            found.points[:, 1, 0] += self.off
            return found

        off = 0.0

    other = Other.of_run(run, "cpu")
    found = agreement.compare(network, other, agreement.random_crops(64), "random")
    assert (found.undecided, found.beyond, found.worst) == (8, 0, 0.0)
    assert str(found).endswith("worst point off by 0 px, 8 of 544 points undecided")
    other.off = 0.01
    worse = agreement.compare(network, other, agreement.random_crops(64), "random")
    assert (worse.undecided, worse.beyond) == (8, 8)
    assert worse.worst == pytest.approx(0.64, abs=1e-4)


def test_a_network_that_rounding_sways_in_most_points_is_not_called_wrong(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swayed = Agreement("random", 8, 544, worst=0.0, beyond=0, undecided=55, score=None)
    assert not swayed.holds
    assert Agreement("random", 8, 544, worst=0.0, beyond=0, undecided=54, score=None).holds
    monkeypatch.setattr("zoo.export.export.compare", lambda *arguments: swayed)
    with pytest.raises(
        WeightsError, match=r"cannot be checked \(.*55 of 544 points undecided\)\. Is"
    ):
        export_onnx(run, tmp_path / "model.onnx")
