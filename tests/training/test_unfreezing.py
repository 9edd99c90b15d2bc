"""A backbone that is frozen for some epochs and then trained, on and beyond the boundary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from zoo.api import UsageError
from zoo.training import fit, run

if TYPE_CHECKING:
    from conftest import Kit

# 5 batches and 3 steps an epoch; the backbone joins at the third of five epochs
AFTER = 2


def tensors(path: Path, prefix: str) -> dict[str, Tensor]:
    with safe_open(path, "pt") as stream:
        return {k: stream.get_tensor(k) for k in stream.keys() if k.startswith(prefix)}  # noqa: SIM118


def backbones_by_epoch(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, *sets: str, **flags: Any
) -> list[dict[str, Tensor]]:
    """The state of the backbone after every epoch, with its buffers."""
    states: list[dict[str, Tensor]] = []
    save = fit.TrainState.save

    def save_and_copy(state: fit.TrainState, *args: Any) -> None:
        backbone = state.model.backbone.state_dict()
        states.append({name: tensor.clone() for name, tensor in backbone.items()})
        save(state, *args)

    with monkeypatch.context() as patch:
        patch.setattr(fit.TrainState, "save", save_and_copy)
        kit.train(*sets, **flags)
    return states


def test_the_backbone_stands_still_for_its_epochs_and_moves_after_them(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = backbones_by_epoch(kit, monkeypatch, f"unfreeze_after={AFTER}", "ema=0.9", epochs=4)
    for name, first in states[0].items():
        assert torch.equal(first, states[1][name]), f"{name} moved while it was frozen"
    for name in ("conv.weight", "wide.bias", "norm.weight", "norm.running_mean"):
        assert not torch.equal(states[1][name], states[2][name]), name
        assert not torch.equal(states[2][name], states[3][name]), name
    assert int(states[1]["norm.num_batches_tracked"]) == 0
    assert "epoch 3: the backbone is trained from here" in kit.watcher.notes


def test_the_frozen_epochs_are_those_of_a_frozen_run(kit: Kit) -> None:
    """The same losses to the bit, until the backbone joins."""
    frozen = kit.history(kit.train(*kit.EVERYTHING, "freeze=true", epochs=4).path)
    joined = kit.history(
        kit.train(*kit.EVERYTHING, f"unfreeze_after={AFTER}", epochs=4, out="joined").path
    )
    assert joined[:AFTER] == frozen[:AFTER]
    assert joined[AFTER]["train_loss"] != frozen[AFTER]["train_loss"]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_run_that_died_anywhere_around_the_boundary_ends_in_the_same_bits(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    sets = (*kit.EVERYTHING, f"unfreeze_after={AFTER}", "backbone_lr_factor=0.5")
    flags: dict[str, Any] = {"epochs": 4, "lr": 0.05}
    sets = (*sets, f"optimizer={optimizer}", "scheduler=cosine")
    uninterrupted = kit.train(*sets, **flags)
    # the backbone counts its batches in training mode, so none in its frozen epochs: its first
    # batch is the first of epoch 3, and its sixth is the first of epoch 4
    for batch in (1, 2, 6):
        monkeypatch.setenv("TINY_AT", f"{batch} die")
        with pytest.raises(KeyboardInterrupt, match="planted death"):
            kit.train(*sets, **flags, out=f"died-{batch}")
        monkeypatch.delenv("TINY_AT")
        died = kit.only_run(f"died-{batch}")
        assert len(kit.history(died)) == (2 if batch < 6 else 3)
        run.resume(died)
        assert kit.outcome(died) == kit.outcome(uninterrupted.path), batch


def test_dying_while_the_last_frozen_epoch_is_written_loses_nothing(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = (*kit.EVERYTHING, f"unfreeze_after={AFTER}")
    uninterrupted = kit.train(*sets, epochs=3, lr=0.05)
    for method in ("save", "write_history"):
        owner: Any = fit.TrainState if method == "save" else fit.RunFolder
        kept, calls = getattr(owner, method), iter(range(1, 9))

        def dies(*args: object, kept: Any = kept, calls: Any = calls) -> object:
            if next(calls) == AFTER:
                raise KeyboardInterrupt("planted")
            return kept(*args)

        with monkeypatch.context() as patch:
            patch.setattr(owner, method, dies)
            with pytest.raises(KeyboardInterrupt, match="planted"):
                kit.train(*sets, epochs=3, lr=0.05, out=method)
        run.resume(kit.only_run(method))
        assert kit.outcome(kit.only_run(method)) == kit.outcome(uninterrupted.path), method


def test_the_moments_of_the_backbone_begin_with_its_first_step(kit: Kit) -> None:
    folder = kit.train(f"unfreeze_after={AFTER}", "optimizer=adamw", epochs=3)
    steps = tensors(folder.state, "optimizer/")
    counts = {int(t) for name, t in steps.items() if name.endswith(".step")}
    # the head's parameters took three epochs of five steps, the backbone's one
    assert counts == {15, 5}


def test_a_run_that_is_only_scored_counts_all_its_parameters_as_trained(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kit.train("unfreeze_after=1")
    before = json.loads(folder.record.read_text())["model"]
    assert before["trainable"] == before["parameters"]
    folder.record.unlink()
    monkeypatch.setenv("TINY_AT", "1 die")  # a further batch of training would fail
    run.resume(folder.path)
    assert json.loads(folder.record.read_text())["model"] == before
    frozen = json.loads(kit.train("freeze=true", out="frozen").record.read_text())["model"]
    assert frozen["trainable"] < frozen["parameters"]


def test_early_stop_waits_for_the_backbone(kit: Kit) -> None:
    """At this rate no epoch is better than the first."""
    sets = (*kit.PLAIN, "early_stop=1", "optimizer=sgd")
    assert len(kit.history(kit.train(*sets, "freeze=true", epochs=9, lr=1e-12).path)) == 2
    waited = kit.train(*sets, "unfreeze_after=3", epochs=9, lr=1e-12, out="waited")
    assert len(kit.history(waited.path)) == 4


def test_freeze_and_unfreeze_after_are_one_run_with_one_hash(kit: Kit) -> None:
    folders = [
        kit.train("unfreeze_after=1", out="one"),
        kit.train("unfreeze_after=1", "freeze=true", out="two"),
    ]
    assert folders[0].name == folders[1].name
    assert kit.outcome(folders[0].path) == kit.outcome(folders[1].path)


def test_a_backbone_that_would_never_be_trained_is_refused(kit: Kit) -> None:
    with pytest.raises(UsageError, match=r"unfreeze_after = 2 must be below epochs = 2.*freeze"):
        kit.config("unfreeze_after=2")
    with pytest.raises(UsageError, match="unfreeze_after = -1: must be at least 0"):
        kit.config("unfreeze_after=-1")


@pytest.mark.slow
def test_the_flag_and_a_pair_of_processes_that_train_what_one_trains(kit: Kit) -> None:
    """With two batches a step, backward passes through DDP's wrapper run with and without
    synchronisation, before and after the wrapper is made anew. A pair that was killed at the
    boundary and resumed ends in the same bits."""
    sets = (*kit.PLAIN, "accumulate=2", "ema=0.9", "augment.flip=0.5")
    flags: dict[str, Any] = {"epochs": 4, "lr": 0.01, "unfreeze_after": AFTER}
    alone = kit.train(*sets, **flags)
    uninterrupted = kit.zoo(*kit.arguments(*sets, **flags, out="whole"), processes=2)
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    one, two = kit.history(alone.path), kit.history(kit.only_run("whole"))
    for key in one[0]:
        assert [row[key] for row in two] == pytest.approx([row[key] for row in one], rel=1e-4)

    died = kit.zoo(*kit.arguments(*sets, **flags, out="died"), processes=2, TINY_AT="1 SIGKILL")
    assert died.returncode != 0
    path = kit.only_run("died")
    assert len(kit.history(path)) == AFTER
    resumed = kit.zoo("train", "--resume", str(path), processes=2)
    assert resumed.returncode == 0, resumed.stderr
    assert kit.outcome(path) == kit.outcome(kit.only_run("whole"))
