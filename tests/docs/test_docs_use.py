"""Every block of the pages on using a model is run, one after another, with a hub on this machine
(loopback)."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_hub import files_of, serve
from page_blocks import play_page

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predict", "python"])
def test_every_block_of_a_page_runs(name: str, tmp_path: Path) -> None:
    play_page(DOCS / f"{name}.md", tmp_path)


@pytest.mark.slow
def test_every_block_on_models_runs(tmp_path: Path) -> None:
    with serve() as hub:
        play_page(DOCS / "models.md", tmp_path, **hub.variables, HF_HOME=str(tmp_path / "hf"))
    assert "model.onnx" in files_of(hub, "tester/small-faces")
