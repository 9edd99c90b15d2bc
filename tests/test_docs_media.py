"""Every block of the pages on prediction and video is run, one after another."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_blocks import play_page

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["predict", "video"])
def test_every_block_of_a_page_runs(name: str, tmp_path: Path) -> None:
    play_page(DOCS / f"{name}.md", tmp_path)
