"""Every block of the pages for beginners is run, one after another.

Long trainings are shortened, as the pages say.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from page_blocks import play_page

DOCS = Path(__file__).parents[2] / "docs"
SHORTER = {
    "--epochs 16": "--epochs 1 --set dataset.people=20",
    "450 frames": "150 frames",
    "80 frames": "30 frames",
    "--epochs 120": "--epochs 4",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["start", "your-own-data", "coming-from"])
def test_every_block_of_a_page_runs(name: str, tmp_path: Path) -> None:
    play_page(DOCS / f"{name}.md", tmp_path, SHORTER)
