"""Every block of the page on transfer is run, one after another."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_wflw import write_wflw
from page_blocks import play_page

PAGE = Path(__file__).parents[1] / "docs" / "transfer.md"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_block_of_the_page_runs(tmp_path: Path) -> None:
    write_wflw(tmp_path / "here" / "WFLW", people=5)
    play_page(PAGE, tmp_path)
