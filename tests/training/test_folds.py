"""All folds of a protocol: which are trained, which are skipped, and the row that they make."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

import zoo
from zoo.api import UsageError
from zoo.cli import app
from zoo.evaluation.records import load_record
from zoo.evaluation.scores.predictions import load
from zoo.runs.folder import RunFolder
from zoo.training import run
from zoo.training.fit import Interrupted
from zoo.training.folds import find_existing, fold_plans, train_folds

if TYPE_CHECKING:
    from conftest import Kit

FOLDS = {"protocol": "person-5fold", "epochs": 1}


def train_all(kit: Kit, *sets: str, **flags: Any) -> list[RunFolder]:
    config = kit.config(*sets, **{**FOLDS, **flags})
    return list(train_folds(config, kit.out / "runs", reporter=kit.watcher))


def existing(kit: Kit, *sets: str, **flags: Any) -> list[tuple[Path | None, bool]]:
    plans = fold_plans(kit.config(*sets, **{**FOLDS, **flags}))
    found = find_existing(plans, kit.out / "runs", strict=False)
    return [(folder.path if folder else None, finished) for folder, finished in found]


def test_every_fold_has_a_folder_and_none_is_trained_again(kit: Kit) -> None:
    early = kit.train("fold=3", **FOLDS)
    before = early.record.read_bytes()
    folders = train_all(kit)
    records = [load_record(folder.record).raw for folder in folders]
    assert [record["data"]["fold"] for record in records] == [0, 1, 2, 3, 4]
    assert len({record["config_hash"] for record in records}) == 1
    stem = f"tiny-synthetic-{records[0]['config_hash'][:6]}-s0"
    assert [folder.name for folder in folders] == [f"{stem}-f{k}" for k in range(5)]
    finished = f"finished before, in {early.path}; it is not trained again"
    assert kit.watcher.notes == [
        f"fold {k} of 0 to 4: {finished if k == 3 else 'begins'}" for k in range(5)
    ]
    assert early.record.read_bytes() == before

    paths = zoo.train_folds(
        "tiny",
        sets=kit.DATA,
        out=kit.out / "runs",
        dataset="synthetic",
        device="cpu",
        batch_size=8,
        **FOLDS,
    )
    assert paths == [folder.path for folder in folders]
    assert early.record.read_bytes() == before


def test_only_the_same_run_counts_as_finished(kit: Kit) -> None:
    early = kit.train("fold=3", **FOLDS)
    nothing = [(None, False)] * 5
    assert existing(kit) == [*nothing[:3], (early.path, True), nothing[4]]
    assert existing(kit, seed=1) == nothing
    assert existing(kit, lr=0.002) == nothing
    assert existing(kit, "dataset.seed=1") == nothing

    # the device and the folder of the data do not identify a run
    config = early.read_config()
    early.write_config(replace(config, device="cuda", data="/elsewhere"))
    assert existing(kit)[3] == (early.path, True)

    # as if frames were added to the folder, which the configuration does not show
    record = json.loads(early.record.read_text())
    record["data"]["fingerprint"] = "0" * 64
    early.record.write_text(json.dumps(record))
    assert existing(kit) == nothing

    # without a record it was interrupted; then device and folder of the data must be the same too
    early.record.unlink()
    assert existing(kit) == nothing
    early.write_config(config)
    assert existing(kit)[3] == (early.path, False)


def test_a_fold_that_was_interrupted_goes_on(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    uninterrupted = kit.train("fold=0", **{**FOLDS, "epochs": 2})
    config = kit.config(**{**FOLDS, "epochs": 2})
    monkeypatch.setenv("TINY_AT", "7 SIGINT")
    with pytest.raises(Interrupted) as stop:
        next(train_folds(config, kit.out / "stopped", reporter=kit.watcher))
    path = kit.only_run("stopped")
    assert str(stop.value) == (
        "fold 0 of 0 to 4 stopped in epoch 2 after step 7; everything is saved. Go on with: "
        f"zoo train --resume {path}, for this fold alone; the same command as before goes on with "
        "it and then trains the folds that are left"
    )
    monkeypatch.delenv("TINY_AT")
    kit.watcher.notes.clear()
    resumed = next(train_folds(config, kit.out / "stopped", reporter=kit.watcher))
    assert kit.watcher.notes == [f"fold 0 of 0 to 4: goes on in {path}"]
    assert kit.outcome(resumed.path) == kit.outcome(uninterrupted.path)


def test_a_run_that_another_process_trains_is_left_alone(kit: Kit) -> None:
    """As if the same command ran in two terminals."""
    folder = kit.train("fold=0", **FOLDS)
    folder.forget_results()
    before = kit.history(folder.path)
    with folder.held():
        message = f"{folder.path}: another process is training it"
        for act in (lambda: train_all(kit), lambda: run.resume(folder.path, epochs=3)):
            with pytest.raises(UsageError, match=re.escape(message)):
                act()
    assert kit.history(folder.path) == before
    resumed = run.resume(folder.path)
    assert resumed.record.is_file()


def test_a_fold_that_is_named_is_one_run_and_always_trained(kit: Kit) -> None:
    config = kit.config("fold=2", **FOLDS)
    assert [p.config.fold for p in fold_plans(config)] == [2]
    [first] = train_folds(config, kit.out / "runs")
    [second] = train_folds(config, kit.out / "runs")
    assert second.name == f"{first.name}-2"


def test_a_single_run_under_a_protocol_with_folds_needs_a_fold(kit: Kit) -> None:
    with pytest.raises(UsageError, match=r"has 5 folds: name one with --set fold=0.*train_folds"):
        kit.train(**FOLDS)
    assert not (kit.out / "runs").exists()


@pytest.mark.parametrize("fold", [5, -2])
def test_a_fold_that_does_not_exist_is_refused(kit: Kit, fold: int) -> None:
    with pytest.raises(UsageError, match="fold"):
        kit.train(f"fold={fold}", **FOLDS)


def test_a_protocol_without_folds_is_one_run(kit: Kit) -> None:
    [folder] = train_folds(kit.config(epochs=1), kit.out / "runs")
    assert load_record(folder.record).raw["data"]["fold"] == 0
    assert not folder.name.endswith("-f0")


@pytest.mark.slow
def test_five_folds_make_one_row_that_scores_everybody_once(kit: Kit) -> None:
    trained = kit.zoo(*kit.arguments(**FOLDS))
    assert trained.returncode == 0, trained.stderr
    paths = [Path(line.partition(":")[0]) for line in trained.stdout.splitlines()[-5:]]
    assert sorted(paths) == sorted((kit.out / "runs").iterdir())
    advice = ["evaluate", "--split", "test", *map(str, paths)]
    assert f"Score all folds: zoo {' '.join(advice)}" in trained.stderr

    scores = CliRunner().invoke(app, advice)
    assert scores.exit_code == 0, scores.stderr
    [row] = _board(kit, "test")
    scored = [load(RunFolder(path).predictions("test")) for path in paths]
    people = [set(p.people) for p in scored]
    assert len(set.union(*people)) == sum(map(len, people)) == 15
    results = [load_record(path / "record.json").raw["results"]["test"] for path in paths]
    frames = [r["n"] for r in results]
    assert sum(frames) == 45
    nmes = [r["nme_ioc"] for r in results]
    assert row["nme_ioc"] == pytest.approx(np.average(nmes, weights=frames))
    assert row["seeds"] == [0]
    assert len(row["runs"]) == 5

    # without a fold the row is not ranked
    (paths[2] / "record.json").unlink()
    assert _board(kit, "test") == []


def _board(kit: Kit, split: str) -> list[dict[str, Any]]:
    frame = zoo.leaderboard(kit.out / "runs", split=split)
    rows = frame[frame["backbone"] == "tiny"].to_dict("records")
    return [dict(row) for row in rows]  # type: ignore[arg-type]


@pytest.mark.slow
def test_several_processes_train_the_same_folds(kit: Kit) -> None:
    kit.train("fold=3", **FOLDS)
    line = kit.arguments(**FOLDS)
    done = kit.zoo(*line, processes=2)
    assert done.returncode == 0, done.stderr
    assert [path.name[-3:] for path in sorted((kit.out / "runs").iterdir())] == [
        f"-f{k}" for k in range(5)
    ]
    for k in range(5):
        assert done.stderr.count(f"fold {k} of 0 to 4: ") == 1, "one process speaks"
    assert "fold 3 of 0 to 4: finished before" in done.stderr
