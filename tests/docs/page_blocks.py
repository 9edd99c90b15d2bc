"""Pages whose every code block is run: what a block is, a comment in the line before it says.

    <!-- file: PATH -->            the block is written to PATH
    <!-- show: PATH -->            a file that is there already reads so
    <!-- part of: PATH -->         so does a part of a file of this repository
    <!-- run -->                   a shell runs the block; it stops at the first command that fails
    <!-- run, exit status N -->    the same, and the last command ends so
    <!-- python -->                Python runs the block
    <!-- workflow: PATH -->        written to PATH, and the commands of its steps are run
    <!-- output -->                what the block before printed, on both its outputs
    <!-- recorded -->              nothing is run: what happened once, somewhere else

A block that Sphinx includes from a file below docs (``literalinclude``) has that file's text.

All of a page's blocks share one folder, one environment and one working directory, which ``cd``
changes as in a terminal. In an output, a line of three dots stands for any lines, and one that ends
in them for a line that goes on. What changes from run to run is compared by its form: numbers with
a decimal point or a colon, the best epoch, the six digits in a run's name, and how wide a column
is. All else must be as it stands.
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
_FORMS = (
    (re.compile(r"\b[0-9a-f]{6}(?=-s\d)"), "HASH"),
    (re.compile(r"best epoch \d+"), "best epoch N"),
    (re.compile(r"\d+(?:[.:]\d+)+"), "N"),
    (re.compile(r"-{3,}"), "---"),
    (re.compile(r"\s+"), " "),
)
_OF_A_FILE = ("file", "show", "part of", "workflow")
ROOT = Path(__file__).parents[2]
SEPARATOR = "\x1e"
"""Between what a block printed and the folder in which its shell ended."""
UNLEARNED = "has not learned"
"""Words of the warning about a model that is no better than the baseline."""
OFFLINE = "until then haar looks for faces"
"""Words of the warning without a network, which a reader has and a test has not."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its directive, what the directive names, its text, and its line."""

    does: str
    path: str
    status: int
    text: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in order. Raises ValueError for one that nothing says how to run."""
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
        said = _COMMENT.fullmatch(lines[at - 1].strip()) if at else None
        status = _STATUS.fullmatch(said[3] or "") if said and said[3] else None
        if said is None or (said[3] and not status):
            raise ValueError(f"line {at + 1}: no comment says what this block is")
        if (said[1] in _OF_A_FILE) != bool(said[2]):
            raise ValueError(f"line {at + 1}: {said[0]} names no file, or names one for nothing")
        text = "".join(f"{line}\n" for line in lines[at + 1 : end])
        if included := _INCLUDED.search(lines[at]):
            text = (ROOT / "docs" / included[1]).read_text()
        yield Block(said[1], said[2] or "", int(status[1]) if status else 0, text, at + 1)
        at = end + 1


class PageRun:
    """The blocks of one page, run one after another."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder = folder
        self.environment = environment
        self.here = folder
        self.printed: str | None = None

    def play(self, block: Block) -> None:
        """Do what a block says; AssertionError where that is not what happens."""
        if block.does == "file":
            self._write(block)
        elif block.does == "show":
            assert (self.here / block.path).read_text() == block.text, f"{block.path} differs"
        elif block.does == "part of":
            assert block.text in (ROOT / block.path).read_text(), f"{block.path} has no such part"
        elif block.does == "output":
            assert self.printed is not None, "nothing was run before this output"
            unsaid = [words for words in (UNLEARNED, OFFLINE) if words not in block.text]
            lines = self.printed.splitlines(keepends=True)  # a training of seconds may learn or not
            printed = "".join(line for line in lines if not any(words in line for words in unsaid))
            wrong = first_difference(block.text, printed)
            assert not wrong, f"{wrong}\n--- all that was printed:\n{self.printed}"
            self.printed = None
        elif block.does == "recorded":
            pass
        elif block.does == "python":
            self._ended(self.environment.python("-c", block.text, cwd=self.here), 0)
        elif block.does == "workflow":
            self._write(block)
            jobs = yaml.safe_load(block.text)["jobs"].values()
            steps = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
            assert steps, f"{block.path} runs nothing"
            for step in steps:
                self._shell(step, 0)
        else:
            self._shell(block.text, block.status)

    def _write(self, block: Block) -> None:
        file = self.here / block.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)

    def _shell(self, script: str, status: int) -> None:
        # The trap speaks even where a command fails, and leaves its exit status alone.
        trap = f'trap \'printf "{SEPARATOR}%s" "$PWD"\' EXIT\n'
        self._run(["sh", "-e", "-c", trap + script], status)

    def _run(self, command: list[str], status: int) -> None:
        self._ended(self.environment.run(command, self.here), status)

    def _ended(self, done: subprocess.CompletedProcess[str], status: int) -> None:
        self.printed, _, place = done.stdout.partition(SEPARATOR)
        self.here = Path(place) if place else self.here
        assert done.returncode == status, f"exit status {done.returncode}\n{self.printed}"


def play_page(
    page: Path,
    folder: Path,
    shortened: Mapping[str, str] | None = None,
    **variables: str,
) -> None:
    """Run all blocks of a page in ``folder``/here, where docs is that of this repository, with one
    thread, in an environment that sees what is installed here; AssertionError that names the page
    and the line of the first that does not hold. ``shortened``: texts of blocks, and what is run in
    their place."""
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


def first_difference(wanted: str, printed: str) -> str:
    """Where what was printed departs from what a page shows, in words; empty: nowhere."""
    expected = [_form(line) for line in wanted.splitlines() if line.strip()]
    found = [_form(line) for line in printed.splitlines() if line.strip()]
    at = 0
    skipping = False
    for line in expected:
        if line == "...":
            skipping = True
            continue
        while skipping and at < len(found) and not _fits(line, found[at]):
            at += 1
        if at == len(found):
            return f"not printed: {line}"
        if not _fits(line, found[at]):
            return f"the page shows: {line}\nprinted was:    {found[at]}"
        at += 1
        skipping = False
    return "" if skipping or at == len(found) else f"printed, and not shown: {found[at]}"


def _fits(wanted: str, found: str) -> bool:
    return found.startswith(wanted[:-3]) if wanted.endswith(" ...") else found == wanted


def _form(line: str) -> str:
    for pattern, form in _FORMS:
        line = pattern.sub(form, line)
    return line.strip()
