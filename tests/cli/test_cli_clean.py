"""No text of a file, record, plugin or hub can control the terminal on which it is printed."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
import unicodedata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zoo.cli import app
from zoo.cli.streams import CleanStream, clean_streams, cleaned, console

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp\u2066\x9b31m\u200b\x7f"


def control_characters(text: str) -> set[str]:
    """The characters of a text that can control a terminal, without line ends and tabs."""
    return {
        c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c not in "\n\t"
    }


def test_visible_characters_stay_and_control_characters_are_replaced() -> None:
    assert control_characters(HOSTILE)
    assert not control_characters(cleaned(HOSTILE))
    assert len(cleaned(HOSTILE)) == len(HOSTILE)
    plain = "naïve\tÉ 中文 😀 a\u00a0b\n"
    assert cleaned(plain) == plain
    assert cleaned("caf\udce9.jpg") == "caf?.jpg"


def test_everything_that_python_prints_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with clean_streams():
        print(HOSTILE, end="")
        sys.stdout.writelines([HOSTILE])
        sys.stderr.write(f"\r{HOSTILE}")  # as a progress bar of another library begins
        sys.excepthook(ValueError, ValueError(HOSTILE), None)
    assert sys.stdout is out
    assert not control_characters(out.getvalue())
    assert "ValueError" in err.getvalue()
    assert control_characters(err.getvalue()) == {"\r"}
    with pytest.raises(AttributeError):
        _ = CleanStream(out).buffer


def test_rich_may_style_a_table_but_its_text_may_not() -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def drawn(text: str) -> str:
        leader, follower = pty.openpty()
        with (
            os.fdopen(follower, "w", encoding="utf-8") as stream,
            pytest.MonkeyPatch.context() as p,
        ):
            p.setattr(sys, "stdout", CleanStream(stream))
            p.setenv("TERM", "xterm-256color")
            table = Table(title=Text(text))
            table.add_row(Text(text, style="bold"))
            terminal = console()
            assert isinstance(terminal, Console)
            terminal.print(table, text, Text(text, style="red"))
            stream.flush()
            output = os.read(leader, 1 << 16).decode()
        os.close(leader)
        return output

    assert "\x1b[1m" in drawn("innocent")
    assert not control_characters(drawn(HOSTILE)) - {"\x1b", "\r"}
    assert drawn("\x1b[31mred").count("\x1b") == drawn("?[31mred").count("\x1b")


@pytest.mark.parametrize("verb", [["compare"], ["train", "--from-record"], ["evaluate"], ["card"]])
def test_names_in_records_and_errors_are_shown_clean(verb: list[str], tmp_path: Path) -> None:
    """Hostile names in a path, a record, a configuration and an argument."""
    run = tmp_path / "run\x1b[31m\u202e"
    run.mkdir()
    table = {"schema": 1, "run": HOSTILE, "plugin": {"id": HOSTILE}, "config": {HOSTILE: HOSTILE}}
    (run / "record.json").write_text(json.dumps(table))
    (run / "config.toml").write_text(f'backbone = "{json.dumps(HOSTILE)[1:-1]}"\n')
    for arguments in ([str(run)], [str(run), str(run)], [HOSTILE], [f"hf://{HOSTILE}"]):
        result = CliRunner().invoke(app, [*verb, *arguments])
        assert result.exit_code in (1, 2)
        assert not control_characters(result.output)


def test_json_stays_json() -> None:
    result = CliRunner().invoke(app, ["list", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)
