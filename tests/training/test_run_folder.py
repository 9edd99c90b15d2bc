"""What a finished run writes into its folder, and what its evaluation adds."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from zoo.api import IBUG68, DataError, UsageError, WeightsError
from zoo.config.recipes import resolve
from zoo.evaluation.records import load_record
from zoo.evaluation.scores.metrics import baseline_points, summarise
from zoo.evaluation.scores.predictions import load
from zoo.evaluation.scores.results import results_of
from zoo.runs.environment import peak_memory
from zoo.runs.folder import RunFolder
from zoo.runs.trained import load_trained
from zoo.training import run

if TYPE_CHECKING:
    from conftest import Kit


def remeasured(path: Path) -> dict[str, Any]:
    p = load(path)
    return summarise(p.points, p.target, p.visible, p.regions, IBUG68, p.people)


def test_a_record_says_what_the_run_was(kit: Kit) -> None:
    folder = kit.train("accumulate=2", epochs=3, seed=4)
    record = load_record(folder.record).raw
    assert record["run"] == folder.path.name
    assert record["plugin"] == {"id": "tiny", "distribution": "tiny", "version": "1.0"}
    assert record["config"]["backbone"] == "tiny/tiny"
    assert record["config"]["head"] == "landmark-zoo/linear"
    assert (record["seed"], record["epochs"], record["images_seen"]) == (4, 3, 3 * 36)
    data = record["data"]
    assert (data["dataset"], data["protocol"], data["region"]) == ("synthetic", "person/1", "frame")
    assert data["frames"] == {"train": 36, "val": 6}
    assert data["people"] == {"train": 12, "val": 2}
    assert data["partial"] is False
    # 8 filters of 5x5x3 with batch norm, 12 of 3x3x8, and 136 numbers from 12 averages
    parameters = (8 * 3 * 25 + 8) + 2 * 8 + (12 * 8 * 9 + 12) + (136 * 12 + 136)
    assert record["model"]["parameters"] == record["model"]["trainable"] == parameters
    # 7x7 cells of 5x5x3 for each of 8, then 3x3 cells of 3x3x8 for each of 12, then the head
    macs = 49 * 75 * 8 + 9 * 72 * 12 + 12 * 136
    assert record["model"]["gmacs"] == pytest.approx(macs / 1e9, abs=5e-5)
    assert record["model"]["weights"] == "none"
    licences = (record["model"]["license"], record["model"]["weights_license"], data["license"])
    assert licences == ("unknown", None, "MIT (drawn by this package; nobody's face)")
    assert record["environment"]["device"].startswith("cpu")
    assert record["environment"]["processes"] == 1
    assert record["cost"]["train_seconds"] > 0
    assert record["cost"]["images_per_second"] > 0
    assert (folder.path / "curve.png").stat().st_size > 1000


def test_a_record_names_no_person_and_no_folder(kit: Kit) -> None:
    first = kit.train(epochs=1)
    recipe = kit.out / "mine.toml"
    recipe.write_text("batch_size = 8\n")
    sets = (*kit.DATA, "epochs=1")
    flags = {"dataset": "synthetic", "weights": str(first.best), "device": "cpu"}
    folder = run.train(resolve("tiny", str(recipe), sets, flags), kit.out / "runs")
    for path in (folder.record, folder.best):
        text = path.read_bytes().decode("latin-1")
        assert "person_0" not in text
        assert str(kit.out) not in text
        assert not re.search(r'"[^"]*(/tmp|/home|/Users|/root|[A-Z]:\\)', text)
    record = load_record(folder.record).raw
    digest = hashlib.sha256(first.best.read_bytes()).hexdigest()
    assert record["model"]["weights"] == f"run: {first.name} sha256: {digest}"
    assert record["config"]["recipe"] == "mine"


def test_history_has_a_row_an_epoch(kit: Kit) -> None:
    folder = kit.train(epochs=3)
    with folder.history.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        *("epoch", "step", "lr", "train_loss", "val_loss", "val_nme"),
        *("seconds", "val_seconds", "images_per_second"),
    ]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["step"] for row in rows] == ["5", "10", "15"]
    record = load_record(folder.record).raw
    best = min(rows, key=lambda row: float(row["val_nme"]))
    assert int(best["epoch"]) == record["best_epoch"]
    assert float(best["val_nme"]) == pytest.approx(record["results"]["val"]["nme_ioc"], rel=1e-6)
    assert float(best["val_loss"]) == pytest.approx(record["results"]["val"]["loss"], rel=1e-5)


def test_every_metric_can_be_recomputed_from_the_predictions_alone(kit: Kit) -> None:
    folder = kit.train()
    results = load_record(folder.record).raw["results"]["val"]
    path = folder.predictions("val")
    predictions = load(path)
    extra = {key: results.pop(key) for key in ("predictions", "flip")}
    assert results_of(predictions) == results
    assert extra["predictions"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert predictions.ids == tuple(
        f"person_{person:04d}/0/{frame:02d}.png" for person in (0, 9) for frame in range(3)
    )
    assert (results["n"], results["people"]) == (6, 2)
    assert set(results["regions"]) == set(IBUG68.regions)
    assert all(value > 0 for value in results["regions"].values())


def test_the_baseline_is_the_training_sets_mean_shape(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    baseline = load_record(folder.record).raw["results"]["val"]["floor"]
    p = load(folder.predictions("val"))
    points = baseline_points(load_trained(folder).header.mean_shape, p.regions)
    by_hand = summarise(points, p.target, p.visible, p.regions, IBUG68, p.people)
    assert {"nme_ioc", "nme_ioc_low", "nme_ioc_high", "nme_box", "loss", "fr_08"} <= set(baseline)
    for key, value in baseline.items():
        assert value == pytest.approx(by_hand[key], rel=1e-5), key


def test_the_configuration_reads_back(kit: Kit) -> None:
    folder = kit.train("loss.beta=0.5", epochs=1, lr=0.002)
    config = folder.read_config()
    assert (config.lr, config.plugin_options("loss")) == (0.002, {"beta": 0.5})
    assert config.protocol == "person"
    expected = kit.config("loss.beta=0.5", epochs=1, lr=0.002)
    expected = replace(expected, augment=expected.augment.for_inputs(config.input_size))
    names = ("backbone", "head", "loss", "dataset", "protocol", "fold")
    assert replace(config, **{n: getattr(expected, n) for n in names}) == expected


def test_seeds_share_a_configuration_and_a_second_run_gets_a_folder_of_its_own(kit: Kit) -> None:
    folders = [kit.train(epochs=1, seed=seed) for seed in (0, 1, 0)]
    records = [load_record(f.record).raw for f in folders]
    assert len({record["config_hash"] for record in records}) == 1
    stem = f"tiny-synthetic-{records[0]['config_hash'][:6]}"
    assert [f.name for f in folders] == [f"{stem}-s0", f"{stem}-s1", f"{stem}-s0-2"]
    assert kit.outcome(folders[0].path) == kit.outcome(folders[2].path)
    assert kit.outcome(folders[0].path)[2] != kit.outcome(folders[1].path)[2]
    other = kit.train(epochs=1, lr=0.002)
    assert load_record(other.record).raw["config_hash"] != records[0]["config_hash"]


def test_evaluating_val_again_changes_no_result(kit: Kit) -> None:
    folder = kit.train()
    before = json.loads(folder.record.read_text())
    run.evaluate(folder.path, "val", device="cpu")
    assert json.loads(folder.record.read_text()) == before


def test_the_test_split_is_scored_under_the_runs_protocol_and_kept(kit: Kit) -> None:
    folder = kit.train()
    assert not folder.predictions("test").exists()
    assert set(load_record(folder.record).raw["results"]) == {"val"}
    results = run.evaluate(folder.path, "test")
    record = load_record(folder.record).raw
    assert set(record["results"]) == {"val", "test"}
    assert results == record["results"]["test"] | {"learned": results["learned"]}
    assert (record["data"]["frames"]["test"], record["data"]["people"]["test"]) == (3, 1)
    assert results["nme_ioc"] == pytest.approx(
        remeasured(folder.predictions("test"))["nme_ioc"], rel=1e-6
    )
    assert set(load(folder.predictions("test")).people) == {"person_0012"}
    assert results["floor"]["nme_ioc"] > 0


def test_training_on_drops_what_the_older_weights_scored(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    run.evaluate(folder.path, "test")
    run.resume(folder.path, epochs=2)
    assert set(load_record(folder.record).raw["results"]) == {"val"}
    assert not folder.predictions("test").exists()


def test_other_data_is_refused(kit: Kit) -> None:
    folder = kit.train(epochs=1)
    text = folder.record.read_text()
    fingerprint = load_record(folder.record)["data"]["fingerprint"]
    folder.record.write_text(text.replace(fingerprint, fingerprint[::-1]))
    with pytest.raises(DataError, match=r"fingerprint .*would not compare"):
        run.evaluate(folder.path, "val")


def test_an_empty_split_says_why(kit: Kit) -> None:
    folder = kit.train("dataset.people=11", epochs=1)
    with pytest.raises(DataError, match=r"no frame in the test split of protocol person/1 .*hash"):
        run.evaluate(folder.path, "test")


def test_an_unfinished_run_is_not_scored(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no run here"):
        run.evaluate(kit.out)
    folder = kit.train(epochs=1)
    folder.record.unlink()
    with pytest.raises(UsageError, match=r"not finished.*zoo train --resume"):
        run.evaluate(folder.path)
    folder.best.unlink()
    folder.history.unlink()
    with pytest.raises(WeightsError, match=r"first epoch is not done.*zoo train --resume"):
        run.evaluate(folder.path)


def test_predictions_in_bf16_are_close_to_those_in_fp32(kit: Kit) -> None:
    folder = kit.train(epochs=1, precision="bf16")
    record = load_record(folder.record).raw
    assert record["environment"]["precision"] == "bf16"
    full = kit.train(epochs=1, out="full")
    a, b = (load(f.predictions("val")).points for f in (folder, full))
    assert np.isfinite(a).all()
    assert np.abs(a - b).max() < 2.0
    assert not np.array_equal(a, b)


def test_fp16_on_a_cpu_trains(kit: Kit) -> None:
    results = load_record(kit.train(epochs=1, precision="fp16").record).raw["results"]["val"]
    assert results["coverage"] == 1.0


def test_names_of_run_folders_are_valid_on_every_system(tmp_path: Path) -> None:
    from zoo.runs.folder import new_folder

    config = resolve("timm:hf-hub:some one/net.v2", flags={"dataset": "my_data", "seed": 3})
    folder = new_folder(tmp_path, config)
    assert re.fullmatch(r"[\w.-]+-my_data-[0-9a-f]{6}-s3", folder.name)
    assert isinstance(folder, RunFolder)


def test_peak_memory_is_in_mebibytes() -> None:
    import torch

    memory = peak_memory(torch.device("cpu"))
    assert 50 < memory < 100_000


def test_a_history_that_is_larger_than_what_was_trained_is_replaced_unread(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.history.open("wb") as stream:
        stream.truncate(100 << 30)
    folder.repair([{"epoch": 1, "val_loss": 0.5}])
    assert folder.history.read_text() == "epoch,val_loss\n1,0.5\n"
