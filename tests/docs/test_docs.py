"""The pages are correct: the blocks of every page are run, links lead to files, and the reference
names every command, key and check."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import quick_process

from zoo.config import known_keys
from zoo.testing import checks

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "reference"))
import generated

sys.path.pop(0)

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if ROOT / "docs" / "examples" not in page.parents]
RUNS = re.compile(r"^<!-- (run|python|file)\b.*-->\n```", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_with_a_block_that_runs_is_played() -> None:
    """A page is named in a test file that plays pages; those on plugins are always played."""
    sources = "".join(file.read_text() for file in Path(__file__).parent.glob("test_docs_*.py"))
    pages = [page for page in PAGES if RUNS.search(page.read_text())]
    assert len(pages) > 10
    for page in pages:
        played = page.parent.name == "plugins" or re.search(rf'"{page.stem}(\.md)?"', sources)
        assert played, f"no test plays {page.name}"


def test_the_reference_names_every_command_key_and_check() -> None:
    commands = generated.filled("<!-- generated: commands -->\n")
    titles = re.findall(r"^## (zoo .*)$", commands, re.MULTILINE)
    assert {"zoo train", "zoo predict", "zoo data fetch"} <= set(titles)
    assert commands.count("\nUsage: zoo ") == len(titles)
    keys = re.findall(r"^\| `([\w.]+)` \| .* \| .* \| (.*) \|$", generated.keys(), re.MULTILINE)
    assert {key for key, _ in keys} > set(known_keys())
    assert [key for key, what in keys if not what] == []
    for kind in generated.KINDS:
        for check in checks("anything", kind):
            assert f"| {check.number} | `{check.name}` |" in generated.checks()


def test_a_picture_is_drawn_for_the_demo(tmp_path: Path) -> None:
    script = ROOT / "docs" / "examples" / "draw_faces.py"
    picture = tmp_path / "new" / "face.png"
    assert quick_process.run([script, "--count", "2", picture]).returncode == 0
    assert sorted(p.name for p in picture.parent.iterdir()) == ["face-0.png", "face-1.png"]
