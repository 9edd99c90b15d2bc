"""A run repeated from its record: equal to the bit, or with a report of what differs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import zoo
from zoo.api import DataError, PluginError, UsageError, WeightsError
from zoo.evaluation.records import config_hash, load_record
from zoo.runs.folder import RunFolder
from zoo.training.rerun import rerun

if TYPE_CHECKING:
    from conftest import Kit, Plant


def edited(folder: RunFolder, kit: Kit, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A copy of the run's record alone, as somebody would publish it, with ``change`` applied."""
    record = json.loads(folder.record.read_text())
    change(record)
    path = kit.out / "published.json"
    path.write_text(json.dumps(record))
    return path


def again(kit: Kit, record: Path, **options: Any) -> RunFolder:
    return rerun(record, kit.out / "again", reporter=kit.watcher, **options)


def test_a_record_alone_gives_the_same_run_to_the_bit(kit: Kit) -> None:
    first = kit.train(*kit.EVERYTHING, "loss.beta=0.5", "backbone.drop=0.1", seed=4)
    second = again(kit, edited(first, kit, lambda record: None))
    assert kit.outcome(first.path)[1:] == kit.outcome(second.path)[1:]
    before, after = load_record(first.record).raw, load_record(second.record).raw
    for key in ("config", "config_hash", "seed", "epochs", "best_epoch", "data", "results"):
        assert after[key] == before[key], key
    assert second.name == first.name
    assert kit.watcher.notes[-1] == (
        "the same to the bit: the predictions have the record's sha256"
    )


def test_a_fold_and_a_users_own_recipe_are_reproduced(kit: Kit) -> None:
    recipe = kit.out / "mine.toml"
    recipe.write_text("lr = 0.003\n")
    first = zoo.train(
        "tiny",
        recipe=str(recipe),
        sets=[*kit.DATA, "fold=2"],
        out=kit.out / "runs",
        dataset="synthetic",
        protocol="person-5fold",
        device="cpu",
        batch_size=8,
        epochs=1,
    )
    recipe.unlink()
    second = zoo.rerun(first, out=kit.out / "again")
    before, after = load_record(first / "record.json").raw, load_record(second / "record.json").raw
    assert after["config"] == before["config"]
    assert (after["config"]["fold"], after["config"]["recipe"]) == (2, "mine")
    assert after["results"] == before["results"]


def test_another_seed_is_another_run_of_the_same_row(kit: Kit) -> None:
    first = kit.train(epochs=1)
    second = again(kit, first.path, seed=7)
    before, after = load_record(first.record).raw, load_record(second.record).raw
    assert (after["seed"], after["config_hash"]) == (7, before["config_hash"])
    assert after["results"]["val"]["predictions"] != before["results"]["val"]["predictions"]
    assert "to the bit" not in " ".join(kit.watcher.notes)


def test_what_differs_in_the_environment_is_reported(kit: Kit) -> None:
    def elsewhere(record: dict[str, Any]) -> None:
        record["environment"] |= {"torch": "1.0.0", "processes": 4}
        record["plugins"]["backbone"]["version"] = "0.9"
        record["data"]["frames"]["train"] = 35
        del record["environment"]["timm"]
        record["results"]["val"] |= {"predictions": "0" * 64, "nme_ioc": 0.5}

    first = kit.train(epochs=1)
    now = load_record(first.record).raw
    again(kit, edited(first, kit, elsewhere))
    missing, differing, result = kit.watcher.notes[-3:]
    assert missing == "the record does not say: timm"
    torch = now["environment"]["torch"]
    for words in (
        f"torch 1.0.0 there, {torch} here",
        "processes 4 there, 1 here",
        "backbone tiny 0.9 there, tiny 1.0 here",
        "train frames 35 there, 36 here",
    ):
        assert words in differing
    assert "python" not in differing
    value = 100 * now["results"]["val"]["nme_ioc"]
    assert result == f"not the same predictions: val nme_ioc 50.0000% there, {value:.4f}% here"


def test_a_configuration_that_differs_from_the_trained_one_is_reported(kit: Kit) -> None:
    first = kit.train(epochs=1)

    def faster(record: dict[str, Any]) -> None:
        record["config"]["lr"] = 0.5

    again(kit, edited(first, kit, faster))
    assert "the configuration is not the one of the record's config_hash" in " ".join(
        kit.watcher.notes
    )


