"""Importing a plugin in a fresh process: what becomes of it, and what it changes for everybody.

A plugin may hang, exit or crash while it is imported. So its first import happens in a child with a
time limit, and this process imports it only after that went well.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from zoo.installed import Entry, one_line

# The child gets its parent's path before it imports anything of ours; -P keeps a stray json.py in
# the working directory from being taken for the standard library's.
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "import zoo.testing.fresh as f; f._main()"
)


@dataclass(frozen=True)
class Arrival:
    """How the first import of a plugin went."""

    failure: str = ""
    """Why the plugin did not load; empty: it did."""
    touched: tuple[str, ...] = ()
    """What the import changed, in words."""


def arrival(entry: Entry, timeout: float) -> Arrival:
    """Import the target of an entry in a child process; ``timeout`` is in seconds.

    Of a family the family itself is imported, and no member resolved. Known for the rest of this
    process: the plugins of one module are often checked together.
    """
    family = replace(entry, id=entry.id.partition(":")[0], status="not loaded", reason="")
    return _arrival(family, timeout, tuple(sys.path))


@functools.cache
def _arrival(entry: Entry, timeout: float, path: tuple[str, ...]) -> Arrival:
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", _CHILD, json.dumps(path), json.dumps(asdict(entry))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # A group of its own, so that what the plugin itself started can be ended with it.
        start_new_session=True,
    )
    try:
        report, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return Arrival(f"it is still importing after {timeout:g} s")
    finally:
        _end(child)
    if not report:
        return Arrival(f"it ends the process while importing ({_ending(child.returncode)})")
    failure, touched = json.loads(report)
    return Arrival(failure, tuple(touched))


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.communicate()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _main() -> None:
    """In the child: import the entry of the second argument and report failure and changes."""
    from zoo.registry import load

    report = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    before = _state()
    failure = ""
    try:
        load(Entry(**json.loads(sys.argv[2])))
    except Exception as error:
        failure = one_line(error.__cause__ or error)
    after = _state()
    touched = [
        f"{name} {told}" for name, (told, value) in after.items() if value != before[name][1]
    ]
    json.dump([failure, touched], report)
    report.flush()
    # Without further ado: a plugin's threads or exit handlers could keep the child from ending.
    os._exit(0)


def _state() -> dict[str, tuple[str, Any]]:
    """What every plugin of a process shares: name, what to say if it changed, and its value."""
    import random

    import cv2
    import numpy as np
    import torch

    drawn = "was seeded or drawn from"
    values: dict[str, tuple[str, Callable[[], Any]]] = {
        "Python's random": (drawn, random.getstate),
        "numpy's global RNG": (drawn, lambda: repr(np.random.get_state(legacy=False))),
        "torch's global RNG": (drawn, lambda: torch.get_rng_state().tolist()),
        "torch's default dtype": ("is now {}", torch.get_default_dtype),
        "torch's number of threads": ("is now {}", torch.get_num_threads),
        "torch's number of inter-op threads": ("is now {}", torch.get_num_interop_threads),
        "OpenCV's number of threads": ("is now {}", cv2.getNumThreads),
        "torch's gradient mode": ("is now {}", torch.is_grad_enabled),
    } | {
        f"the environment variable {name}": ("is now {}", functools.partial(os.environ.get, name))
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    }
    return {name: (told.format(value := read()), value) for name, (told, read) in values.items()}
