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
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from zoo.api import ZooWarning
from zoo.diagnosis import BrokenPluginError
from zoo.installed import UNUSABLE, Entry, one_line
from zoo.registry import load

AT_ONCE = 2
"""Children at a time: a backbone usually brings torch, half a gigabyte of memory for each."""

TIMEOUT = 60.0
"""Seconds: torch from a cold disk takes half of that."""

# The child gets its parent's path before it imports anything of ours; -P keeps a stray json.py in
# the working directory from being taken for the standard library's.
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import zoo.isolation as i; i._main()"
)


def check(entry: Entry, timeout: float = TIMEOUT) -> Entry:
    """The entry with status ``ok`` or ``broken`` and the reason; ``timeout`` is in seconds."""
    return next(check_all([entry], timeout))


def check_all(entries: Iterable[Entry], timeout: float = TIMEOUT) -> Iterator[Entry]:
    """Check entries, a few at a time, and yield each as its verdict is known.

    What metadata already condemns is passed on as it is: there is nothing to load. A duplicate that
    loads stays a duplicate. One that is ``ok`` and warns of something, such as a use of what is
    deprecated, has that as its reason. Nothing that a plugin started in its process group outlives
    its verdict or the iteration.
    """
    waiting = list(entries)
    running: list[_Trial] = []
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        try:
            while waiting or running:
                while waiting and len(running) < AT_ONCE:
                    entry = waiting.pop(0)
                    if entry.status in UNUSABLE:
                        yield entry
                    else:
                        running.append(_Trial(entry, timeout, Path(folder) / str(len(waiting))))
                for trial in [trial for trial in running if trial.over()]:
                    running.remove(trial)
                    yield trial.verdict()
                time.sleep(0.02)
        finally:
            for trial in running:
                trial.end()


class _Trial:
    """One child process that loads one plugin."""

    def __init__(self, entry: Entry, timeout: float, report: Path) -> None:
        self.entry = entry
        self.timeout = timeout
        self.report = report
        self.deadline = time.monotonic() + timeout
        arguments = (json.dumps(sys.path), json.dumps(asdict(entry)), str(report))
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A group of its own, so that what the plugin itself started can be ended with it.
            start_new_session=True,
        )

    def over(self) -> bool:
        return self.child.poll() is not None or time.monotonic() > self.deadline

    def verdict(self) -> Entry:
        in_time = self.child.poll() is not None
        self.end()
        if not in_time:
            return self._broken(f"still loading after {self.timeout:g} s")
        try:
            broken, warned = json.loads(self.report.read_text("utf-8"))
        except (OSError, ValueError):  # none, or half of one
            return self._broken(
                f"ended the process while loading ({_ending(self.child.returncode)})"
            )
        if broken:
            return self._broken(broken)
        if self.entry.status == "duplicate":
            return self.entry
        return replace(self.entry, status="ok", reason=warned)

    def end(self) -> None:
        """The child, where it is still running, and what it left behind."""
        if hasattr(os, "killpg"):
            # nothing is left: macOS says it in the second way
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, signal.SIGKILL)
        else:
            self.child.kill()
        self.child.wait()

    def _broken(self, reason: str) -> Entry:
        return replace(self.entry, status="broken", reason=reason)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _main() -> None:
    """In the child: load the entry of the second argument; write why that failed, or nothing, and
    what was warned of into the file that the third argument names."""
    this = os.getpid()
    report = sys.argv[3]
    broken = ""
    warnings.simplefilter("always", ZooWarning)
    warned: list[str] = []
    warnings.showwarning = lambda message, category, *_: (
        warned.append(str(message)) if issubclass(category, ZooWarning) else None
    )
    try:
        load(Entry(**json.loads(sys.argv[2])))
    except BaseException as error:
        if isinstance(error, BrokenPluginError):
            broken = error.reason
        else:
            broken = one_line(error.__cause__ or error)
    # A plugin that forks comes here twice: only the process that was asked may answer.
    if os.getpid() == this:
        with open(report, "w", encoding="utf-8") as stream:
            json.dump([broken, "; ".join(dict.fromkeys(warned))], stream)
    # Without further ado: a plugin's threads or exit handlers could keep the child from ending.
    os._exit(0)
