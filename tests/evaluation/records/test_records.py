"""Run records: they are written completely and validated when they are read."""

from __future__ import annotations

import copy
import gc
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from zoo.api import DataError, ZooDeprecationWarning
from zoo.evaluation.records import (
    config_hash,
    find_records,
    load_record,
    save_record,
    without_collector,
)

RECORD = {
    "schema": 2,
    "run": "custom_cnn-youtube_faces-abc123-s0",
    "plugin": {"id": "custom_cnn", "distribution": "landmark-zoo", "version": "0.1.0"},
    "config": {"backbone": "custom_cnn", "head": "linear", "loss": "smooth_l1", "seed": 0},
    "config_hash": "abc123",
    "seed": 0,
    "data": {
        "dataset": "youtube_faces",
        "release": "udacity",
        "protocol": "person/1",
        "region": "frame",
        "fingerprint": "f00d",
        "frames": {"train": 3142, "val": 428},
        "people": {"train": 262, "val": 31},
        "partial": True,
        "metrics": 1,
    },
    "model": {"parameters": 6984840, "gmacs": 0.79, "weights": "none"},
    "results": {
        "val": {
            "nme_ioc": 0.061,
            "nme_ioc_low": 0.057,
            "nme_ioc_high": 0.066,
            "nme_box": 0.03,
            "loss": 0.02,
            "fr_08": 0.2,
            "auc_08": 0.3,
            "n": 428,
            "floor": {"nme_ioc": 0.283},
        }
    },
    "cost": {"images_per_second": 100.0},
    "environment": {"device": "cpu"},
}


def changed(path, value):
    """The record with one value changed, or removed when the value is None."""
    record = copy.deepcopy(RECORD)
    *parents, last = path.split(".")
    place = record
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return record


def write(path: Path, record) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def test_a_record_is_written_and_read_back(tmp_path):
    record = changed("results.val.nme_ioc", np.float32(0.5))
    save_record(record, tmp_path / "run" / "record.json")
    assert load_record(tmp_path / "run" / "record.json").raw == changed("results.val.nme_ioc", 0.5)
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    "key", ["run", "plugin.id", "data.fingerprint", "results", "results.val.floor", "environment"]
)
def test_a_missing_key_is_named(tmp_path, key):
    path = write(tmp_path / "record.json", changed(key, None))
    with pytest.raises(DataError, match=rf"record\.json: record without .*{key}"):
        load_record(path)


def test_a_newer_schema_is_refused_by_number(tmp_path):
    path = write(tmp_path / "record.json", {"schema": 3, "all": "different"})
    with pytest.raises(DataError, match=r"record\.json: record of schema 3.*upgrade landmark-zoo"):
        load_record(path)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("run", 3, "run: expected str, got int"),
        ("data.partial", "yes", "data.partial: expected bool, got str"),
        ("results.val.nme_ioc", "low", "results.val.nme_ioc: expected float or null, got str"),
        ("results.val.n", True, "results.val.n: expected int, got bool"),
        ("results.val", [1], "results.val: expected object, got array"),
        ("results.val.floor", {"nme_ioc": "x"}, "results.val.floor.nme_ioc"),
        ("data.people", {"val": ["Ann Example"]}, "data.people.val"),
        ("schema", "1", "no schema number"),
    ],
)
def test_a_wrong_type_is_named(tmp_path, key, value, reason):
    path = write(tmp_path / "record.json", changed(key, value))
    with pytest.raises(DataError, match=reason):
        load_record(path)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "1e200", "9" * 5000])
def test_impossible_numbers_are_refused(tmp_path, number):
    text = json.dumps(RECORD).replace("0.061", number)
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(
        DataError,
        match=r"record\.json: (not a JSON record|.*nme_ioc: expected float <=)",
    ):
        load_record(tmp_path / "record.json")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[" * 100_000, b"", b"[1]"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(DataError, match=r"record\.json"):
        load_record(tmp_path / "record.json")


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "record.json").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DataError, match="larger than"):
        load_record(tmp_path / "record.json")


@pytest.mark.parametrize("value", [float("nan"), object(), "text"])
def test_a_record_that_could_not_be_read_is_not_written(tmp_path, value):
    with pytest.raises(DataError):
        save_record(changed("results.val.loss", value), tmp_path / "record.json")
    assert not (tmp_path / "record.json").exists()


