"""The pages say what is so: their commands run, their links lead somewhere, their keys exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import quick_process

from zoo.config import known_keys

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# An indented block after this comment is run, each page's in one shell of its own.
RUN = re.compile(r"<!-- run -->\n((?:    .*\n)+)")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize(
    "page", [p for p in PAGES if RUN.search(p.read_text())], ids=lambda p: p.name
)
def test_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    script = "".join(RUN.findall(page.read_text()))
    (tmp_path / "bin").mkdir()
    quick_process.command(tmp_path / "bin", "zoo", Path(sys.executable))
    places = [tmp_path / "bin", sysconfig.get_path("scripts"), os.environ["PATH"]]
    environment = os.environ | {
        "PATH": os.pathsep.join(map(str, places)),
        "ZOO_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_page_on_training_names_every_key() -> None:
    page = (ROOT / "docs" / "training.md").read_text()
    named = set(re.findall(r"`\.?([a-z0-9_.]+)`", page))
    missing = [key for key in known_keys() if not {key, key.rpartition(".")[2]} & named]
    assert missing == []


def test_a_picture_is_drawn_for_the_demo(tmp_path: Path) -> None:
    script = ROOT / "docs" / "examples" / "draw_faces.py"
    picture = tmp_path / "new" / "face.png"
    assert quick_process.run([script, "--count", "2", picture]).returncode == 0
    assert sorted(p.name for p in picture.parent.iterdir()) == ["face-0.png", "face-1.png"]
