"""No file content causes a traceback, a hang, a false success, or access outside the folder."""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kinds import KINDS, TOTAL, Kind

import zoo.cli

SECONDS = 10
"""The most CPU seconds of one command."""
BYTES = 2 << 30
"""The most memory that one command may add to the process."""
CASES = int(os.environ.get("FUZZ_CASES", "500"))
"""The number of cases in total; `make fuzz N=10000` runs more."""
PART = 50
"""The number of cases in one test."""


@dataclass
class Watch:
    """An audit hook: while a case runs, it records network connections and changes of files outside
    ``folders``."""

    folders: tuple[str, ...] = ()
    strayed: list[str] = field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.folders:
            return
        if event in ("socket.connect", "socket.getaddrinfo"):
            self.strayed.append(f"{event} {arguments[:2]}")
        elif event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._keep_inside(event, arguments[0])
        elif event in ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"):
            self._keep_inside(event, arguments[1 if event in ("os.rename", "os.symlink") else 0])

    def _keep_inside(self, event: str, path: object) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            real = os.path.realpath(os.fsdecode(path))
            if real != os.devnull and not real.startswith(self.folders):
                self.strayed.append(f"{event} {real}")


WATCH = Watch()
sys.addaudithook(WATCH)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for valid files, with a separate ZOO_HOME that also holds temporary files."""
    folder = tmp_path_factory.mktemp("fuzz")
    home = folder / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(home))
        patch.setattr(tempfile, "tempdir", str(home))
        patch.setenv("ZOO_CATALOGUE", "own.toml")
        patch.setenv("OMP_NUM_THREADS", "1")
        yield folder


def scene_of(kind: Kind, scenes: Path) -> Path:
    """The folder with the valid files of a kind, written once. All its commands have run once on
    valid files, because libraries write caches at their first use."""
    folder = scenes / next(each.name for each in KINDS if each.scene is kind.scene)
    if not folder.exists():
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("ZOO_CATALOGUE")
            kind.scene(folder)
        for each in KINDS:
            if each.scene is kind.scene:
                _read_sound(each, folder)
    return folder


def _read_sound(kind: Kind, folder: Path) -> None:
    for number, command in enumerate(kind.read):
        copy = folder.with_name(f"{folder.name} {kind.name} {number}")
        shutil.copytree(folder, copy)
        sound = sorted(copy.glob(kind.spoiled))[0].relative_to(copy)
        with contextlib.chdir(copy):
            status, printed = zoo_command(command.replace("{}", str(sound)).split())
        assert status in kind.sound, f"zoo {command}: {printed}"


def zoo_command(line: list[str]) -> tuple[int, str]:
    """Run `zoo LINE` in this process: its exit status and output. The streams encode as those of a
    terminal, so that text that cannot be encoded is a fault."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["zoo", *line])
        try:
            zoo.cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        except Exception:  # one that main did not turn into a message
            status = 1
            traceback.print_exc(file=err)
        finally:
            WATCH.folders = ()
    out.flush()
    err.flush()
    return status, (out.buffer.getvalue() + err.buffer.getvalue()).decode()


def faults_of(kind: Kind, number: int, scenes: Path, folder: Path) -> tuple[int, list[str]]:
    """Run one case: its exit status, and its faults."""
    rng = random.Random(f"{kind.name} {number}")
    shutil.copytree(scene_of(kind, scenes), folder)
    spoilt, ruined = kind.spoil(folder, rng)
    line = [str(spoilt) if word == "{}" else word for word in rng.choice(kind.read).split()]
    memory, clock = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with contextlib.chdir(folder):
        WATCH.folders, WATCH.strayed = (str(folder), str(scenes / "home")), []
        status, printed = zoo_command(line)
    seconds = time.process_time() - clock
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)
    faults = [*WATCH.strayed]
    if "this is a bug" in printed or "Traceback" in printed:
        faults.append(printed[-300:])
    if status not in (0, 1, 2, 3):
        faults.append(f"exit status {status}")
    if status == 0 and ruined and not kind.replaceable:
        faults.append("exit status 0, and nothing was left of the file")
    if status and not printed.strip():
        faults.append(f"exit status {status} without a word")
    if seconds > SECONDS or grown > BYTES:
        faults.append(f"took {seconds:.0f} s and {grown >> 20} MiB")
    return status, [f"{kind.name} {number}: zoo {' '.join(line)}: {fault}" for fault in faults]


def parts() -> list[Any]:
    parameters = []
    for kind in KINDS:
        cases = range(kind.cases * CASES // TOTAL)
        for start in range(0, len(cases), PART):
            parameters.append(
                pytest.param(kind, cases[start : start + PART], id=f"{kind.name} {start}")
            )
    return parameters


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("kind", "cases"), parts())
def test_a_damaged_file_causes_no_fault(
    kind: Kind, cases: range, scenes: Path, tmp_path: Path, record_property: Any
) -> None:
    ends: Counter[str] = Counter()
    all_faults = []
    for number in cases:
        status, faults = faults_of(kind, number, scenes, tmp_path / str(number))
        ends[f"exit {status}"] += 1
        if faults:
            all_faults += faults
        else:
            shutil.rmtree(tmp_path / str(number))
    record_property(
        "fuzz", [kind.name, len(cases), ends["exit 0"] + ends["exit 3"], len(all_faults)]
    )
    assert not all_faults, "\n\n".join(all_faults)