def test_records_are_found_below_folders_and_by_name_and_unreadable_ones_are_reported(tmp_path):
    write(tmp_path / "runs" / "b" / "record.json", RECORD)
    write(tmp_path / "runs" / "deep" / "a" / "record.json", RECORD)
    write(tmp_path / "runs" / "c" / "record.json", {"schema": 9})
    write(tmp_path / "runs" / "b" / "other.json", {"not": "a record"})
    shared = write(tmp_path / "shared.json", RECORD)
    places = [tmp_path / "runs", shared, tmp_path / "nowhere", tmp_path / "runs" / "b"]
    found, problems, _ = find_records(places)
    assert [p.relative_to(tmp_path).as_posix() for p, _ in found] == [
        "runs/b/record.json",
        "runs/deep/a/record.json",
        "shared.json",
    ]
    assert [p.where for p in problems] == [
        str(tmp_path / "runs" / "c" / "record.json"),
        str(tmp_path / "nowhere"),
    ]
    assert problems[0].reason.startswith("record of schema 9")


def test_schema_1_is_converted_to_the_current_schema(tmp_path):
    old = changed("schema", 1)
    del old["data"]["metrics"]
    assert load_record(write(tmp_path / "record.json", old)).raw == RECORD
    assert json.loads((tmp_path / "record.json").read_text()) == old  # the file is left alone


FULL = {
    "ced": {"step": 0.0025, "values": [0.0, 0.5, 1.0]},
    "pose": [{"name": "left " * 20, "low": None, "high": -0.1, "n": 3, "nme": None}],
    "by_person": {"key": "ab" * 32, "sum": [0.5, 0.25], "n": [3, 2], "failed": [1, 0]},
}
HISTORY = [{"epoch": 1, "train_loss": 0.5, "val_loss": None, "val_nme": 0.2, "lr": 1e-3}]


def full(**changes):
    record = changed("history", copy.deepcopy(HISTORY))
    record["results"]["val"] |= copy.deepcopy(FULL)
    record["cost"]["bench"] = {"device": "cpu", "latency_ms": 3.5, "images_per_second": 800}
    for path, value in changes.items():
        *parents, last = path.split("/")
        place = record
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = value
    return record


def test_the_fields_of_schema_2_are_written_and_read_back(tmp_path):
    save_record(full(), tmp_path / "record.json")
    assert load_record(tmp_path / "record.json").raw == full()


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("results/val/ced/values", [0.5, 1.5], "ced.values.1: expected float <= 1"),
        ("results/val/ced/values", [0.5, None], "ced.values.1: expected float, got null"),
        ("results/val/ced/step", 0, "ced.step: expected float > 0"),
        ("results/val/by_person/key", "Ann Example", "by_person.key: expected str matching regex"),
        ("results/val/by_person/n", [3], "by_person: n has 1 entries and sum 2"),
        ("results/val/by_person/sum", [0.5, -1], "by_person.sum.1: expected float >= 0"),
        ("results/val/by_person/sum", [0.5, "Ann"], "by_person.sum.1: expected float, got str"),
        (
            "results/val/by_person/failed",
            [[1], [2]],
            "by_person.failed.0: expected float, got arr",
        ),
        ("results/val/pose/0/n", None, "results.val.pose.0.n: expected int, got null"),
        ("results/val/pose", ["Ann"], "results.val.pose.0: expected object, got str"),
        ("history/0/lr", "quick", "history.0.lr: expected float or null, got str"),
        ("history/0/epoch", True, "history.0.epoch: expected int, got bool"),
        ("history", {"epoch": 1}, "history: expected array, got object"),
        ("cost/bench/latency_ms", "3 ms", "cost.bench.latency_ms: expected float, got str"),
        ("data/metrics", "1", "data.metrics: expected int, got str"),
    ],
)
def test_the_fields_of_schema_2_are_validated_too(tmp_path, path, value, reason):
    write(tmp_path / "record.json", full(**{path: value}))
    with pytest.raises(DataError, match=rf"record\.json: .*{reason}"):
        load_record(tmp_path / "record.json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e200", "9" * 5000, "9" * 30])
