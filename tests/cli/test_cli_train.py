"""`zoo train` on the command line: its output, its errors, and Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import quick_process
import torch
from typer.testing import CliRunner

from zoo.cli import app
from zoo.cli.progress import clock
from zoo.runs.unlearned import unlearned

if TYPE_CHECKING:
    from conftest import Plant

SOURCE = """
import os
import signal
from dataclasses import replace
from functools import partial

from torch import nn

from zoo.api import Backbone, Dataset
from zoo.datasets.synthetic import open_synthetic

small = Backbone(build=lambda *, pretrained=False, wide=4: nn.Conv2d(3, wide, 5, stride=4),
                 input_size=32)


class Interrupted:
    "Drawn faces; someone presses Ctrl-C while the fourth is decoded."

    def __init__(self, faces):
        self.faces = faces

    def __getattr__(self, name):
        return getattr(self.faces, name)

    def samples(self):
        for number, sample in enumerate(self.faces.samples()):
            yield replace(sample, image=partial(self.image, number, sample.image))

    def image(self, number, image):
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return image()


interrupted = Dataset(open=lambda root, **options: Interrupted(open_synthetic(None, **options)),
                      needs_root=False)
single = Dataset(open=lambda root, **options: open_synthetic(None, people=2, videos=1, frames=1),
                 needs_root=False)
