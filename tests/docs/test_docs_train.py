"""Every block of the pages on training, data and comparing runs is run, one after another."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_wflw import write_wflw
from page_blocks import play_page

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["training", "heads", "transfer", "data", "benchmark", "evaluation"]
)
def test_every_block_of_a_page_runs(name: str, tmp_path: Path) -> None:
    if name == "transfer":
        write_wflw(tmp_path / "here" / "WFLW", people=5)
    play_page(DOCS / f"{name}.md", tmp_path)
