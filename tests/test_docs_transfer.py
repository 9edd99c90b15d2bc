"""Every block of the page on transfer is run, one after another."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_wflw import write_wflw
from environments import make_environment
from page_blocks import PageRun, blocks

PAGE = Path(__file__).parents[1] / "docs" / "transfer.md"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_block_of_the_page_runs(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    write_wflw(folder / "WFLW", people=5)
    run = PageRun(folder, make_environment(tmp_path / "environment", OMP_NUM_THREADS="1"))
    for block in blocks(PAGE.read_text()):
        try:
            run.play(block)
        except AssertionError as error:
            pytest.fail(f"{PAGE.name}, line {block.line}: {error}")