@pytest.mark.parametrize(
    "place",
    [
        '"values": [0.0, ',
        '"sum": [0.5, ',
        '"train_loss": ',
        '"latency_ms": ',
    ],
)
def test_impossible_numbers_are_refused_in_every_field(tmp_path, number, place):
    record = full() | {"strange": [[{"x": 7}]]}
    text = json.dumps(record)
    assert place in text
    before, _, after = text.partition(place)
    rest = after[re.match("[-0-9.e]+", after).end() :]
    (tmp_path / "record.json").write_text(before + place + number + rest)
    with pytest.raises(DataError, match=r"record\.json: "):
        load_record(tmp_path / "record.json")


def test_lists_of_numbers_stand_on_one_line(tmp_path):
    save_record(full(), tmp_path / "record.json")
    lines = (tmp_path / "record.json").read_text().splitlines()
    [curve] = [line for line in lines if '"ced"' in line]
    assert curve.endswith("[0.0, 0.5, 1.0]},")
    [pose] = [line for line in lines if '"high": -0.1' in line]
    assert pose.strip().startswith("{")
    assert pose.strip().endswith("}")
    assert all(line == line.rstrip() for line in lines)


def test_records_directly_in_a_folder_may_have_any_name(tmp_path):
    write(tmp_path / "a.json", RECORD)
    write(tmp_path / "b.record.json", RECORD)
    write(tmp_path / "deep" / "c.record.json", RECORD)
    write(tmp_path / "deep" / "d.json", RECORD)  # in subfolders, only *record.json counts
    write(tmp_path / "deep" / "predictions" / "record.json", RECORD)
    write(tmp_path / "board.json", [{"rows": []}])
    write(tmp_path / "package.json", {"name": "something else"})
    found, problems, _ = find_records([tmp_path])
    assert [p.relative_to(tmp_path).as_posix() for p, _ in found] == [
        "a.json",
        "b.record.json",
        "deep/c.record.json",
        "deep/predictions/record.json",
    ]
    assert problems == []


def test_a_broken_record_of_any_name_is_reported(tmp_path):
    write(tmp_path / "new.json", RECORD | {"schema": 9})
    (tmp_path / "torn.json").write_text('{"schema": 2, "resu')
    found, problems, _ = find_records([tmp_path])
    assert found == []
    assert [p.reason[:27] for p in problems] == [
        "record of schema 9, newer t",
        "not a JSON record (Input da",
    ]


def test_a_folder_that_cannot_be_read_is_reported(tmp_path, monkeypatch):
    write(tmp_path / "a" / "record.json", RECORD)
    write(tmp_path / "shut" / "record.json", RECORD)
    original_scandir = os.scandir

    def scandir(folder):
        if str(folder).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(folder))
        return original_scandir(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    found, [problem], _ = find_records([tmp_path])
    assert len(found) == 1
    assert problem.where == str(tmp_path / "shut")
    assert "Permission denied" in problem.reason


def test_a_run_that_two_folders_link_to_is_read_once(tmp_path):
    write(tmp_path / "runs" / "a" / "record.json", RECORD)
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    (tmp_path / "hard").mkdir()
    (tmp_path / "hard" / "record.json").hardlink_to(tmp_path / "runs" / "a" / "record.json")
    assert len(find_records([tmp_path / "runs", tmp_path / "link", tmp_path / "hard"])[0]) == 1


def test_linked_folders_are_read_and_link_loops_are_skipped(tmp_path):
    write(tmp_path / "disk" / "a" / "record.json", RECORD)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "runs" / "again").symlink_to(tmp_path / "disk" / "a")
    (tmp_path / "disk" / "back").symlink_to(tmp_path / "runs")
    (tmp_path / "runs" / "self").symlink_to("self")
    found, problems, _ = find_records([tmp_path / "runs"])
    assert (len(found), problems) == (1, [])