def test_a_record_of_the_first_schema_is_run_again(kit: Kit) -> None:
    def old(record: dict[str, Any]) -> None:
        record["schema"] = 1
        for key in ("plugins", "history"):
            record.pop(key, None)
        for key in ("platform", "numpy", "opencv", "pillow", "cudnn"):
            del record["environment"][key]
        record["data"].pop("metrics", None)

    first = kit.train(epochs=1)
    second = again(kit, edited(first, kit, old))
    assert kit.outcome(first.path)[1:] == kit.outcome(second.path)[1:]
    missing = next(note for note in kit.watcher.notes if note.startswith("the record does not say"))
    assert {"numpy", "pillow", "loss"} <= set(re.findall(r"[a-z]+", missing))


def test_other_data_is_another_experiment(kit: Kit) -> None:
    def other(record: dict[str, Any]) -> None:
        record["config"]["options"]["dataset"]["seed"] = 1

    first = kit.train(epochs=1)
    with pytest.raises(DataError, match=r"published\.json: was trained on data with fingerprint"):
        again(kit, edited(first, kit, other))
    assert not (kit.out / "again").exists()


def test_a_weights_file_is_known_by_its_content(kit: Kit) -> None:
    start = kit.train(epochs=1)
    first = kit.train(epochs=1, weights=str(start.best), seed=1)
    record = load_record(first.record).raw
    digest = hashlib.sha256(start.best.read_bytes()).hexdigest()
    assert record["config"]["weights_sha256"] == digest
    # the published configuration names the file by its content and its name only
    assert config_hash(record["config"]) == record["config_hash"]

    with pytest.raises(WeightsError, match=f"best.safetensors .sha256 {digest}.*--weights FILE"):
        again(kit, first.record)
    with pytest.raises(WeightsError, match="its sha256 is"):
        again(kit, first.record, weights=first.best)
    moved = kit.out / "elsewhere.safetensors"
    moved.write_bytes(start.best.read_bytes())
    second = again(kit, first.record, weights=moved)
    after = load_record(second.record).raw
    assert after["config_hash"] == record["config_hash"]
    assert after["results"] == record["results"]

    def old(record: dict[str, Any]) -> None:
        del record["config"]["weights_sha256"]

    path = edited(first, kit, old)
    with pytest.raises(WeightsError, match="its sha256 is"):
        again(kit, path, weights=first.best)
    assert load_record(again(kit, path, weights=moved).record).raw["results"] == record["results"]


def test_weights_for_a_run_that_started_from_none_are_refused(kit: Kit) -> None:
    first = kit.train(epochs=1)
    with pytest.raises(UsageError, match="starts from no file"):
        again(kit, first.record, weights=first.best)


def test_a_plugin_that_is_missing_is_named_with_its_version(kit: Kit, plant: Plant) -> None:
    def of_another(record: dict[str, Any]) -> None:
        record["config"]["loss"] = "far-away/wonder"
        record["plugins"]["loss"] = {"id": "wonder", "distribution": "far-away", "version": "2.1"}

    first = kit.train(epochs=1)
    with pytest.raises(PluginError) as error:
        again(kit, edited(first, kit, of_another))
    text = str(error.value)
    assert "published.json: was trained with the loss wonder of far-away 2.1" in text
    assert "pip install far-away==2.1" in text
    assert "\n" not in text


def test_what_the_zoo_cannot_run_is_refused(kit: Kit) -> None:
    first = kit.train(epochs=1)

    def external(record: dict[str, Any]) -> None:
        record["external"] = True

    with pytest.raises(UsageError, match="tiny is an external entry"):
        again(kit, edited(first, kit, external))

    def unknown(record: dict[str, Any]) -> None:
        record["config"]["wings"] = 2

    with pytest.raises(DataError, match="its configuration cannot be read: no key 'wings'"):
        again(kit, edited(first, kit, unknown))
    with pytest.raises(DataError, match="no such file"):
        again(kit, kit.out / "nowhere.json")


@pytest.mark.slow
def test_the_command_refuses_what_the_record_decides(kit: Kit) -> None:
    first = kit.train(epochs=1)
    line = ("train", "--from-record", str(first.record))
    refused = kit.zoo(*line, "--lr", "1", "--set", "ema=0.9", "--epochs", "3")
    assert refused.returncode == 2
    assert refused.stderr == (
        "zoo: --from-record trains the record's own configuration; "
        "leave out --lr, --set, --epochs\n"
    )
    done = kit.zoo(*line, "--out", str(kit.out / "again"), "--device", "cpu", "--strict")
    assert done.returncode == 0, done.stderr
    assert "the same to the bit" in done.stderr
    assert kit.outcome(kit.only_run("again"))[1:] == kit.outcome(first.path)[1:]
