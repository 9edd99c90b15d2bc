"""`--log-with tensorboard`, read back with TensorBoard's own reader."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import zoo
from zoo.api import UsageError
from zoo.config.recipes import resolve
from zoo.evaluation.records import load_record
from zoo.plugins.trackers import tensorboard
from zoo.plugins.trackers.tensorboard import EPOCH_TAGS
from zoo.registry import registry
from zoo.reporter import Reporter, RunStarted
from zoo.training import run
from zoo.training import trackers as tracking

if TYPE_CHECKING:
    from conftest import Kit


def events(path: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(path / "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    return accumulator


def scalars(path: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = events(path)
    tags = accumulator.Tags()["scalars"]
    return {tag: [(e.step, round(e.value, 5)) for e in accumulator.Scalars(tag)] for tag in tags}


def scalars_without_speed(path: Path) -> dict[str, list[tuple[int, float]]]:
    """The scalars without those of speed, which depend on the clock."""
    return {tag: s for tag, s in scalars(path).items() if not tag.startswith("speed")}


def test_a_run_is_logged_step_by_step_and_epoch_by_epoch(kit: Kit) -> None:
    done = kit.zoo(*kit.arguments(), "--log-with", "tensorboard")
    assert done.returncode == 0, done.stderr
    assert f"tensorboard --logdir {kit.out / 'runs'}" in done.stderr
    path = kit.only_run()
    rows = kit.history(path)
    logged = scalars(path)
    assert [step for step, _ in logged["loss/train"]] == list(range(1, 11))  # 5 steps an epoch
    for column, tag in EPOCH_TAGS.items():
        if column != "images_per_second":
            assert logged[tag] == [(int(r["step"]), round(r[column], 5)) for r in rows], tag
    assert logged["loss/train"][4] == logged["loss/train_epoch"][0], "the mean over the whole epoch"
    [text] = events(path).Tensors("config/text_summary")
    shown = text.tensor_proto.string_val[0].decode()
    assert "    batch_size = 8\n" in shown
    plugin = events(path).SummaryMetadata("_hparams_/session_start_info").plugin_data
    content = plugin.content if isinstance(plugin.content, bytes) else plugin.content.encode()
    assert b"backbone.norm" not in content
    assert b"augment.flip" in content
    assert str(kit.out).encode() not in content
    assert load_record(path / "record.json").used["tracker:tensorboard"].id == "tensorboard"


@pytest.mark.parametrize("batch", [3, 6, 8], ids=["before any state", "an epoch's first", "mid"])
def test_a_run_that_died_goes_on_without_a_step_twice(
    kit: Kit, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking.tracked(kit.watcher, "tensorboard") as reporter:
        uninterrupted = run.train(kit.config(), kit.out / "whole", reporter=reporter)
    monkeypatch.setenv("TINY_AT", f"{batch} die")
    with (
        pytest.raises(KeyboardInterrupt, match="planted death"),
        tracking.tracked(kit.watcher, "tensorboard") as reporter,
    ):
        run.train(kit.config(), kit.out / "died", reporter=reporter)
    monkeypatch.delenv("TINY_AT")
    died = kit.only_run("died")
    with tracking.tracked(kit.watcher, tracking.was_tracked(died, kit.watcher)) as reporter:
        run.resume(died, reporter=reporter)
    assert scalars_without_speed(died) == scalars_without_speed(uninterrupted.path)
    assert len(events(died).Tensors("config/text_summary")) == 1


def test_a_run_that_was_stopped_in_mid_epoch_goes_on_where_it_was(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking.tracked(kit.watcher, "tensorboard") as reporter:
        uninterrupted = run.train(kit.config(), kit.out / "whole", reporter=reporter)
    stopped = kit.zoo(*kit.arguments(), "--log-with", "tensorboard", TINY_AT="8 SIGINT")
    assert stopped.returncode == 130, stopped.stderr
    path = kit.only_run()
    assert [step for step, _ in scalars(path)["loss/train"]] == list(range(1, 9))
    again = kit.zoo("train", "--resume", str(path))
    assert again.returncode == 0, again.stderr
    assert scalars_without_speed(path) == scalars_without_speed(uninterrupted.path)


def test_an_epoch_that_was_saved_but_not_logged_is_logged_on_resuming(tmp_path: Path) -> None:
    """Killed between saving and logging: the history has the row, TensorBoard does not."""
    row = {"epoch": 1, "step": 5, "lr": 0.1, "train_loss": 2.0, "val_loss": 3.0, "val_nme": 0.25}
    row["images_per_second"] = 10.0
    with tracking.tracked(Reporter(), "tensorboard") as reporter:
        reporter.begin(RunStarted(tmp_path, resolve("tiny"), 5, [row]))
    logged = scalars(tmp_path)
    assert logged["nme/val"] == [(5, 0.25)]
    assert logged["loss/train"] == [(5, 2.0)]


def test_python_names_the_tracker_as_the_command_line_does(kit: Kit) -> None:
    flags = {"dataset": "synthetic", "device": "cpu", "batch_size": 8, "epochs": 1}
    path = zoo.train("tiny", sets=kit.DATA, out=kit.out, log_with="tensorboard", **flags)
    assert len(scalars(path)["nme/val"]) == 1


def test_a_run_without_the_flag_writes_none_and_unknown_trackers_are_refused(kit: Kit) -> None:
    assert not (kit.train(epochs=1).path / "tensorboard").exists()
    refused = kit.zoo(*kit.arguments(out="other"), "--log-with", "wandb")
    assert refused.returncode == 1
    assert 'no installed tracker is called "wandb"; `zoo list --kind tracker`' in refused.stderr
    assert not (kit.out / "other").exists()


def test_a_missing_extra_is_one_line_before_anything_is_made(kit: Kit, tmp_path: Path) -> None:
    """A module that cannot be imported takes the place of TensorBoard."""
    (tmp_path / "without" / "tensorboard").mkdir(parents=True)
    reason = "raise ModuleNotFoundError('No module', name='tensorboard')\n"
    (tmp_path / "without" / "tensorboard" / "__init__.py").write_text(reason)
    paths = f"{tmp_path / 'without'}{os.pathsep}{os.environ['PYTHONPATH']}"
    done = kit.zoo(*kit.arguments(epochs=1), "--log-with", "tensorboard", PYTHONPATH=paths)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        "zoo: --log-with tensorboard: TensorBoard is not installed; "
        "pip install 'landmark-zoo[track]'"
    )
    assert not (kit.out / "runs").exists()


def test_a_tracked_run_resumed_where_the_extra_is_gone_says_so_and_goes_on(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise UsageError("planted: gone")

    (kit.out / "tensorboard").mkdir()  # as runs of earlier versions have it
    assert tracking.was_tracked(kit.out, kit.watcher) == ["landmark-zoo/tensorboard"]
    plugin = replace(tensorboard.tensorboard, build=gone)
    monkeypatch.setattr(tensorboard, "tensorboard", plugin)
    monkeypatch.setattr(registry("tracker"), "loaded", {})
    assert tracking.was_tracked(kit.out, kit.watcher) == []
    [note] = kit.watcher.notes
    assert "planted: gone" in note
