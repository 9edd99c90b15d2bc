"""A run and its ONNX file, made once for each test module that uses them."""

from __future__ import annotations

from pathlib import Path

import pytest
from untrained import make_run

from zoo.export.export import export_onnx


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose head gives scores; most tests can share it."""
    return make_run(tmp_path_factory.mktemp("runs") / "net-drawn-0a1b2c-s0", head="simcc")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_onnx(run, tmp_path_factory.mktemp("onnx") / "net.onnx").path
