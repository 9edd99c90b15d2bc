"""docs/leaderboard.md is what its records give: `make docs` writes it, and nobody by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from board_samples import predict, record
from typer.testing import CliRunner

from zoo.cli import app
from zoo.evaluation.records import save_record

DOCS = Path(__file__).parents[1] / "docs"


def board(records: Path) -> str:
    """As `zoo leaderboard RECORDS --format md` prints it."""
    result = CliRunner().invoke(app, ["leaderboard", str(records), "--format", "md"])
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "", "a committed record is left out"
    return result.stdout


def differs(docs: Path) -> bool:
    """Whether the page is not what the records give; a page without records, or the other way
    round, differs too."""
    page, records = docs / "leaderboard.md", docs / "records"
    if not any(records.glob("*.json")):
        return page.exists()
    return not page.exists() or page.read_text() != board(records)


def test_the_page_is_what_its_records_give() -> None:
    assert not differs(DOCS), "docs/leaderboard.md is not what docs/records give: make docs"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name, error in (("a", 0.05), ("b", 0.06)):
        made = record(predict({"p": [error], "q": [error]}), name)
        save_record(made, tmp_path / "records" / f"{made['run']}.json")
    (tmp_path / "leaderboard.md").write_text(board(tmp_path / "records"))
    return tmp_path


def test_a_page_that_was_just_written_does_not_differ(docs: Path) -> None:
    assert not differs(docs)


def test_an_edited_page_differs(docs: Path) -> None:
    page = docs / "leaderboard.md"
    page.write_text(page.read_text().replace("5.00%", "4.00%"))
    assert differs(docs)


def test_another_record_makes_a_difference(docs: Path) -> None:
    save_record(record(predict({"p": [0.04], "q": [0.04]}), "c"), docs / "records" / "c.json")
    assert differs(docs)


def test_one_without_the_other_differs(docs: Path) -> None:
    text = (docs / "leaderboard.md").read_text()
    (docs / "leaderboard.md").unlink()
    assert differs(docs)
    for path in (docs / "records").iterdir():
        path.unlink()
    assert not differs(docs)
    (docs / "leaderboard.md").write_text(text)
    assert differs(docs)


def test_an_edited_record_is_no_committed_record(docs: Path) -> None:
    path = docs / "records" / "a-s0.json"
    path.write_text(path.read_text().replace('"nme_ioc": 0.0', '"nme_ioc": 0.1', 1))
    with pytest.raises(AssertionError, match="left out"):
        differs(docs)
