"""A run stopped in any way and resumed ends in the same bits as an uninterrupted one."""

from __future__ import annotations

import itertools
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from zoo.api import DataError, UsageError, WeightsError, ZooError
from zoo.evaluation.board.contestants import find_contestant
from zoo.evaluation.board.leaderboard import collect
from zoo.runs.folder import RunFolder
from zoo.runs.trained import load_trained
from zoo.tensors import load_tensors, save_tensors
from zoo.training import fit, run

if TYPE_CHECKING:
    from conftest import Kit


def test_a_run_that_died_at_any_batch_ends_in_the_same_bits(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = kit.train(*kit.EVERYTHING, epochs=5, lr=kit.RATE)
    rates = [row["lr"] for row in kit.history(uninterrupted.path)]
    assert rates == [kit.RATE] * 4 + [kit.RATE / 2], "or the plateau schedule's part is not shown"
    # in the first epoch, in mid-step between two of its batches, at the first batch of an epoch,
    # and after the plateau schedule's step
    for batch in (3, 8, 16, 24):
        monkeypatch.setenv("TINY_AT", f"{batch} die")
        with pytest.raises(KeyboardInterrupt, match="planted death"):
            kit.train(*kit.EVERYTHING, epochs=5, lr=kit.RATE, out=f"died-{batch}")
        monkeypatch.delenv("TINY_AT")
        died = kit.only_run(f"died-{batch}")
        assert not (died / "record.json").exists()
        run.resume(died)
        assert kit.outcome(died) == kit.outcome(uninterrupted.path), batch


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_mid_epoch_finishes_the_step_saves_and_says_how_to_go_on(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    uninterrupted = kit.train(*kit.EVERYTHING, epochs=3, lr=kit.RATE)
    # the 8th batch is the third of the second epoch: the first half of its second step
    monkeypatch.setenv("TINY_AT", f"8 {number.name}")
    handler = signal.getsignal(number)
    with pytest.raises(fit.Interrupted, match=r"epoch 2 after step 5.*zoo train --resume") as stop:
        kit.train(*kit.EVERYTHING, epochs=3, lr=kit.RATE, out="stopped")
    assert signal.getsignal(number) is handler
    assert stop.value.exit_status == 130
    path = kit.only_run("stopped")
    assert str(path) in str(stop.value)
    assert len(kit.history(path)) == 1
    monkeypatch.delenv("TINY_AT")
    run.resume(path, reporter=kit.watcher)
    assert kit.outcome(path) == kit.outcome(uninterrupted.path)


def test_a_signal_before_the_first_epoch_is_over_saves_too(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = kit.train(*kit.EVERYTHING)
    monkeypatch.setenv("TINY_AT", "1 SIGINT")
    with pytest.raises(fit.Interrupted, match="epoch 1 after step 1"):
        kit.train(*kit.EVERYTHING, out="stopped")
    path = kit.only_run("stopped")
    assert (path / "state" / "last.safetensors").is_file()
    monkeypatch.delenv("TINY_AT")
    run.resume(path)
    assert kit.outcome(path) == kit.outcome(uninterrupted.path)


def test_a_signal_in_the_last_step_of_an_epoch_finishes_the_epoch(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_AT", "5 SIGINT")
    with pytest.raises(fit.Interrupted):
        kit.train()
    assert len(kit.history(kit.only_run())) == 1
    monkeypatch.setenv("TINY_AT", "10 SIGINT")
    assert kit.train(out="last").record.is_file(), "nothing was left to stop: the run is done"


def test_a_second_interrupt_stops_at_once(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_AT", "7 SIGINT SIGINT")
    with pytest.raises(KeyboardInterrupt):
        kit.train()
    path = kit.only_run()
    monkeypatch.delenv("TINY_AT")
    run.resume(path)
    assert kit.outcome(path) == kit.outcome(kit.train(out="whole").path)


def test_dying_while_an_epoch_is_written_loses_nothing(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = kit.train(epochs=3, lr=0.05)
    assert kit.watcher.rows[1]["val_nme"] < kit.watcher.rows[0]["val_nme"], "or it writes no best"
    # before the best weights are written, between them and the state, between that and its history
    writers = ((fit, "save_tensors"), (fit.TrainState, "save"), (fit.RunFolder, "write_history"))
    for (owner, method), call in itertools.product(writers, (1, 2)):
        original, calls = getattr(owner, method), itertools.count(1)

        def dies(*args: object) -> object:
            if next(calls) == call:  # noqa: B023 - called in this turn only
                raise KeyboardInterrupt("planted")
            return original(*args)  # noqa: B023

        out = f"{method}-{call}"
        with monkeypatch.context() as patch:
            patch.setattr(owner, method, dies)
            with pytest.raises(KeyboardInterrupt, match="planted"):
                kit.train(epochs=3, lr=0.05, out=out)
        run.resume(kit.only_run(out))
        assert kit.outcome(kit.only_run(out)) == kit.outcome(uninterrupted.path), out


def test_a_run_killed_after_its_last_epoch_is_only_scored(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = kit.train()
    died = kit.train(out="died").path
    (died / "record.json").unlink()
    (died / "predictions" / "val.npz").unlink()
    monkeypatch.setenv("TINY_AT", "1 die")  # a further batch of training would fail
    run.resume(died)
    assert kit.outcome(died) == kit.outcome(uninterrupted.path)
    assert json.loads((died / "record.json").read_text())["epochs"] == 2


def test_a_finished_run_is_left_as_it_is_and_says_so(kit: Kit) -> None:
    path = kit.train().path
    run.evaluate(path, "test")
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    assert run.resume(path, reporter=kit.watcher).path == path
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before
    [note] = kit.watcher.notes
    assert "all 2 epochs are done; a larger --epochs" in note


@pytest.mark.parametrize("scheduler", ["plateau", "none"])
def test_more_epochs_end_where_a_longer_run_ends(kit: Kit, scheduler: str) -> None:
    sets = (f"scheduler={scheduler}", "plateau.patience=0", "ema=0.9")
    uninterrupted = kit.train(*sets, epochs=4, lr=kit.RATE)
    short = kit.train(*sets, epochs=2, lr=kit.RATE, out="short")
    run.resume(short.path, epochs=4)
    assert kit.history(short.path) == kit.history(uninterrupted.path)
    assert short.predictions("val").read_bytes() == uninterrupted.predictions("val").read_bytes()
    assert short.read_config() == uninterrupted.read_config()
    record = json.loads(short.record.read_text())
    assert record["epochs"] == record["config"]["epochs"] == 4


def test_more_epochs_are_kept_when_the_longer_run_dies_at_once(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kit.train(epochs=1).path
    monkeypatch.setenv("TINY_AT", "2 die")
    with pytest.raises(KeyboardInterrupt, match="planted death"):
        run.resume(path, epochs=2)
    monkeypatch.delenv("TINY_AT")
    run.resume(path)
    assert len(kit.history(path)) == 2


def test_fewer_epochs_and_a_longer_cosine_are_refused(kit: Kit) -> None:
    path = kit.train().path
    with pytest.raises(UsageError, match=r"--epochs 1: .* set to 2; only more"):
        run.resume(path, epochs=1)
    cosine = kit.train("scheduler=cosine", out="cosine").path
    with pytest.raises(UsageError, match=r"cosine schedule of .* ends at epoch 2"):
        run.resume(cosine, epochs=3)


def test_early_stop_stops_and_stays_stopped(kit: Kit) -> None:
    folder = kit.train("early_stop=2", epochs=30, lr=0.5)
    record = json.loads(folder.record.read_text())
    rows = kit.history(folder.path)
    assert len(rows) < 30
    best = min(range(len(rows)), key=lambda i: rows[i]["val_nme"])
    assert record["best_epoch"] == best + 1 == len(rows) - 2
    assert any("early stop" in note for note in kit.watcher.notes)
    before = kit.outcome(folder.path)
    for epochs in (None, 40):  # a longer run would have stopped there as well
        kit.watcher.notes.clear()
        run.resume(folder.path, epochs=epochs, reporter=kit.watcher)
        assert kit.outcome(folder.path) == before
        assert "early stop ended it" in kit.watcher.notes[0]


def test_a_run_killed_before_it_saved_anything_begins_again(kit: Kit) -> None:
    uninterrupted = kit.train()
    other = kit.train(out="other").path
    for path in sorted(other.rglob("*"), reverse=True):
        if path.is_file() and path.name != "config.toml":
            path.unlink()
    run.resume(other)
    assert kit.outcome(other) == kit.outcome(uninterrupted.path)


def test_no_run_no_resume(kit: Kit) -> None:
    with pytest.raises(UsageError, match=r"no run here.*config\.toml"):
        run.resume(kit.out / "nowhere")


@pytest.mark.parametrize("damage", ["cut short", "of another model", "of nobody"])
def test_a_damaged_state_is_named(kit: Kit, damage: str) -> None:
    folder = kit.train(epochs=1)
    if damage == "cut short":
        folder.state.write_bytes(folder.state.read_bytes()[:-100])
    elif damage == "of another model":
        other = kit.train("backbone.norm=false", epochs=1, out="other")
        make_state_of_an_older_zoo(other)
        folder.state.write_bytes(other.state.read_bytes())
    else:
        folder.state.write_bytes(folder.best.read_bytes())
    with pytest.raises(WeightsError, match=r"last\.safetensors"):
        run.resume(folder.path, epochs=2)


def test_a_run_goes_on_with_its_own_data_only(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    make_state_of_an_older_zoo(folder)
    config = folder.config.read_text()
    folder.config.write_text(config.replace("frames = 3", "frames = 4"))
    with pytest.raises(DataError, match="fingerprint"):
        run.resume(folder.path, epochs=2)


def make_state_of_an_older_zoo(folder: RunFolder) -> None:
    """Remove the configuration from a run's state, which older versions did not keep there."""
    tensors, header = load_tensors(folder.state)
    del header["config"]
    save_tensors(folder.state, tensors, header)


EDITS = {
    "lr": ("lr = 0.001", "lr = 0.01", "lr = 0.01 (it was 0.001)"),
    "seed": ("seed = 0", "seed = 5", "seed = 5 (it was 0)"),
    "ema": ("ema = 0.0", "ema = 0.9", "ema = 0.9 (it was 0.0)"),
    "optimizer": ('"adam"', '"sgd"', "optimizer = 'sgd' (it was 'adam')"),
    "a later key": ("seed = 0", "seed = 0\nrefine = 1", "refine = 1 (it was its default)"),
    "an option": ("people = 15", "people = 16", "dataset.people = 16 (it was 15)"),
    "a group's": ("factor = 0.5", "factor = 0.6", "plateau.factor = 0.6 (it was 0.5)"),
    "fewer epochs": ("epochs = 2", "epochs = 1", "epochs = 1 (it was 2)"),
}


def test_a_configuration_that_was_edited_is_refused_by_its_keys(kit: Kit) -> None:
    folder = kit.train(epochs=2)
    config = folder.config.read_text()
    for key, (old, new, diff) in EDITS.items():
        folder.config.write_text(config.replace(f"{old}\n", f"{new}\n"))
        with pytest.raises(UsageError) as caught:
            run.resume(folder.path)
        assert str(caught.value) == (
            f"{folder.config}: is not what this run was trained with: {diff}. Put that back; other "
            "values are another run, with a `zoo train` of its own"
        )
        if key != "fewer epochs":
            with pytest.raises(UsageError, match="is not what this run was trained with"):
                run.evaluate(folder.path)
    # allowed: more epochs, as --epochs would write them, and another device
    elsewhere = config.replace("epochs = 2\n", "epochs = 3\n").replace('"cpu"', '"cpu:0"')
    folder.config.write_text(elsewhere)
    run.resume(folder.path, reporter=kit.watcher)
    assert kit.watcher.rows[-1]["epoch"] == 3


def test_a_state_of_an_older_zoo_goes_on(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    make_state_of_an_older_zoo(folder)
    run.resume(folder.path, epochs=2)
    assert len(kit.history(folder.path)) == 2


def test_what_a_killed_process_left_is_repaired(kit: Kit) -> None:
    folder = kit.train(epochs=3)
    history = kit.history(folder.path)
    lines = folder.history.read_text().splitlines(keepends=True)
    temporary = [
        path.with_name(f".{path.name}.k1ll3d")
        for path in (folder.state, folder.best, folder.history, folder.config)
    ]
    unfinished = [folder.path / ".record.json.k1ll3d", folder.path / "predictions/.val.npz.k1ll3d"]

    # killed after its last save, while it wrote history.csv
    folder.history.write_text("".join(lines[:-1]))
    for path in temporary:
        path.write_bytes(b"half")
    run.resume(folder.path)
    assert kit.history(folder.path) == history
    assert not any(path.exists() for path in temporary)

    # killed before it wrote the record, with no history
    folder.record.unlink()
    folder.history.unlink()
    for path in (*temporary, *unfinished):
        path.write_bytes(b"half")
    run.resume(folder.path)
    assert kit.history(folder.path) == history
    assert not any(path.exists() for path in (*temporary, *unfinished))
    assert folder.record.is_file()


@pytest.mark.parametrize("at", ["the folder", "the configuration", "the older way"])
def test_a_run_that_was_stopped_before_its_configuration_gets_an_error_of_its_own(
    kit: Kit, at: str
) -> None:
    folder = RunFolder(kit.out / "tiny-synthetic-0a1b2c-s0-f2")
    folder.path.mkdir()
    if at == "the configuration":
        (folder.path / ".config.toml.k1ll3d").touch()
    elif at == "the older way":
        folder.state.parent.mkdir()
        (folder.state.parent / "lock").touch()
    message = f"{folder.path}: is a run that was stopped before its training began"
    for verb in (run.resume, run.evaluate, load_trained_at, collect_one, find_val_contestant):
        with pytest.raises(ZooError) as caught:
            verb(folder.path)
        assert str(caught.value).startswith(message), verb
    with pytest.raises(ZooError, match="no run here"):
        run.resume(kit.out)


def load_trained_at(path: Path) -> object:
    return load_trained(RunFolder(path))


def collect_one(path: Path) -> object:
    return collect([path])


def find_val_contestant(path: Path) -> object:
    return find_contestant(str(path), "val")


@pytest.mark.parametrize("batch", [3, 7])
def test_a_loss_that_is_not_finite_names_the_frames_and_keeps_the_last_good_state(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    uninterrupted = kit.train(epochs=3)
    monkeypatch.setenv("TINY_AT", f"{batch} nan")
    frames_by_epoch: list[list[str]] = []
    real_plan = fit.epoch_plan

    def spy(job: fit.TrainJob, epoch: int) -> object:
        steps = real_plan(job, epoch)
        [rows] = steps[(batch - 1) % 5]
        frames_by_epoch.append([job.train.whole.split.ids[row] for row in rows])
        return steps

    with monkeypatch.context() as patch:
        patch.setattr(fit, "epoch_plan", spy)
        with pytest.raises(ZooError, match=f"not finite at step {batch} ") as caught:
            kit.train(epochs=3, out="bad")
    for frame in frames_by_epoch[-1]:
        assert frame in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.delenv("TINY_AT")
    path = kit.only_run("bad")
    assert (path / "history.csv").exists() == (batch > 5)
    run.resume(path)
    assert kit.outcome(path) == kit.outcome(uninterrupted.path)


def test_weights_that_are_not_finite_never_become_the_state(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient of an epoch's last step spoils them, after a loss that was still finite."""
    uninterrupted = kit.train(epochs=3)
    monkeypatch.setenv("TINY_AT", "10 nan gradient")
    with pytest.raises(ZooError, match="not finite after epoch 2"):
        kit.train(epochs=3, out="bad")
    monkeypatch.delenv("TINY_AT")
    path = kit.only_run("bad")
    run.resume(path)
    assert kit.outcome(path) == kit.outcome(uninterrupted.path)
