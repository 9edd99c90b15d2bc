"""`zoo check` as a process: a line for each check, the count at the end, the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import quick_process
from PIL import Image
from test_kit import GROUP, SOURCE

if TYPE_CHECKING:
    from conftest import Plant

ZOO = ["-P", "-c", "from zoo.cli import main; main()"]

TOUCHES = """
import os
import random

import numpy as np
import torch

from zoo.api import Loss

random.seed(0)
np.random.rand()
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
torch.set_num_threads(torch.get_num_threads() + 1)
os.environ["OMP_NUM_THREADS"] = "7"

ours = Loss(build=lambda: lambda points, target, visible: points.sum())
"""


def zoo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return quick_process.run([*ZOO, "check", *arguments])


def test_a_line_for_each_check_and_the_count_at_the_end() -> None:
    done = zoo("none", "--kind", "detector")
    assert done.returncode == 0, done.stderr
    heading, *lines, count = done.stdout.splitlines()
    assert heading.startswith("detector none of landmark-zoo ")
    assert [line.split()[:2] for line in lines[:2]] == [
        ["1", "found_through_metadata"],
        ["2", "import_leaves_no_trace"],
    ]
    assert len(lines) == 12
    assert count == "12/12, 1 not applicable"


def test_what_an_import_changes_is_named_and_the_status_is_three(plant: Plant) -> None:
    plant("zoo-touches", {GROUP: {"touches": "ours"}}, TOUCHES)
    done = zoo("touches", "--only", "import_leaves_no_trace")
    assert done.returncode == 3
    *_, line, count = done.stdout.splitlines()
    for words in (
        "failed: importing it changes the process: Python's random was seeded or drawn from",
        "numpy's global RNG was seeded",
        "torch's global RNG was seeded",
        "torch's default dtype is now torch.float64",
        "torch's number of threads is now",
        "the environment variable OMP_NUM_THREADS is now 7",
    ):
        assert words in line
    assert count == "0/1: 1 failed (13 left out by --only)"


def test_json_alone_with_expected_failures(plant: Plant) -> None:
    plant("menagerie", {GROUP: {"known": "known"}}, SOURCE)
    done = zoo("menagerie/known", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["id"] == "known"
    assert (report["distribution"], report["version"]) == ("menagerie", "1.0")
    assert report["summary"] == "14/14, 1 of them an expected failure"
    assert [check["number"] for check in report["checks"]] == list(range(1, 15))
    [known] = [check for check in report["checks"] if check["status"] != "ok"]
    assert known["name"] == "gradient_at_the_target_is_finite"
    assert known["status"] == "failed as expected"
    assert known["message"] == "no point is ever quite right"


def test_an_unexpected_pass_and_checks_not_run(plant: Plant) -> None:
    plant("menagerie", {GROUP: {"mended": "mended"}}, SOURCE)
    name = "gradient_at_the_target_is_finite"
    done = zoo("mended", "--only", name)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == "0/1: 1 passed unexpectedly (13 left out by --only)"
    plant("zoo-bad", {GROUP: {"bad": "ours"}}, "import a_library_nobody_has\n")
    done = zoo("bad")
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[-1] == "1/14: 1 failed, 12 not run"
    assert "needs a_library_nobody_has, which is not installed" in lines[2]
    assert lines[3].endswith("not run: needs import_leaves_no_trace")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nobody_has_this"], 1, 'no installed plugin is called "nobody_has_this"'),
        (["timm:no_such_model"], 1, "has no model no_such_model"),
        (["none", "--kind", "optimiser"], 2, "no kind of plugin 'optimiser'"),
        (["none", "--only", "gives_box"], 2, "did you mean gives_boxes?"),
        (["none", "--set", "loss.x=1"], 2, "an option of a detector reads detector.KEY=VALUE"),
        (["none", "--data", "here"], 2, "none is a detector"),
        (["wflw", "--data", "not_here"], 1, "no such file or folder"),
        (["synthetic", "--set", "dataset.poeple=8"], 2, "its options are dataset.people"),
        (["synthetic", "--data", "."], 2, "synthetic reads no files"),
    ],
)
def test_wrong_usage_and_what_is_not_there(arguments: list[str], status: int, words: str) -> None:
    done = zoo(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_data_and_options_reach_the_plugin(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("image_name,part_0_x,part_0_y,split\na.png,3,4,test\n")
    chosen = ["--data", str(tmp_path), "--only", "opens_and_describes_itself"]
    done = zoo("landmarks_csv", *chosen)
    assert done.returncode == 3
    assert "choose one: --set dataset.csv=" in done.stdout
    assert zoo("landmarks_csv", *chosen, "--set", "dataset.csv=two.csv").returncode == 0


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from zoo.cli import app\n"
        "try: app(['check', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(str(sorted({'torch', 'numpy', 'zoo.testing'} & set(sys.modules))))\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"
    assert "--only" in done.stdout
