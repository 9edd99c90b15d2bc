"""Resuming as in tests/training/test_resuming.py, with real signals to real processes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Kit


@pytest.mark.slow
def test_a_run_killed_twice_and_interrupted_ends_in_the_bits_of_an_uninterrupted_one(
    kit: Kit,
) -> None:
    uninterrupted = kit.train(*kit.EVERYTHING, epochs=5, lr=kit.RATE)
    rates = [row["lr"] for row in kit.history(uninterrupted.path)]
    assert min(rates) < kit.RATE, "or the plateau schedule's part is not shown"

    # in the middle of the second epoch
    killed = kit.zoo(
        *kit.arguments(*kit.EVERYTHING, epochs=5, lr=kit.RATE, out="killed"), TINY_AT="8 SIGKILL"
    )
    assert killed.returncode == -signal.SIGKILL
    path = kit.only_run("killed")
    assert len(kit.history(path)) == 1

    # in the first batch of the third epoch, which is the sixth of this process
    killed = kit.zoo("train", "--resume", str(path), TINY_AT="6 SIGKILL")
    assert killed.returncode == -signal.SIGKILL
    assert len(kit.history(path)) == 2

    stopped = kit.zoo("train", "--resume", str(path), TINY_AT="7 SIGINT")
    assert stopped.returncode == 130
    assert stopped.stderr.splitlines() == [
        "zoo: stopped in epoch 4 after step 10; everything is saved. "
        f"Go on with: zoo train --resume {path}"
    ]
    assert [line.split()[1] for line in stopped.stdout.splitlines()] == ["3/5"]

    resumed = kit.zoo("train", "--resume", str(path))
    assert resumed.returncode == 0, resumed.stderr
    assert kit.outcome(path) == kit.outcome(uninterrupted.path)


@pytest.mark.slow
def test_a_disk_that_fills_up_costs_an_epoch_and_says_how_to_go_on(kit: Kit) -> None:
    uninterrupted = kit.train(epochs=3)
    # in the second epoch, whose state cannot be saved
    full = kit.zoo(*kit.arguments(epochs=3, out="full"), TINY_AT="8 full disk")
    assert full.returncode == 1
    path = kit.only_run("full")
    [line] = full.stderr.splitlines()
    assert line.startswith(f"zoo: {path}/"), line
    assert ".safetensors: cannot be written: File too large. What was saved" in line
    assert line.endswith(f"go on with: zoo train --resume {path}")
    assert len(kit.history(path)) == 1

    resumed = kit.zoo("train", "--resume", str(path))
    assert resumed.returncode == 0, resumed.stderr
    assert kit.outcome(path) == kit.outcome(uninterrupted.path)
