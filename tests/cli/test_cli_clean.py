"""No text of a file, a record, a plugin or a hub can steer the terminal that it is printed on."""

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


def steers(text: str) -> set[str]:
    """What a terminal would obey in a text, line ends and tabs apart."""
    return {
        c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c not in "\n\t"
    }


def test_what_is_shown_stays_and_what_is_obeyed_goes() -> None:
    assert steers(HOSTILE)
    assert not steers(cleaned(HOSTILE))
    assert len(cleaned(HOSTILE)) == len(HOSTILE)
    plain = "naïve\tÉ 中文 😀 a\u00a0b\n"
    assert cleaned(plain) == plain
    assert cleaned("caf\udce9.jpg") == "caf?.jpg"


def test_everything_that_python_prints_leaves_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with clean_streams():
        print(HOSTILE, end="")
        sys.stdout.writelines([HOSTILE])
        sys.stderr.write(f"\r{HOSTILE}")  # as a bar of another library begins
        sys.excepthook(ValueError, ValueError(HOSTILE), None)
    assert sys.stdout is out
    assert not steers(out.getvalue())
    assert "ValueError" in err.getvalue()
    assert steers(err.getvalue()) == {"\r"}
    with pytest.raises(AttributeError):
        _ = CleanStream(out).buffer


def test_rich_draws_and_the_text_in_it_does_not() -> None:
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
            seen = os.read(leader, 1 << 16).decode()
        os.close(leader)
        return seen

    assert "\x1b[1m" in drawn("innocent")
    assert not steers(drawn(HOSTILE)) - {"\x1b", "\r"}
    assert drawn("\x1b[31mred").count("\x1b") == drawn("?[31mred").count("\x1b")


@pytest.mark.parametrize("verb", [["compare"], ["train", "--from-record"], ["evaluate"], ["card"]])
def test_names_in_records_and_errors_are_shown_clean(verb: list[str], tmp_path: Path) -> None:
    """Whatever comes of it: a name in a path, in a record and in a configuration."""
    run = tmp_path / "run\x1b[31m\u202e"
    run.mkdir()
    table = {"schema": 1, "run": HOSTILE, "plugin": {"id": HOSTILE}, "config": {HOSTILE: HOSTILE}}
    (run / "record.json").write_text(json.dumps(table))
    (run / "config.toml").write_text(f'backbone = "{json.dumps(HOSTILE)[1:-1]}"\n')
    for given in ([str(run)], [str(run), str(run)], [HOSTILE], [f"hf://{HOSTILE}"]):
        result = CliRunner().invoke(app, [*verb, *given])
        assert result.exit_code in (1, 2)
        assert not steers(result.output)


def test_json_stays_json() -> None:
    result = CliRunner().invoke(app, ["list", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)
