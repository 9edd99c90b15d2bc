"""Every block of the pages on Python and on ready models is run, one after another."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import make_environment
from page_blocks import PageRun, blocks

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["python", "models"])
def test_every_block_of_a_page_runs(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    run = PageRun(folder, make_environment(tmp_path / "environment", OMP_NUM_THREADS="1"))
    for block in blocks((DOCS / f"{name}.md").read_text()):
        try:
            run.play(block)
        except AssertionError as error:
            pytest.fail(f"{name}.md, line {block.line}: {error}")
