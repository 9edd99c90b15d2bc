"""`zoo --help`: every command is in a panel, the examples are valid, and no import is heavy."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from zoo.cli import app, menu

GROUP = typer.main.get_command(app)


def zoo_help(columns: int) -> str:
    code = (
        "import sys\nsys.argv = ['zoo', '--help']\n"
        "from zoo.cli import app\n"
        "try:\n    app(prog_name='zoo')\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'torchvision', 'timm', 'numpy', 'cv2', 'pandas', 'rich.table'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": str(columns)},
        check=False,
    )
    assert done.stderr.strip() == "[]"
    return done.stdout


def test_every_command_is_in_one_panel_with_its_full_summary() -> None:
    shown = zoo_help(80)
    headings = [f"{panel}:" for panel in menu.PANELS]
    found = [line for line in shown.splitlines() if line in headings]
    assert found == headings
    assert "More:" not in shown, "a new verb belongs into a panel of zoo.cli.menu"
    panels = shown.partition("Start here:")[2].partition("Examples:")[0]
    verbs = re.findall(r"^  ([a-z]+) +[A-Z]", panels, re.MULTILINE)
    assert sorted(verbs) == sorted(GROUP.commands)
    assert "..." not in panels


def test_every_command_of_the_data_group_has_its_full_summary() -> None:
    shown = CliRunner().invoke(app, ["data", "--help"], env={"COLUMNS": "80"}).stdout
    listed = shown.partition("Commands:")[2]
    assert sorted(re.findall(r"^  ([a-z]+) +[A-Z]", listed, re.MULTILINE)) == sorted(
        GROUP.commands["data"].commands
    )
    assert "..." not in listed


def test_no_line_is_wider_than_the_terminal() -> None:
    for columns in (64, 80):
        assert max(map(len, zoo_help(columns).splitlines())) <= columns
    assert menu.EXAMPLES[0][1] not in zoo_help(64)


@pytest.mark.parametrize("example", [command for command, _ in menu.EXAMPLES])
def test_an_example_is_a_valid_command(example: str) -> None:
    """Its command exists, and all its options and arguments are parsed."""
    program, verb, *words = shlex.split(example)
    assert program == "zoo"
    if verb == "COMMAND":
        return
    command = GROUP.commands[verb]
    if hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(verb, words)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (["predict", ""], "the argument after predict"),
        (["predict", "a.jpg", "--out", ""], "the argument after --out"),
        (["data", "info", "landmarks_csv", "--data="], "--data"),
        (["leaderboard", "", "--format", "csv"], "the argument after leaderboard"),
    ],
)
def test_an_empty_argument_is_an_error_and_not_the_current_folder(
    line: list[str], what: str
) -> None:
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"zoo: {what} is empty, ")
