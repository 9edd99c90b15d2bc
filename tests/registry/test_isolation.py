"""`zoo list --check`: whatever a plugin does while it loads stays in a child that ends."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from zoo.registry import installed, registry
from zoo.registry.trial import check, check_all

if TYPE_CHECKING:
    from conftest import Plant

LOSS = "from zoo.api import Loss\nours = Loss(build=lambda: None)\n"

BROKEN = {
    "raises": ("raise RuntimeError('no\\nluck \\x1b[31mtoday')\n", "RuntimeError: no luck"),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "interrupts": ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
    "lacks": ("import a_library_nobody_has\n", "needs a_library_nobody_has, which is not inst"),
    "misspelt": ("import zoo.api\nours = Loss(\n", "SyntaxError: '(' was never closed (x_"),
    "strays": ("ours = 'a string'\n", "TypeError: a loss is an instance of zoo.api.Loss"),
    "a_class": ("from zoo.api import Loss as ours\n", "and this is <class 'zoo.api"),
    "empty": ("", "has no attribute 'ours'"),
    "recurses": ("def f(): f()\nf()\n", "RecursionError"),
    "newer": (LOSS.replace("None)", "None, api_version=99)"), "is written for version 99 of the"),
    "crashes": ("import os\nos._exit(7)\n", "ended the process while loading (exit status 7)"),
    "dies": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
        "ended the process while loading (SIGSEGV)",
    ),
    "leaves": ("import os\nos.fork() and os._exit(0)\n" + LOSS, "loading (exit status 0)"),
}
"""The source of a module, and the reason in its verdict."""

RUDE = {
    "prints": "print('x' * 200_000)\nimport os\nos.write(1, b'x' * 200_000)\nos.write(2, b'x')\n",
    "closes": "import os\nos.closerange(0, 256)\n",
    "threads": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n",
    "never_ends": "import atexit, time\natexit.register(time.sleep, 600)\n",
    "moves": "import os, sys\nos.chdir('/')\nos.environ.clear()\nsys.path.clear()\n",
    "forks": "import os\nos.fork()\n",
    # keeps its parent's open files, in a session of its own
    "daemon": """
import os, time
if not os.fork():
    os.setsid()
    open(__file__ + ".pid", "w").write(str(os.getpid()))
    time.sleep(120)
    os._exit(0)
while not os.path.exists(__file__ + ".pid"): time.sleep(.01)
""",
    "ignores": "import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n",
}
"""What a module may do without being broken; here it does so in a process of its own."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_each_is_loaded_in_a_child_of_its_own_and_a_failure_has_its_reason(plant: Plant) -> None:
    folders = {}
    for how, (source, _) in BROKEN.items():
        plant(f"x-{how.replace('_', '-')}", {"zoo.losses": {f"x_{how}": "ours"}}, source)
    for how, source in RUDE.items():
        name = f"y-{how.replace('_', '-')}"
        folders[how] = plant(name, {"zoo.losses": {f"y_{how}": "ours"}}, source + LOSS)
    plant("shouts", {"zoo.losses": {"X": "ours", "x_target": "no colon"}}, LOSS)
    entries = [entry for entry in installed() if entry.id.lower().startswith(("x", "y_"))]
    began = time.monotonic()
    verdicts = {entry.id: entry for entry in check_all(entries, timeout=60)}
    # nothing waited for a thread, an exit handler or a daemon
    assert time.monotonic() - began < 60
    os.kill(int((folders["daemon"] / "y_daemon.py.pid").read_text()), signal.SIGKILL)
    assert len(verdicts) == len(entries) == len(BROKEN) + len(RUDE) + 2
    for how, (_, reason) in BROKEN.items():
        assert verdicts[f"x_{how}"].status == "broken", how
        assert reason in verdicts[f"x_{how}"].reason
        assert verdicts[f"x_{how}"].reason.isprintable()
    for how in RUDE:
        assert (verdicts[f"y_{how}"].status, verdicts[f"y_{how}"].reason) == ("ok", ""), how
    assert verdicts["X"].status == "invalid name"
    assert verdicts["x_target"].status == "invalid target"


def test_a_duplicate_that_loads_stays_a_duplicate(plant: Plant) -> None:
    plant("first", {"zoo.losses": {"ours": "ours"}}, LOSS)
    plant("second", {"zoo.losses": {"ours": "ours"}}, "")
    verdicts = [check(entry) for entry in registry("loss").search("ours")]
    assert [verdict.status for verdict in verdicts] == ["duplicate", "broken"]


BEAT = "import time\nwhile True: open({pulse!r}, 'a').write('.'); time.sleep(.05)"


@pytest.mark.parametrize(
    ("then", "status", "reason"),
    [("time.sleep(600)\n", "broken", "still loading after 5 s"), (LOSS, "ok", "")],
    ids=["hangs", "loads"],
)
def test_what_a_plugin_starts_ends_with_its_verdict(
    plant: Plant, tmp_path: Path, then: str, status: str, reason: str
) -> None:
    # The grandchild beats for as long as it lives.
    pulse = tmp_path / "pulse"
    program = BEAT.format(pulse=str(pulse))
    source = (
        "import pathlib, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {program!r}])\n"
        f"while not pathlib.Path({str(pulse)!r}).exists(): time.sleep(.01)\n"
    )
    plant("starter", {"zoo.losses": {"ours": "ours"}}, source + then)
    began = time.monotonic()
    verdict = check(registry("loss").locate("ours"), timeout=5)
    assert time.monotonic() - began < 30
    assert (verdict.status, verdict.reason) == (status, reason)
    time.sleep(0.2)
    beats = pulse.stat().st_size
    assert beats > 0
    time.sleep(0.4)
    assert pulse.stat().st_size == beats


def test_an_iteration_that_is_given_up_leaves_no_child(plant: Plant, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    wait = f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    plant("quick", {"zoo.losses": {"a": "ours"}}, LOSS)
    plant("slow", {"zoo.losses": {"b": "ours"}}, wait)
    verdicts = check_all([registry("loss").locate("a"), registry("loss").locate("b")])
    assert next(verdicts).id == "a"
    for _ in range(500):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.02)
    verdicts.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
