"""The site: every page is in the navigation once, and the gallery is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo

DOCS = Path(__file__).parents[2] / "docs"
TOCTREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)


def navigation() -> list[str]:
    blocks = TOCTREE.findall((DOCS / "index.md").read_text())
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    pages = [line for line in lines if line and not line.startswith(":")]
    return [re.sub(r".*<(.*)>", r"\1", page) for page in pages]  # "Title <page>"


def test_every_page_is_in_the_navigation_once() -> None:
    pages = sorted(
        str(page.relative_to(DOCS).with_suffix(""))
        for page in DOCS.rglob("*.md")
        if page.relative_to(DOCS).parts[0] not in ("examples", "records", "index.md")
    )
    assert sorted(navigation()) == pages, "a page of docs/ has its line in docs/index.md"


def test_the_reference_has_every_name_of_zoo() -> None:
    page = (DOCS / "reference" / "python.md").read_text()
    named = re.findall(r"autofunction:: zoo\.(\w+)$", page, re.MULTILINE)
    assert sorted(named) == sorted(set(dir(zoo)) & set(zoo._LAZY))


def build(folder: Path, page: str) -> subprocess.CompletedProcess[str]:
    """Build a site of ``page`` and a start page, with the settings of this repository."""
    for name in ("conf.py", "site"):
        if not (folder / name).exists():
            (folder / name).symlink_to(DOCS / name)
    (folder / "examples").mkdir(exist_ok=True)
    (folder / "index.md").write_text("# First\n\n```{toctree}\nsecond\n```\n")
    (folder / "second.md").write_text(page)
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "--fresh-env"]
    return subprocess.run(
        [*command, folder, folder / "_built"], capture_output=True, text=True, check=False
    )


def test_a_link_that_leads_nowhere_fails_the_site(tmp_path: Path) -> None:
    done = build(tmp_path, "# Second\n\nSee [it](third.md).\n")
    assert done.returncode == 1
    assert "third.md" in done.stderr
    done = build(tmp_path, "# Second\n\nSee [it](index.md) and [examples](examples).\n")
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "_built" / "second.html").read_text()
    assert 'href="index.html"' in page
    assert "and examples." in page, "a folder is no page: its words stay"
    assert "http" not in "".join(re.findall(r'(?:src|stylesheet" href)="([^"]*)"', page))


@pytest.mark.parametrize(("sheet", "flags"), [("people", []), ("person", ["--one"])])
def test_the_gallery_is_what_its_script_draws(sheet: str, flags: list[str], tmp_path: Path) -> None:
    script = DOCS / "examples" / "gallery.py"
    drawn = tmp_path / "sheet.png"
    subprocess.run([sys.executable, script, *flags, drawn], check=True, capture_output=True)
    stored = DOCS / "images" / "gallery" / f"{sheet}.png"
    new, old = (np.asarray(Image.open(f).convert("RGB"), np.float32) for f in (drawn, stored))
    assert new.shape == old.shape
    assert np.abs(new - old).mean() < 8, f"{stored.name}: draw it anew with {script.name}"
