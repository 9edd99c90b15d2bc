"""Every code block of the pages on export and on sharing is run; the hub is one of the loopback."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import make_environment
from loopback_hub import files_of, serve
from page_blocks import PageRun, blocks

DOCS = Path(__file__).parents[1] / "docs"


def play(page: str, folder: Path, **variables: str) -> None:
    """Run all blocks of a page in an environment that sees what is installed here."""
    here = folder / "here"
    here.mkdir()
    environment = make_environment(folder / "environment", OMP_NUM_THREADS="1", **variables)
    run = PageRun(here, environment)
    for block in blocks((DOCS / page).read_text()):
        try:
            run.play(block)
        except AssertionError as error:
            raise AssertionError(f"{page}, line {block.line}: {error}") from error


@pytest.mark.slow
def test_every_block_on_export_runs(tmp_path: Path) -> None:
    play("export.md", tmp_path)


@pytest.mark.slow
def test_every_block_on_sharing_runs(tmp_path: Path) -> None:
    with serve() as hub:
        play("share.md", tmp_path, **hub.variables, HF_HOME=str(tmp_path / "hf"))
    assert "model.onnx" in files_of(hub, "tester/small-faces")
