"""A run and its ONNX file, made anew for each file of tests that asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from untrained import make_run

from zoo.export.export import export_onnx


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with scores, which most tests can share."""
    return make_run(tmp_path_factory.mktemp("runs") / "net-drawn-0a1b2c-s0", head="simcc")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_onnx(run, tmp_path_factory.mktemp("onnx") / "net.onnx").path
