"""Every code block of the pages on export and on sharing is run; the hub is one of the loopback."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_hub import files_of, serve
from page_blocks import play_page

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.slow
def test_every_block_on_export_runs(tmp_path: Path) -> None:
    play_page(DOCS / "export.md", tmp_path)


@pytest.mark.slow
def test_every_block_on_sharing_runs(tmp_path: Path) -> None:
    with serve() as hub:
        play_page(DOCS / "share.md", tmp_path, **hub.variables, HF_HOME=str(tmp_path / "hf"))
    assert "model.onnx" in files_of(hub, "tester/small-faces")
