"""Every block of the pages for those who begin is run, one after another.

Long trainings are shortened: the pages say so, and with what."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_blocks import play_page

ROOT = Path(__file__).parents[1]
SHORTER = {"--epochs 120": "--epochs 4"}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["your-own-data", "from-dlib", "from-mmpose", "from-notebook"])
def test_every_block_of_a_page_runs(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "docs").symlink_to(ROOT / "docs")
    page = (ROOT / "docs" / f"{name}.md").read_text()
    for long, short in SHORTER.items():
        assert (long in page) == (short in page), f"{name}.md does not say that it is shortened"
    play_page(ROOT / "docs" / f"{name}.md", tmp_path, SHORTER)
