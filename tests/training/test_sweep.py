"""Many trainings from one file: which trials are made; none is made twice, and none is lost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import quick_process
import typer

from zoo.api import UsageError
from zoo.cli.sweep import sweep
from zoo.evaluation.records import load_record
from zoo.training import sweep as sweeping

if TYPE_CHECKING:
    from conftest import Kit

BASE = """
[base]
dataset = "synthetic"
device = "cpu"
epochs = 1
batch_size = 8
input_size = 32
"augment.resize" = 33
"dataset.people" = 15
"dataset.videos" = 1
"dataset.frames" = 3
"dataset.size" = 48
"""
GRID = """
[grid]
backbone = ["tiny"]
seed = [0, 1]
"""


@pytest.fixture
def file(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two trials, whose commands are forked from a process that has loaded PyTorch."""
    script = quick_process.command(kit.out, "zoo", Path(sys.executable))
    monkeypatch.setattr(sweeping, "ZOO", (str(script),))
    path = kit.out / "sweep.toml"
    path.write_text(BASE + GRID)
    return path


def test_all_combinations_of_a_grid_and_the_listed_trials_are_tried(file: Path) -> None:
    listed = '[[trial]]\nbackbone = "tiny"\nrecipe = "quick"\nhead = "linear"\nlr = 0.5\n'
    file.write_text(BASE + GRID + 'lr = [0.1, 0.2]\nloss = ["l1"]\n' + listed)
    trials = sweeping.read_sweep(file, file.parent / "runs").trials
    tried = [(t.plan.config.seed, t.plan.config.lr, t.plan.config.recipe) for t in trials]
    assert tried[:4] == [(0, 0.1, "seed"), (0, 0.2, "seed"), (1, 0.1, "seed"), (1, 0.2, "seed")]
    assert tried[4:] == [(0, 0.5, "quick")]
    assert trials[1].name == "trial 2 (seed=0, lr=0.2, loss=l1)"
    assert trials[4].plan.config.epochs == 1, "the base is part of what is listed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gird]\nseed = [0]\n", "unknown 'gird'"),
        ('[grid]\nbackbone = "tiny"\n', "grid.backbone must be a list"),
        ('[grid]\nbackbone = ["tiny"]\nlr = [0.1, -1]\n', "trial 2: .*lr"),
        ('[grid]\nbackbone = ["tiny"]\nlr = [0.1, 0.1]\n', r"trial 2.* is the same as trial 1"),
        ('[grid]\nbackbone = ["tny"]\n', "trial 1: .*tny"),
    ],
)
def test_an_invalid_file_is_refused_before_anything_is_trained(
    file: Path, text: str, message: str
) -> None:
    file.write_text(BASE + text)
    with pytest.raises(UsageError, match=message):
        sweeping.read_sweep(file, file.parent / "runs")


def test_trials_that_died_are_named_and_tried_again_and_finished_ones_are_not(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = file.parent / "runs"

    def zoo_sweep(dry_run: bool = False) -> str:
        sweep(file, jobs=2, on="local", dry_run=dry_run, strict=False, out=out)
        printed = capfd.readouterr()
        return printed.out + printed.err

    plan = zoo_sweep(dry_run=True)
    assert "2 trials: 0 finished, 0 begun, 2 new" in plan
    assert plan.count("zoo train tiny ") == 2
    assert not out.exists()
    monkeypatch.setenv("TINY_AT", "3 SIGKILL")
    with pytest.raises(typer.Exit):
        zoo_sweep()
    output = capfd.readouterr().err
    assert "2 failed: trial " in output
    assert "trial 1 (seed=0): " in output
    monkeypatch.delenv("TINY_AT")
    output = zoo_sweep()
    assert "2 trials: 0 finished, 2 begun, 0 new" in output
    assert output.count(": finished") == 2
    assert "tiny" in output.partition("2 trials: ")[0], "the board is its output"
    runs = sorted(out.glob("tiny-*"))
    assert [load_record(run / "record.json").seed for run in runs] == [0, 1]
    assert "2 trials: 2 finished, 0 begun, 0 new" in zoo_sweep(dry_run=True)


def test_a_cluster_gets_the_same_commands(file: Path) -> None:
    pytest.importorskip("submitit")
    out = file.parent / "runs"
    trials = sweeping.read_sweep(file, out).trials[:1]
    [outcome] = sweeping.submit_all(trials, out, {"cluster": "debug", "timeout_min": 5})
    assert outcome == sweeping.Outcome(trials[0])
    assert len(list(out.glob("tiny-*/record.json"))) == 1
    with pytest.raises(UsageError, match="submitit: "):
        list(sweeping.submit_all(trials, out, {"cluster": "debug", "timeout_mni": 5}))


@pytest.mark.slow
def test_the_machines_of_a_cluster_share_the_trials_and_one_that_dies_there_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two nodes of Ray with one processor each, both on this machine. A training on the second node
    is killed."""
    reason = "Ray is not installed: pip install 'landmark-zoo[ray]'"
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason=reason)
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    out = Path("runs")

    def on_ray() -> str:
        sweep(file, jobs=0, on="ray", dry_run=False, strict=False, out=out)
        return capfd.readouterr().err

    cluster = cluster_utils.Cluster()
    try:
        cluster.add_node(num_cpus=1, num_gpus=0, include_dashboard=False)
        cluster.add_node(num_cpus=1, num_gpus=0, env_vars={"TINY_AT": "3 SIGKILL"})
        file.write_text(f'{BASE}{GRID}[ray]\naddress = "{cluster.address}"\nnum_cpus = 1\n')
        with pytest.raises(typer.Exit):
            on_ray()
        stderr = capfd.readouterr().err
        assert stderr.count(": finished") == 1
        assert "1 failed: trial " in stderr
        assert "; the same command tries them again" in stderr
        assert "killed by signal 9; runs/sweep-logs/" in stderr
        assert len(list(out.glob("tiny-*/record.json"))) == 1
        cluster.remove_node(cluster.worker_nodes.copy().pop())
        stderr = on_ray()
        assert "2 trials: 1 finished, 1 begun, 0 new" in stderr
        assert stderr.count(": finished") == 1
    finally:
        cluster.shutdown()
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UsageError, match=r"--on ray: no cluster at auto .*ray start --head"):
        list(sweeping.spread_all((), out, {}))


def test_an_engine_that_is_not_installed_is_named_with_what_installs_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"needs Ray: pip install 'landmark-zoo\[ray\]'"):
        sweep(file, jobs=0, on="ray", dry_run=False, strict=False, out=file.parent / "runs")
    with pytest.raises(UsageError, match="--on moon: expected local, slurm or ray"):
        sweep(file, jobs=0, on="moon", dry_run=False, strict=False, out=file.parent / "runs")


def test_a_trial_has_a_gpu_or_a_share_of_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert sweeping.place(1, jobs=3, gpus=0) == {"OMP_NUM_THREADS": "2"}
    assert sweeping.place(0, jobs=1, gpus=0) == {}
    assert sweeping.place(3, jobs=4, gpus=2) == {"CUDA_VISIBLE_DEVICES": "1"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert sweeping.place(1, jobs=2, gpus=2) == {"CUDA_VISIBLE_DEVICES": "6"}
