"""Loading a plugin where it can do no harm: in a child process with a time limit.

A plugin may hang, exit or crash while it is imported, and may print whatever it likes. The child
keeps a private copy of its standard output for the verdict and sends everything else nowhere.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

from zoo.installed import Entry, one_line
from zoo.registry import load

AT_ONCE = 2
"""Children at a time: a backbone usually brings torch, half a gigabyte of memory for each."""

# The child gets its parent's path before it imports anything of ours; -P keeps a stray json.py in
# the working directory from being taken for the standard library's.
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); import zoo.isolation as i; i._main()"
)


def check(entry: Entry, timeout: float = 60.0) -> Entry:
    """The entry with status ``ok`` or ``broken`` and the reason; ``timeout`` is in seconds."""
    return next(check_all([entry], timeout))


def check_all(entries: Iterable[Entry], timeout: float = 60.0) -> Iterator[Entry]:
    """Check entries, a few at a time, and yield each as its verdict is known.

    What metadata already condemns is passed on as it is: an invalid name cannot be asked for. A
    duplicate that loads stays a duplicate. No child outlives the iteration, interrupted or not.
    """
    waiting = list(entries)
    running: list[_Trial] = []
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                entry = waiting.pop(0)
                if entry.status == "invalid name":
                    yield entry
                else:
                    running.append(_Trial(entry, timeout))
            for trial in [trial for trial in running if trial.over()]:
                running.remove(trial)
                yield trial.verdict()
            time.sleep(0.02)
    finally:
        for trial in running:
            trial.kill()


class _Trial:
    """One child process that loads one plugin."""

    def __init__(self, entry: Entry, timeout: float) -> None:
        self.entry = entry
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path), json.dumps(asdict(entry))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # A group of its own, so that what the plugin itself started can be ended with it.
            start_new_session=True,
        )

    def over(self) -> bool:
        return self.child.poll() is not None or time.monotonic() > self.deadline

    def verdict(self) -> Entry:
        if self.child.poll() is None:
            self.kill()
            return self._broken(f"still loading after {self.timeout:g} s")
        assert self.child.stdout is not None
        with self.child.stdout as pipe:
            report = pipe.read()
        if not report:
            return self._broken(
                f"ended the process while loading ({_ending(self.child.returncode)})"
            )
        reason = json.loads(report)
        if reason:
            return self._broken(reason)
        return self.entry if self.entry.status == "duplicate" else replace(self.entry, status="ok")

    def kill(self) -> None:
        if self.child.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(self.child.pid, signal.SIGKILL)
            else:
                self.child.kill()
        self.child.wait()
        if self.child.stdout is not None:
            self.child.stdout.close()

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
    """In the child: load the entry of the second argument and report why it failed, or nothing."""
    verdict = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        load(Entry(**json.loads(sys.argv[2])))
        reason = ""
    except Exception as error:
        reason = one_line(error.__cause__ or error)
    json.dump(reason, verdict)
    verdict.flush()
    # Without further ado: a plugin's threads or exit handlers could keep the child from ending.
    os._exit(0)
