"""Loading a plugin where it can do no harm: in a child process with a time limit.

A plugin may hang, exit, crash or fork while it is imported, change whatever it likes, and print.
The child has no standard streams; its verdict goes into a file that only it writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from zoo.api import ZooWarning
from zoo.registry.entries import UNUSABLE, Entry, one_line
from zoo.registry.errors import BrokenPluginError
from zoo.registry.lookup import load

AT_ONCE = 2
"""Children at a time: a backbone usually imports torch, half a gigabyte of memory in each."""

TIMEOUT = 60.0
"""Seconds: torch from a cold disk takes half of that."""

# The child gets its parent's path before it imports the zoo; -P keeps a stray json.py in the
# working directory from being taken for the standard library's.
_CHILD = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "importlib.import_module(sys.argv[2]).in_child()"
)


def start_python(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start Python without standard streams, in a process group of its own, so that processes that
    a plugin starts can be ended with it."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def check(entry: Entry, timeout: float = TIMEOUT) -> Entry:
    """The entry with status ``ok`` or ``broken`` and the reason; ``timeout`` is in seconds."""
    return next(check_all([entry], timeout))


def check_all(entries: Iterable[Entry], timeout: float = TIMEOUT) -> Iterator[Entry]:
    """Check entries, a few at a time, and yield each as its verdict is known.

    An entry with an unusable name or target is yielded as it is: there is nothing to load. A
    duplicate that loads stays a duplicate. If an entry is ``ok`` and warns, of a deprecated use for
    example, the warning is its reason. No process that a plugin started in its process group
    outlives the verdict or the iteration.
    """
    waiting = list(entries)
    running: list[Trial] = []
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        try:
            while waiting or running:
                while waiting and len(running) < AT_ONCE:
                    entry = waiting.pop(0)
                    if entry.status in UNUSABLE:
                        yield entry
                    else:
                        report = Path(folder) / str(len(waiting))
                        running.append(Trial(__name__, entry, timeout, report))
                for trial in [trial for trial in running if trial.over()]:
                    running.remove(trial)
                    yield _verdict(trial)
                time.sleep(0.02)
        finally:
            for trial in running:
                trial.end()


class Trial:
    """A child process that runs ``in_child`` of a module for one plugin, with a time limit.

    The child finds the entry and the file for its report by :func:`child_report`. ``timeout`` is in
    seconds; ``report`` is a file that is not there yet.
    """

    def __init__(self, module: str, entry: Entry, timeout: float, report: Path) -> None:
        self.entry = entry
        self.timeout = timeout
        self._report = report
        self._deadline = time.monotonic() + timeout
        arguments = (json.dumps(sys.path), module, json.dumps(asdict(entry)), str(report))
        self._process = start_python(["-P", "-c", _CHILD, *arguments])

    def over(self) -> bool:
        return self._process.poll() is not None or time.monotonic() > self._deadline

    def outcome(self) -> tuple[Any, str]:
        """The child's report and "", or None and why there is none."""
        in_time = self._process.poll() is not None
        self.end()
        if not in_time:
            return None, f"still loading after {self.timeout:g} s"
        try:
            return json.loads(self._report.read_text("utf-8")), ""
        except (OSError, ValueError):  # no report, or a part of one
            ending = how_it_ended(self._process.returncode)
            return None, f"ended the process while loading ({ending})"

    def end(self) -> None:
        """End the child, if it is still running, and the processes that it left behind."""
        if hasattr(os, "killpg"):
            # both mean that no process is left; the second comes from macOS
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()


def _verdict(trial: Trial) -> Entry:
    report, reason = trial.outcome()
    broken, warned = (reason, "") if report is None else report
    if broken:
        return replace(trial.entry, status="broken", reason=broken)
    if trial.entry.status == "duplicate":
        return trial.entry
    return replace(trial.entry, status="ok", reason=warned)


def how_it_ended(code: int) -> str:
    """How a child process ended, in words, from its return code."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


@contextlib.contextmanager
def child_report() -> Iterator[tuple[Entry, list[Any]]]:
    """In the child: gives its entry and a list for its report; then writes the report to the file
    and ends the process."""
    pid, report = os.getpid(), list[Any]()
    entry, file = Entry(**json.loads(sys.argv[3])), sys.argv[4]
    yield entry, report
    # If a plugin has forked, both processes come here: only the first one may report.
    if os.getpid() == pid:
        with open(file, "w", encoding="utf-8") as stream:
            json.dump(report, stream)
    # At once, since a plugin's threads or exit handlers could keep the child from ending.
    os._exit(0)


def reason_of(error: BaseException) -> str:
    """Why a plugin did not load, for a list that shows its name and origin beside it."""
    return error.reason if isinstance(error, BrokenPluginError) else one_line(error)


def in_child() -> None:
    """Load the entry; report why that failed, or an empty text, and the warnings."""
    warnings.simplefilter("always", ZooWarning)
    warned: list[str] = []
    warnings.showwarning = lambda message, category, *_: (
        warned.append(str(message)) if issubclass(category, ZooWarning) else None
    )
    with child_report() as (entry, report):
        broken = ""
        try:
            load(entry)
        except BaseException as error:
            broken = reason_of(error)
        report += [broken, "; ".join(dict.fromkeys(warned))]
