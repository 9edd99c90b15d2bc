"""Run every code block of a page. A comment in the line before a block says what to do with it:

    <!-- file: PATH -->            the block is written to PATH
    <!-- show: PATH -->            the file at PATH exists and equals the block
    <!-- part of: PATH -->         a file of this repository contains the block
    <!-- run -->                   a shell runs the block; it stops at the first command that fails
    <!-- run, exit status N -->    the same, and the last command ends with exit status N
    <!-- python -->                Python runs the block
    <!-- workflow: PATH -->        the block is written to PATH, and the commands of its steps run
    <!-- output -->                the output of the block before, on stdout and stderr
    <!-- recorded -->              the block is not run: it shows what happened once, elsewhere

A block that Sphinx includes from a file below docs (``literalinclude``) has that file's text.

All blocks of a page share one folder, one environment and one working directory, which ``cd``
changes as in a terminal. In an output, a line of three dots stands for any number of lines, and
three dots at the end of a line for the rest of that line. Text that changes from run to run is
compared by its form: numbers with a decimal point or a colon, the best epoch, the six digits in a
run's name, and the width of a column. All other text must be equal.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from environments import Environment, make_environment

_COMMENT = re.compile(
    r"<!-- (file|show|part of|run|python|workflow|output|recorded)(?:: (\S+)|(.*?)) -->"
)
_INCLUDED = re.compile(r"\{literalinclude\} /(\S+)")
_STATUS = re.compile(r", exit status (\d+)")
_REPLACEMENTS = (
    (re.compile(r"\b[0-9a-f]{6}(?=-s\d)"), "HASH"),
    (re.compile(r"best epoch \d+"), "best epoch N"),
    (re.compile(r"\d+(?:[.:]\d+)+"), "N"),
    (re.compile(r"-{3,}"), "---"),
    (re.compile(r"\s+"), " "),
)
_WITH_PATH = ("file", "show", "part of", "workflow")
ROOT = Path(__file__).parents[2]
SEPARATOR = "\x1e"
"""Separates the output of a block from the folder in which its shell ended."""
UNLEARNED = "has not learned"
"""Words of the warning about a model that is no better than the baseline."""
OFFLINE = "until then haar looks for faces"
"""Words of the warning without a network connection. Tests have none, readers do."""


@dataclass(frozen=True)
class Block:
    """A fenced block with its directive, the path and exit status of that, its text and line."""

    directive: str
    path: str
    status: int
    text: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in order. Raises ValueError for a block without a valid directive."""
    lines = page.splitlines()
    at = 0
    while at < len(lines):
        fence = re.match(r"\s*(```+|~~~+)", lines[at])
        if fence is None:
            if lines[at].startswith("    "):
                raise ValueError(f"line {at + 1}: code in here stands between fences")
            at += 1
            continue
        end = next(
            (n for n in range(at + 1, len(lines)) if lines[n].strip() == fence[1]), len(lines)
        )
        comment = _COMMENT.fullmatch(lines[at - 1].strip()) if at else None
        status = _STATUS.fullmatch(comment[3] or "") if comment and comment[3] else None
        if comment is None or (comment[3] and not status):
            raise ValueError(f"line {at + 1}: no comment says what this block is")
        if (comment[1] in _WITH_PATH) != bool(comment[2]):
            raise ValueError(f"line {at + 1}: {comment[0]} names no file, or names one for nothing")
        text = "".join(f"{line}\n" for line in lines[at + 1 : end])
        if included := _INCLUDED.search(lines[at]):
            text = (ROOT / "docs" / included[1]).read_text()
        yield Block(comment[1], comment[2] or "", int(status[1]) if status else 0, text, at + 1)
        at = end + 1


