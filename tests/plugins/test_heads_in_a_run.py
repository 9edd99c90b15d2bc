"""Each head with maps in a complete run: trained with a chosen loss, saved, loaded, used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.evaluation.scores.predictions import load

SETS = (
    "dataset.people=20",
    "dataset.videos=1",
    "dataset.frames=2",
    "dataset.size=72",
    "augment.resize=66",
)


@pytest.mark.parametrize(
    ("head", "loss", "options"),
    [
        ("soft_argmax", "wing", ["head.stride=16", "head.regulariser=kl"]),
        ("simcc", "nme", ["head.stride=16", "head.split=1"]),
        ("heatmap", None, ["head.stride=8", "head.map_loss=mse"]),
    ],
)
def test_a_head_goes_all_the_way(
    head: str, loss: str | None, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    run = zoo.train(
        "timm:test_resnet",
        sets=[*SETS, *options],
        out=tmp_path / "runs",
        dataset="synthetic",
        head=head,
        loss=loss,
        input_size=64,
        epochs=1,
        batch_size=16,
        device="cpu",
    )
    record = json.loads((run / "record.json").read_text())
    assert record["config"]["head"] == f"landmark-zoo/{head}"
    predictions = load(run / "predictions" / "val.npz")
    assert predictions.scores is not None
    assert predictions.scores.shape == predictions.points.shape[:2]
    assert ((predictions.scores >= 0) & (predictions.scores <= 1)).all()
    # the weights that were kept are those that were scored
    picture = np.random.default_rng(0).integers(0, 256, (72, 72, 3), dtype=np.uint8)
    [face] = zoo.load(run).predict(picture, detector="none")
    assert face.points.shape == (68, 2)
    assert np.isfinite(face.points).all()
    assert face.scores is not None
    again = zoo.evaluate(run)
    assert again["nme_ioc"] == pytest.approx(record["results"]["val"]["nme_ioc"], rel=1e-6)
