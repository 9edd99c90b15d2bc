"""Training that takes a second: a tiny planted network on a few small drawn faces.

Each test has its own run folder. All tests share one ZOO_HOME, so that each store is built once
a session.
"""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import quick_process
import torch

from zoo.config import Config
from zoo.config.recipes import resolve
from zoo.reporter import Reporter
from zoo.runs.folder import RunFolder
from zoo.training import run

if TYPE_CHECKING:
    from conftest import Plant

SOURCE = '''
import os
import resource
import signal

from torch import nn

from zoo.api import Backbone


class Tiny(nn.Module):
    def __init__(self, norm, drop):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 5, stride=4)
        self.norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        self.drop = nn.Dropout(drop)
        self.wide = nn.Conv2d(8, 12, 3, stride=2)
        self.batches = 0

    def forward(self, x):
        x = self.wide(self.drop(self.norm(self.conv(x)).relu())).relu()
        return inject_fault(self, x) if self.training else x


def inject_fault(net, x):
    """Do what $TINY_AT says. "7 SIGKILL" sends this process SIGKILL in its 7th training batch."""
    net.batches += 1
    batch, _, fault = os.environ.get("TINY_AT", "0 ").partition(" ")
    if net.batches != int(batch) or os.environ.get("RANK", "0") != os.environ.get("TINY_RANK", "0"):
        return x
    if fault == "nan":
        return x * float("nan")
    if fault == "nan gradient":
        x.register_hook(lambda gradient: gradient * float("nan"))
    elif fault == "die":
        raise KeyboardInterrupt("planted death")
    elif fault == "raise":
        raise ArithmeticError("planted")
    elif fault == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
    elif fault == "interrupt torchrun":
        os.kill(os.getppid(), signal.SIGINT)
    else:
        for name in fault.split():
            os.kill(os.getpid(), signal.Signals[name])
    return x


tiny = Backbone(build=lambda *, pretrained=False, norm=True, drop=0.3: Tiny(norm, drop),
                input_size=32)
'''

DATA = (
    "dataset.people=15",
    "dataset.videos=1",
    "dataset.frames=3",
    "dataset.size=48",
    "augment.resize=33",
    "input_size=32",
)
"""36 training frames of 12 people, 6 of 2 for val, 3 of 1 for test, under `person`."""

PLAIN = ("backbone.norm=false", "backbone.drop=0.0")
"""No batch norm and no dropout: a batch's gradient is the mean of its frames' gradients."""

EVERYTHING = (
    # 36 frames, 8 a batch, 2 batches a step: 5 batches and 3 steps an epoch, the last one short
    "accumulate=2",
    "ema=0.9",
    "warmup_epochs=1.0",
    "clip_grad=1.0",
    "plateau.patience=0",
    "augment.flip=0.5",
    "augment.rotation=20",
)
"""Options whose state a resumed run must restore, beside the network's batch norm and dropout."""

RATE = 0.2
"""High enough for the validation loss to rise in the fourth epoch: the plateau schedule steps."""

FLAGS: Mapping[str, Any] = {
    "dataset": "synthetic",
    "device": "cpu",
    "batch_size": 8,
    "epochs": 2,
}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo-home")


@pytest.fixture(autouse=True)
def tiny(plant: Plant, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the backbone ``tiny``; use one thread and a ZOO_HOME of the tests."""
    plant("tiny", {"zoo.backbones": {"tiny": "tiny"}}, SOURCE)
    monkeypatch.setenv("ZOO_HOME", str(home))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("ZOO_DATA", "TINY_AT", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Watcher(Reporter):
    """Keeps the notes, steps and epoch rows that a run reports."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[Any] = []
        self.rows: list[Mapping[str, Any]] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def step(self, step: Any) -> None:
        self.steps.append(step)

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.rows.append(row)


class Kit:
    """Helpers that the tests of this folder share."""

    DATA, PLAIN, EVERYTHING, RATE = DATA, PLAIN, EVERYTHING, RATE

    def __init__(self, out: Path, watcher: Watcher) -> None:
        self.out = out
        self.watcher = watcher

    def config(self, *sets: str, recipe: str = "seed", **flags: Any) -> Config:
        backbone = flags.pop("backbone", "tiny")
        return resolve(backbone, recipe, [*DATA, *sets], {**FLAGS, **flags})

    def train(self, *sets: str, out: str = "runs", **flags: Any) -> RunFolder:
        return run.train(self.config(*sets, **flags), self.out / out, reporter=self.watcher)

    def arguments(self, *sets: str, out: str = "runs", **flags: Any) -> list[str]:
        """The command line of the run that :meth:`train` would train."""
        line = ["train", "tiny", "--out", str(self.out / out)]
        for key, value in {**FLAGS, **flags}.items():
            line += [f"--{key.replace('_', '-')}", str(value)]
        for setting in (*DATA, *sets):
            line += ["--set", setting]
        return line

    def zoo(
        self, *arguments: str, processes: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """``zoo ...`` as a process, or as several under torchrun."""
        variables = {**os.environ, **environment}
        if not processes:
            return quick_process.run(["-m", "zoo", *arguments], self.out, variables)
        script = quick_process.command(self.out, "zoo", Path(sys.executable))
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--no-python"]
        torchrun += ["--nproc-per-node", str(processes), str(script)]
        return quick_process.run([*torchrun, *arguments], self.out, variables)

    def two_nodes(self, *arguments: str) -> list[subprocess.CompletedProcess[str]]:
        """``zoo ...`` as one process on each of two nodes; both nodes are this machine."""
        script = quick_process.command(self.out, "zoo", Path(sys.executable))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])

        def node(rank: int) -> subprocess.CompletedProcess[str]:
            line = ["-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", str(rank)]
            line += ["--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port]
            line += ["--no-python", str(script), *arguments]
            return quick_process.run(line, self.out, os.environ)

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(node, range(2)))

    def torchrun(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """``torchrun --nproc-per-node 2 ...`` as plain processes, not forked from a loaded one."""
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        return subprocess.run(
            [*command, "--nproc-per-node", "2", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            cwd=self.out,
            timeout=120,
        )

    def only_run(self, out: str = "runs") -> Path:
        [path] = (self.out / out).iterdir()
        return path

    @staticmethod
    def history(path: Path) -> list[dict[str, float]]:
        """The rows of history.csv, without the columns of times."""
        timings = ("seconds", "val_seconds", "images_per_second")
        with (path / "history.csv").open(newline="") as stream:
            return [
                {key: float(value) for key, value in row.items() if key not in timings}
                for row in csv.DictReader(stream)
            ]

    def outcome(self, path: Path) -> tuple[bytes, list[dict[str, float]], bytes]:
        """A run's best weights, history and val predictions, to compare bit for bit."""
        return (
            (path / "best.safetensors").read_bytes(),
            self.history(path),
            (path / "predictions" / "val.npz").read_bytes(),
        )


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path, Watcher())