class PageRun:
    """The blocks of one page, run one after another."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder = folder
        self.environment = environment
        self.cwd = folder
        self.printed: str | None = None

    def play(self, block: Block) -> None:
        """Run a block. Raises AssertionError if the result is not what the page says."""
        if block.directive == "file":
            self._write(block)
        elif block.directive == "show":
            assert (self.cwd / block.path).read_text() == block.text, f"{block.path} differs"
        elif block.directive == "part of":
            assert block.text in (ROOT / block.path).read_text(), f"{block.path} has no such part"
        elif block.directive == "output":
            assert self.printed is not None, "nothing was run before this output"
            ignored = [words for words in (UNLEARNED, OFFLINE) if words not in block.text]
            lines = self.printed.splitlines(keepends=True)  # a short training may learn or not
            printed = "".join(line for line in lines if not any(words in line for words in ignored))
            wrong = first_difference(block.text, printed)
            assert not wrong, f"{wrong}\n--- all that was printed:\n{self.printed}"
            self.printed = None
        elif block.directive == "recorded":
            pass
        elif block.directive == "python":
            self._ended(self.environment.python("-c", block.text, cwd=self.cwd), 0)
        elif block.directive == "workflow":
            self._write(block)
            jobs = yaml.safe_load(block.text)["jobs"].values()
            steps = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
            assert steps, f"{block.path} runs nothing"
            for step in steps:
                self._shell(step, 0)
        else:
            self._shell(block.text, block.status)

    def _write(self, block: Block) -> None:
        file = self.cwd / block.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)

    def _shell(self, script: str, status: int) -> None:
        # The trap prints the folder even if a command fails, and keeps the exit status.
        trap = f'trap \'printf "{SEPARATOR}%s" "$PWD"\' EXIT\n'
        self._run(["sh", "-e", "-c", trap + script], status)

    def _run(self, command: list[str], status: int) -> None:
        self._ended(self.environment.run(command, self.cwd), status)

    def _ended(self, done: subprocess.CompletedProcess[str], status: int) -> None:
        self.printed, _, place = done.stdout.partition(SEPARATOR)
        self.cwd = Path(place) if place else self.cwd
        assert done.returncode == status, f"exit status {done.returncode}\n{self.printed}"


def play_page(
    page: Path,
    folder: Path,
    shortened: Mapping[str, str] | None = None,
    **variables: str,
) -> None:
    """Run all blocks of a page in ``folder``/here, with one thread, in an environment that sees the
    packages installed here. ``docs`` there links to the docs of this repository. ``shortened`` maps
    texts of blocks to the texts that are run in their place. Raises AssertionError with the page
    and the line of the first block that fails."""
    here = folder / "here"
    here.mkdir(exist_ok=True)
    (here / "docs").symlink_to(ROOT / "docs")
    environment = make_environment(folder / "environment", OMP_NUM_THREADS="1", **variables)
    run = PageRun(here, environment)
    for block in blocks(page.read_text()):
        text = block.text
        for long, short in (shortened or {}).items():
            text = text.replace(long, short)
        try:
            run.play(replace(block, text=text))
        except AssertionError as error:
            raise AssertionError(f"{page.name}, line {block.line}: {error}") from error


def first_difference(shown: str, printed: str) -> str:
    """Describe the first difference between the shown and the printed output; empty if none."""
    expected = [_normalised(line) for line in shown.splitlines() if line.strip()]
    actual = [_normalised(line) for line in printed.splitlines() if line.strip()]
    at = 0
    skipping = False
    for line in expected:
        if line == "...":
            skipping = True
            continue
        while skipping and at < len(actual) and not _matches(line, actual[at]):
            at += 1
        if at == len(actual):
            return f"not printed: {line}"
        if not _matches(line, actual[at]):
            return f"the page shows: {line}\nprinted was:    {actual[at]}"
        at += 1
        skipping = False
    return "" if skipping or at == len(actual) else f"printed, and not shown: {actual[at]}"


def _matches(expected: str, actual: str) -> bool:
    return actual.startswith(expected[:-3]) if expected.endswith(" ...") else actual == expected


def _normalised(line: str) -> str:
    for pattern, form in _REPLACEMENTS:
        line = pattern.sub(form, line)
    return line.strip()
