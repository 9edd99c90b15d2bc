"""A small finished run, which tests pack and write cards of."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.config.recipes import resolve
from zoo.training import run as engine


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch of a tiny network on a few drawn faces."""
    root = tmp_path_factory.mktemp("models")
    sets = [
        *("dataset.people=15", "dataset.videos=1", "dataset.frames=2", "dataset.size=64"),
        *("augment.resize=33", "input_size=32"),
    ]
    flags = {"dataset": "synthetic", "epochs": 1, "batch_size": 8, "device": "cpu"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(root / "home"))
        return engine.train(resolve("timm:test_resnet", "seed", sets, flags), root / "runs").path
