"""Tables on terminals of any width: names are never broken, so that they can be copied."""

from __future__ import annotations

import os
import re
import shutil
import sys

import pytest

from zoo.cli.output import table

NAME = "runs/timm-mobilenetv4_conv_small-youtube_faces-25c67f-s0"
COLUMNS = ("model", "where", "val NME", "summary")
ROWS = [
    ("face68", "bundled, default", "4.08%", "68 points of faces at any angle"),
    (NAME, "your run", "12.34%", ""),
]


def rendered(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))
    monkeypatch.setenv("COLUMNS", str(width))
    table("2 models", COLUMNS, ROWS, right=("val NME",))
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


@pytest.mark.parametrize("width", [40, 80, 110, 200])
def test_names_and_words_are_never_broken(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = rendered(width, monkeypatch, capsys)
    assert NAME in text
    for word in ("bundled,", "default", "4.08%", "12.34%", "points", "angle"):
        assert word in re.split(r"[;\s]+", text), text
    assert all(len(line) <= width for line in text.splitlines() if NAME not in line)


def test_on_a_narrow_terminal_each_row_is_a_paragraph(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rendered(70, monkeypatch, capsys).splitlines() == [
        "2 models",
        "face68",
        "    where bundled, default; val NME 4.08%; summary 68 points of faces",
        "    at any angle",
        NAME,
        "    where your run; val NME 12.34%",
    ]