"""
PLUGINS = {
    "zoo.backbones": {"small": "small"},
    "zoo.datasets": {"interrupted": "interrupted", "single": "single"},
}
FACES = {"people": 15, "videos": 1, "frames": 2, "size": 48}
DATA = [part for key, value in FACES.items() for part in ("--set", f"dataset.{key}={value}")]
SMALL = ["train", "small", *DATA, "--batch-size", "8", "--epochs", "2", "--device", "cpu"]
SMALL += ["--set", "augment.resize=33", "--set", "input_size=32"]
TRAIN = [*SMALL, "--dataset", "synthetic"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo-home")


@pytest.fixture(autouse=True)
def here(
    plant: Plant, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    plant("small", PLUGINS, SOURCE)
    monkeypatch.setenv("ZOO_HOME", str(home))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("ZOO_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(threads)


def zoo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return quick_process.run(["-m", "zoo", *arguments])


def invoke(*arguments: str) -> Any:
    """Run `zoo` in this process, which is faster than a new process."""
    return CliRunner().invoke(app, list(arguments))


def on_a_terminal(columns: int, *arguments: str) -> tuple[int, str]:
    """Run ``zoo ...`` on a terminal with ``columns`` columns: its exit status and its output."""
    control, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "zoo", *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns)},
    )
    os.close(terminal)
    written = b""
    while True:
        try:
            block = os.read(control, 65536)
        except OSError:  # Linux raises it when the last writer has closed the terminal
            break
        if not block:
            break
        written += block
    os.close(control)
    return process.wait(timeout=60), written.decode()


@pytest.mark.slow
def test_two_seeds_make_one_row_above_the_baseline(here: Path) -> None:
    done = zoo(*TRAIN)
    assert done.returncode == 0, done.stderr
    first, second, last = done.stdout.splitlines()
    line = (
        r"train loss 0\.\d{4}  val SmoothL1 0\.\d{4}  val NME \d+\.\d\d%  [\d.]+ img/s  took 0:\d\d"
    )
    assert re.fullmatch(rf"epoch 1/2  {line}", first)
    assert re.fullmatch(rf"epoch 2/2  {line}", second)
    share = r"\d+\.\d\d"
    assert re.fullmatch(
        rf"runs/small-synthetic-[0-9a-f]{{6}}-s0: val nme_ioc {share}% \[{share}, {share}\] "
        rf"on 4 frames, baseline {share}% \[{share}, {share}\], best epoch [12]",
        last,
    )
    for warning in unlearned(Path(last.partition(":")[0])):
        assert warning in done.stderr.splitlines()
    assert "\x1b" not in done.stdout + done.stderr
    assert "train: 24 frames decoded into the store" in done.stderr
    assert done.stderr.splitlines()[-1] == "See it beside others: zoo leaderboard runs"

    status, output = on_a_terminal(120, *TRAIN, "--seed", "1")
    assert status == 0, output
    assert re.search(rf"epoch 2/2  {line}", output), "an epoch's line stays above the bar"
    assert "-s1: val nme_ioc" in output

    board = zoo("leaderboard", "runs", "--format", "json")
    [group] = json.loads(board.stdout)
    [row] = group["rows"]
    assert (row["backbone"], row["seeds"], len(row["runs"])) == ("small", [0, 1], 2)
    assert (group["dataset"], group["protocol"], group["split"]) == (
        "synthetic",
        "person/1",
        "val",
    )
    records = [json.loads(path.read_text()) for path in here.glob("runs/*/record.json")]
    values = [record["results"]["val"]["nme_ioc"] for record in records]
    assert row["nme_ioc"] == pytest.approx(sum(values) / 2)
    assert group["baseline"]["nme_ioc"] == pytest.approx(
        records[0]["results"]["val"]["floor"]["nme_ioc"]
    )


@pytest.mark.slow
def test_the_bar_says_how_far_the_training_is(here: Path) -> None:
    """With enough epochs to see the bar, which is drawn ten times a second."""
    status, output = on_a_terminal(120, *TRAIN, "--epochs", "40")
    assert status == 0, output
    assert re.search(
        r"epoch \d+/40 .*train loss 0\.\d{4}  all done in 0:\d\d  "
        r"val NME \d+\.\d\d% after epoch \d+  [\d.]+ img/s",
        output,
    )


@pytest.mark.slow
def test_ctrl_c_while_frames_are_decoded_leaves_nothing_half_written(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(here / "home"))
    done = zoo(*SMALL, "--dataset", "interrupted")
    assert done.returncode == 130, done.stderr
    assert done.stdout == ""
    assert [line for line in done.stderr.splitlines() if line] == ["Stopped."]
    assert not (here / "runs").exists()
    assert list((here / "home").rglob("*.npy")) == []
    assert list((here / "home").rglob("*.part")) == []


@pytest.mark.slow
def test_a_failure_is_one_line_without_a_traceback(here: Path) -> None:
    done = zoo("train", "custom_cn", "--dataset", "synthetic")
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith('zoo: no installed backbone is called "custom_cn"')
    assert "custom_cnn" in line
    assert list(here.glob("runs*")) == []


ERRORS = {
    "no backbone": (["train"], 2, ["name a backbone", "zoo train custom_cnn"]),
    "no backbone in the recipe": (["train", "--recipe", "quick"], 2, ["no backbone named"]),
    "no root for the recipe's backbone": (
        ["train", "--recipe", "custom_cnn", "--data", "/no/such/root"],
        1,
        ["/no/such/root", "--data"],
    ),
    "backbone": (["train", "smal"], 1, ["smal", "small"]),
    "member of a family": (["train", "timm:resnet19x"], 1, ["resnet19x"]),
    "family": (["train", "timm"], 1, ["timm:NAME"]),
    "data set": ([*SMALL, "--dataset", "sythetic"], 1, ["sythetic", "synthetic"]),
    "head": ([*TRAIN, "--head", "liner"], 1, ["liner", "linear"]),
    "loss": ([*TRAIN, "--loss", "smoth_l1"], 1, ["smoth_l1", "smooth_l1"]),
    "recipe": ([*TRAIN, "--recipe", "sede"], 2, ["sede", "seed", "strong"]),
    "protocol": ([*TRAIN, "--protocol", "persn"], 2, ["persn", "person"]),
    "key": ([*TRAIN, "--set", "acumulate=2"], 2, ["acumulate", "did you mean accumulate"]),
    "value": ([*TRAIN, "--set", "accumulate=two"], 2, ["accumulate = 'two'", "expected int"]),
    "no value": ([*TRAIN, "--set", "accumulate"], 2, ["--set accumulate", "key=value"]),
    "range": ([*TRAIN, "--set", "ema=1"], 2, ["ema = 1.0: must be at least 0 and below 1"]),
    "backbone option": ([*TRAIN, "--set", "backbone.wid=3"], 2, ["small", "wid", "wide"]),
    "head option": ([*TRAIN, "--set", "head.stride=4"], 2, ["linear", "stride", "none"]),
    "loss option": ([*TRAIN, "--set", "loss.bta=1"], 2, ["smooth_l1", "bta", "beta"]),
    "loss value": ([*TRAIN, "--set", "loss.beta=0"], 2, ["beta is 0", "above 0"]),
    "data set option": ([*TRAIN, "--set", "dataset.persons=3"], 2, ["synthetic", "persons"]),
    "precision": ([*TRAIN, "--precision", "fp8"], 2, ["fp8", "fp32, bf16, fp16"]),
    "device": ([*TRAIN, "--device", "quantum"], 2, ["--device quantum", "cpu, cuda"]),
    "batch of one": ([*TRAIN, "--batch-size", "1"], 2, ["batch_size = 1", "batch norm"]),
    "no root": (["train", "small", "--data", "/no/such/root"], 1, ["/no/such/root", "--data"]),
    "no data": (
        ["train", "small"],
        1,
        ["no data at", "`zoo data fetch youtube_faces`", "--dataset synthetic"],
    ),
    "one frame": ([*SMALL[:2], "--dataset", "single"], 1, ["1 training frame", "at least 2"]),
    "too small": (
        ["train", "custom_cnn", "--dataset", "synthetic", *DATA, "--set", "input_size=64"],
        2,
        ["custom_cnn", "64", "190"],
    ),
    "no pretrained weights": ([*TRAIN, "--pretrained"], 1, ["no pretrained weights", "--weights"]),
    "no weights": ([*TRAIN, "--weights", "gone.safetensors"], 1, ["gone.safetensors", "no such"]),
    "two starts": ([*TRAIN, "--pretrained", "--weights", "x.pt"], 2, ["pretrained and weights"]),
    "out": ([*TRAIN, "--out", "/proc/nowhere"], 2, ["--out /proc/nowhere", "cannot write"]),
    "no run": (["train", "--resume", "nowhere"], 2, ["nowhere", "no run here"]),
    "resume and others": (
        ["train", "small", "--resume", "r", "--lr", "1", "--batch-size", "4", "--set", "a=1"],
        2,
        ["--resume", "leave out", "the backbone", "--lr", "--batch-size", "--set"],
    ),
    "resume and its default": (["train", "--resume", "r", "--out", "runs"], 2, ["leave out --out"]),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_is_one_or_two_lines(case: str, here: Path) -> None:
    arguments, status, words = ERRORS[case]
    result = invoke(*arguments)
    assert result.exit_code == status, result.stderr
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "decoded into the store" not in line]
    assert lines[0].startswith("zoo: ")
    assert len(lines) <= 2
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert not (here / "runs").exists(), "a configuration that is wrong makes no folder"


@pytest.mark.parametrize(
    "arguments",
    [
        ("custm_cnn",),
        ("timm:resnt18",),
        ("small", "--recipe", "quik"),
        ("small", "--head", "liner"),
        ("small", "--set", "epoch=3"),
    ],
)
def test_a_misspelt_name_is_reported_before_torch_is_imported(
    arguments: tuple[str, ...], here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier command has stored the names of timm's networks."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    (tmp_path / f"timm-names-{version('timm')}.json").write_text('[["resnet18"], []]')
    script = "import sys, zoo.cli\ntry: zoo.cli.main()\nfinally: print('torch' in sys.modules)"
    command = [sys.executable, "-c", script, "train", *arguments]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert "did you mean" in done.stderr
    assert done.stdout == "False\n"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_gpu_is_an_error_and_not_replaced_by_the_cpu(here: Path) -> None:
    result = invoke(*TRAIN, "--device", "cuda")
    assert result.exit_code == 2
    assert "no CUDA device" in result.stderr
    assert "--device cpu" in result.stderr
    assert not (here / "runs").exists()


@pytest.mark.parametrize(("epochs", "status"), [("2", 0), ("3", 0), ("1", 2)])
def test_resume_takes_more_epochs_and_nothing_else(epochs: str, status: int, here: Path) -> None:
    assert invoke(*TRAIN).exit_code == 0
    [run] = (here / "runs").iterdir()
    result = invoke("train", "--resume", str(run), "--epochs", epochs)
    assert result.exit_code == status
    if epochs == "2":
        assert "nothing left to do: all 2 epochs are done" in result.stderr
        assert "val nme_ioc" in result.stdout
    elif epochs == "3":
        assert result.stdout.startswith("epoch 3/3 ")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0:00"), (59.6, "1:00"), (187, "3:07"), (3765, "1:02:45")],
)
def test_times_are_shown_as_on_a_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