def test_reading_many_restores_the_garbage_collector(tmp_path):
    assert gc.isenabled()
    find_records([tmp_path])
    assert gc.isenabled()
    with without_collector():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_hash_covers_the_options_that_define_the_model():
    config = {"backbone": "custom_cnn", "lr": 0.001, "augment": {"flip": 0.5, "grey": 0.1}}
    same = {"augment": {"grey": 0.1, "flip": 0.5}, "lr": 0.001, "backbone": "custom_cnn"}
    other_options = {
        "seed": 3,
        "device": "cuda",
        "data": "/somewhere",
        "out": Path("runs"),
        "fold": 2,
    }
    assert (
        config_hash(config)
        == config_hash(same | other_options)
        == config_hash(config | {"head": None})
    )
    assert config_hash(config) != config_hash(config | {"lr": 0.002})
    assert config_hash(config) != config_hash(config | {"augment": {"flip": 0.5, "grey": 0.2}})
    assert len(config_hash(config)) >= 6
    int(config_hash(config), 16)


def test_the_folder_of_a_recipe_file_is_not_in_the_hash():
    assert config_hash({"recipe": "here/mine.toml"}) == config_hash({"recipe": "mine.toml"})
    assert config_hash({"recipe": "seed"}) != config_hash({"recipe": "strong"})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 5000])
def test_numbers_that_are_not_finite_are_refused_in_unknown_fields(tmp_path, number):
    text = json.dumps(full() | {"strange": [[{"x": 7}]]})
    (tmp_path / "record.json").write_text(text.replace('{"x": 7}', f'{{"x": {number}}}'))
    with pytest.raises(DataError, match=r"record\.json: not a JSON record"):
        load_record(tmp_path / "record.json")


def test_fields_of_later_versions_and_of_plugins_are_kept_when_a_record_is_written_back(tmp_path):
    later = full(**{"results/val/calibrated": {"nme_ioc": 0.05}, "model/energy": [1, {"j": 2.5}]})
    path = write(tmp_path / "record.json", later | {"mood": None})
    record = load_record(path)
    record.raw["cost"]["images_per_second"] = 7.0
    save_record(record.raw, path)
    expected = later | {"mood": None, "cost": later["cost"] | {"images_per_second": 7.0}}
    assert json.loads(path.read_text()) == expected


def test_the_facts_of_a_record_equal_its_json_for_every_reader(tmp_path):
    path = write(tmp_path / "record.json", full(**{"model/energy": [1, {"j": 2.5}]}))
    [(_, found)], *_ = find_records([tmp_path])
    for record in (found, load_record(path)):
        for part in ("config", "model", "data", "environment", "cost"):
            assert getattr(record.facts, part) == record.raw[part]


def test_unavailable_figures_are_null(tmp_path):
    figures = dict.fromkeys(("nme_ioc", "nme_ioc_low", "nme_ioc_high", "nme_box", "loss"))
    baseline = {"nme_ioc": None, "nme_box": None, "nme_box_low": None, "nme_box_high": None}
    unknown = full(**{"model/gmacs": None, "model/weights": None, "seed": None})
    unknown["results"]["val"] |= figures | {"floor": baseline}
    record = load_record(write(tmp_path / "record.json", unknown))
    assert record.model.gmacs is None
    assert record.results["val"].nme_box is None
    assert record.results["val"].headline == "nme_box"


def test_a_record_has_types(tmp_path):
    record = load_record(write(tmp_path / "record.json", full()))
    results = record.results["val"]
    assert (record.data.protocol, record.fold, record.config.passes) == ("person/1", 0, 1)
    assert results.figure("nme_ioc") == results.nme_ioc == 0.061
    assert results.figure("nme_of_nothing") is None
    assert results.ced.values == [0.0, 0.5, 1.0]
    assert results.by_person.clusters().found.tolist() == [3, 2]
    assert record.history[0].val_loss is None
    assert list(record.used) == ["backbone"]


def test_records_still_work_as_dicts_with_a_deprecation_warning(tmp_path):
    record = load_record(write(tmp_path / "record.json", full()))
    with pytest.warns(ZooDeprecationWarning, match=r"write record\.data \(or record\.raw"):
        assert record["data"] == RECORD["data"]


def test_a_record_that_an_editor_saved_with_a_byte_order_mark_is_read(tmp_path):
    path = write(tmp_path / "record.json", RECORD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_record(path).run == RECORD["run"]
    [(found, _)], problems, _ = find_records([tmp_path])
    assert (found, problems) == (path, [])
