"""Two processes train one model: ``torchrun --nproc-per-node 2`` on a CPU."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from zoo.api import UsageError, WeightsError, ZooError
from zoo.evaluation.records import load_record
from zoo.evaluation.scores.predictions import load
from zoo.training import fit, run
from zoo.world import World, pick_device

if TYPE_CHECKING:
    from conftest import Kit


@pytest.mark.slow
def test_two_processes_train_what_one_trains(kit: Kit) -> None:
    """On two nodes, with batch norm, and with batches of 7 that are split into 4 and 3. Dropout is
    off, because each process draws its own."""
    sets = ("backbone.drop=0.0", "accumulate=2", "ema=0.9", "augment.flip=0.5")
    flags = {"lr": 0.01, "batch_size": 7}
    alone = kit.train(*sets, "augment.rotation=20", **flags)
    line = kit.arguments(*sets, "augment.rotation=20", out="both", **flags)
    done, second = kit.two_nodes(*line)
    assert done.returncode == second.returncode == 0, done.stderr + second.stderr
    assert not second.stdout
    assert done.stdout.count("epoch 1/2") == done.stdout.count("epoch 2/2") == 1
    assert done.stdout.count("val nme_ioc") == 1
    path = kit.only_run("both")
    assert path.name == alone.name

    record = load_record(path / "record.json").raw
    assert record["environment"]["processes"] == 2
    assert record["images_seen"] == 2 * 36
    one, two = kit.history(alone.path), kit.history(path)
    for key in one[0]:
        assert [row[key] for row in two] == pytest.approx([row[key] for row in one], rel=1e-4)
    expected, found = (load(p / "predictions" / "val.npz") for p in (alone.path, path))
    assert found.ids == expected.ids
    torch.testing.assert_close(
        torch.from_numpy(found.points),
        torch.from_numpy(expected.points),
        rtol=1e-4,
        atol=1e-3,
    )

    with pytest.raises(WeightsError, match=r"saved by 2 process.*resumed by 1;.*torchrun"):
        run.resume(path)


@pytest.mark.slow
def test_ctrl_c_stops_a_pair_that_goes_on_to_the_same_bits(kit: Kit) -> None:
    """With batch norm and dropout. Both processes get the signal, at any point of their work."""
    sets = ("accumulate=2", "ema=0.9", "plateau.patience=0")
    uninterrupted = kit.zoo(*kit.arguments(*sets, epochs=20, out="whole"), processes=2)
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    line = kit.arguments(*sets, epochs=20, out="stopped")
    stopped = kit.torchrun("-m", "zoo", *line, TINY_AT="8 interrupt torchrun")
    assert stopped.returncode != 0
    path = kit.only_run("stopped")
    assert stopped.stderr.count("zoo: stopped in epoch ") == 1, stopped.stderr
    assert f"everything is saved. Go on with: zoo train --resume {path}" in stopped.stderr
    assert not (path / "record.json").exists()
    resumed = kit.zoo("train", "--resume", str(path), processes=2)
    assert resumed.returncode == 0, resumed.stderr
    assert kit.outcome(path) == kit.outcome(kit.only_run("whole"))
    # the score while training, with each process's own buffers, is that of the saved weights
    record = load_record(path / "record.json").raw
    best = min(kit.history(path), key=lambda row: row["val_nme"])
    assert record["results"]["val"]["nme_ioc"] == pytest.approx(best["val_nme"], rel=1e-6)


@pytest.mark.slow
def test_an_expected_failure_of_a_pair_is_reported_once_and_early(kit: Kit) -> None:
    done = kit.zoo(*kit.arguments("loss.bta=1"), processes=2)
    assert done.returncode != 0
    assert done.stderr.count("zoo: ") == 1, done.stderr
    assert "zoo: loss landmark-zoo/smooth_l1: " in done.stderr
    assert not (kit.out / "runs").exists()


@pytest.mark.slow
def test_a_bug_in_one_of_a_pair_ends_both(kit: Kit) -> None:
    done = kit.zoo(*kit.arguments(), processes=2, TINY_AT="3 raise", TINY_RANK="1")
    assert done.returncode != 0
    assert "zoo: backbone tiny of tiny 1.0 cannot take what it is given" in done.stderr
    assert "ArithmeticError: planted" in done.stderr


LEAVING = """
import os
import sys

import torch
from zoo.world import join_world

threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
with join_world("cpu"):
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
    model(torch.ones(1, 2)).sum().backward()
    assert threads() > before, "gloo has no threads: this shows nothing"
del model
sys.exit(threads() != before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux does")
def test_a_process_that_left_its_group_has_no_threads_of_it(kit: Kit) -> None:
    """Such a thread may abort the process at the interpreter's exit, after its run is finished."""
    script = kit.out / "leaving.py"
    script.write_text(LEAVING)
    done = kit.torchrun(str(script))
    assert done.returncode == 0, done.stderr


class Others(World):
    """A world of two processes, whose other process sends planted answers."""

    def __init__(self, rank: int, answers: list[object]) -> None:
        super().__init__(rank, 2, torch.device("cpu"))
        object.__setattr__(self, "answers", answers)

    def gather(self, value: object) -> list[object]:
        other = self.answers.pop(0)  # type: ignore[attr-defined]
        return [value, other] if self.first else [other, value]


def test_a_failure_of_one_process_is_raised_in_all() -> None:
    entered = []
    first, other = ZooError("first"), ZooError("other")
    with pytest.raises(ZooError, match="first"), Others(1, [first]).first_goes_ahead():
        entered.append(1)
    assert not entered, "there is nothing to go on with"
    with pytest.raises(ZooError, match="other"), Others(0, [None, other]).first_goes_ahead():
        entered.append(2)
    with pytest.raises(ZooError, match="own"), Others(0, [None]).first_goes_ahead():
        raise ZooError("own")
    with Others(1, [None, None]).first_goes_ahead():
        entered.append(3)
    assert entered == [2, 3]


def test_a_loss_that_only_another_process_saw_is_named_by_the_first(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[fit.TrainJob] = []
    monkeypatch.setattr(run, "fit", lambda job, state: jobs.append(job))
    with pytest.raises(WeightsError):  # nothing was trained
        kit.train()
    job = replace(jobs[0], world=Others(0, [7]))
    with pytest.raises(ZooError, match=r"not finite at step 8 \(epoch 2\)") as caught:
        fit._check_finite(torch.tensor(-1), job, epoch=1, steps=5)
    for row in fit.epoch_plan(job, 1)[2][0]:
        assert job.train.whole.split.ids[row] in str(caught.value)


def test_every_process_gets_the_same_error_about_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("", 1, 2) == torch.device("cuda", 1)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    for rank in range(3):
        with pytest.raises(UsageError, match=r"3 process.* here, 2 CUDA"):
            pick_device("cuda", rank, 3)
    with pytest.raises(UsageError, match="cuda:2"):
        pick_device("cuda:2")
    with pytest.raises(UsageError, match="expected cpu, cuda"):
        pick_device("tpu3000")


def test_a_lone_process_needs_no_group(kit: Kit) -> None:
    record = json.loads(kit.train(epochs=1).record.read_text())
    assert not torch.distributed.is_initialized()
    assert record["environment"]["processes"] == 1
    assert run.evaluate(kit.only_run())["n"] == 6
