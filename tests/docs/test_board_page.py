"""docs/leaderboard.md and docs/board.csv agree with the records: `make docs` writes them, and they
are not edited by hand."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from board_samples import predict, record

from zoo.evaluation.records import save_record

DOCS = Path(__file__).parents[2] / "docs"
FILES = ("leaderboard.md", "board.csv")
write = runpy.run_path(str(DOCS / "examples" / "write_board.py"))["write"]


def test_the_board_agrees_with_its_records(tmp_path: Path) -> None:
    (tmp_path / "records").symlink_to(DOCS / "records")
    # the page keeps the date of the old one
    (tmp_path / "leaderboard.md").write_bytes((DOCS / "leaderboard.md").read_bytes())
    write(tmp_path)
    for name in FILES:
        same = (tmp_path / name).read_text("utf-8") == (DOCS / name).read_text("utf-8")
        assert same, f"docs/{name} is not what docs/records give: make docs"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name, error in (("a", 0.05), ("b", 0.06)):
        entry = record(predict({"p": [error], "q": [error]}), name)
        save_record(entry, tmp_path / "records" / f"{entry['run']}.json")
    write(tmp_path)
    return tmp_path


def test_the_date_of_the_page_changes_only_with_the_records(docs: Path) -> None:
    page = docs / "leaderboard.md"
    page.write_text(re.sub(r"\d{4}-\d\d-\d\d", "2020-02-02", page.read_text()))
    write(docs)
    assert "As of 2020-02-02." in page.read_text()
    save_record(record(predict({"p": [0.04], "q": [0.04]}), "c"), docs / "records" / "c.json")
    write(docs)
    assert "2020-02-02" not in page.read_text()
    assert "| c |" in page.read_text()


def test_an_edited_record_is_refused(docs: Path) -> None:
    path = docs / "records" / "a-s0.json"
    path.write_text(path.read_text().replace('"nme_ioc": 0.0', '"nme_ioc": 0.1', 1))
    with pytest.raises(SystemExit, match="a-s0"):
        write(docs)
