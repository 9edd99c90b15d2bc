"""`zoo evaluate`: it scores a run on its own protocol and data only."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from zoo.cli import app

if TYPE_CHECKING:
    from conftest import Plant

SOURCE = """
from torch import nn
from zoo.api import Backbone
small = Backbone(build=lambda *, pretrained=False: nn.Conv2d(3, 4, 5, stride=4), input_size=32)
"""


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo-home")


@pytest.fixture
def train(plant: Plant, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    plant("small", {"zoo.backbones": {"small": "small"}}, SOURCE)
    monkeypatch.setenv("ZOO_HOME", str(home))
    monkeypatch.chdir(tmp_path)

    def train_with(people: int = 15, *arguments: str) -> Path:
        line = ["train", "small", "--dataset", "synthetic", "--epochs", "1", "--device", "cpu"]
        for each in (f"people={people}", "videos=1", "frames=2", "size=48"):
            line += ["--set", f"dataset.{each}"]
        line += ["--set", "augment.resize=33", "--set", "input_size=32", *arguments]
        result = invoke(*line)
        assert result.exit_code == 0, result.output
        [run] = (tmp_path / "runs").iterdir()
        return run

    return train_with


def test_the_test_split_is_scored_and_joins_the_leaderboard(train: Any) -> None:
    run = train()
    assert invoke("leaderboard", "runs", "--split", "test").exit_code == 1
    result = invoke("evaluate", str(run), "--split", "test", "--json")
    assert result.exit_code == 0, result.stderr
    results = json.loads(result.stdout)
    record = json.loads((run / "record.json").read_text())
    assert results == record["results"]["test"] | {"learned": results["learned"]}
    assert (results["n"], record["data"]["people"]["test"]) == (2, 1)
    board = invoke("leaderboard", "runs", "--split", "test", "--format", "json")
    [group] = json.loads(board.stdout)
    assert group["split"] == "test"
    assert group["rows"][0]["nme_ioc"] == pytest.approx(results["nme_ioc"])
    assert group["baseline"]["nme_ioc"] == pytest.approx(results["floor"]["nme_ioc"])


def test_val_is_shown_as_readable_text(train: Any) -> None:
    run = train()
    val = json.loads((run / "record.json").read_text())["results"]["val"]
    result = invoke("evaluate", str(run), "--protocol", "person/1")
    assert result.exit_code == 0, result.stderr
    lines = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    assert lines["split"].strip() == "val, 4 frames"
    assert lines["NME inter-ocular"].strip() == f"{100 * val['nme_ioc']:.2f}%"


def test_several_runs_are_scored_in_one_command(train: Any) -> None:
    first = train()
    shutil.copytree(first, second := first.with_name("second"))
    result = invoke("evaluate", str(first), str(second), "--split", "test", "--json")
    assert result.exit_code == 0, result.stderr
    results = json.loads(result.stdout)
    assert list(results) == [str(first), str(second)]
    for run in (first, second):
        record = json.loads((run / "record.json").read_text())
        kept = record["results"]["test"]
        assert results[str(run)] == kept | {"learned": results[str(run)]["learned"]}
    # if one argument is no run, nothing is scored
    other = invoke("evaluate", str(first), "nowhere")
    assert other.exit_code == 2
    assert other.stdout == ""
    assert "nowhere: no run here" in other.stderr


def test_an_old_record_is_updated(train: Any) -> None:
    run = train()
    record = json.loads((run / "record.json").read_text())
    old = copy.deepcopy(record) | {"schema": 1}
    for key in ("ced", "pose", "by_person"):
        assert old["results"]["val"].pop(key)
    assert old.pop("history")
    del old["data"]["metrics"]
    (run / "record.json").write_text(json.dumps(old))
    assert invoke("evaluate", str(run)).exit_code == 0
    assert json.loads((run / "record.json").read_text()) == record


def test_figures_are_recomputed_from_the_predictions_alone(train: Any) -> None:
    run = train()
    for file in ("best.safetensors", "config.toml", "history.csv"):
        (run / file).unlink()
    result = invoke("evaluate", str(run), "--from-predictions")
    assert result.exit_code == 0, result.stderr
    val = json.loads((run / "record.json").read_text())["results"]["val"]
    lines = dict(line.split("  ", 1) for line in result.stdout.splitlines()[:-1])
    assert lines["NME inter-ocular"].strip() == f"{100 * val['nme_ioc']:.2f}%"
    assert result.stdout.endswith("The record says what its predictions give.\n")
    assert result.stderr == ""


def test_a_record_that_disagrees_with_its_predictions_fails(train: Any) -> None:
    run = train()
    record = json.loads((run / "record.json").read_text())
    record["results"]["val"]["auc_08"] += 0.01
    (run / "record.json").write_text(json.dumps(record))
    result = invoke("evaluate", str(run), "--from-predictions", "--json")
    assert result.exit_code == 1
    [each] = json.loads(result.stdout)["disagreements"]
    assert each["key"] == "auc_08"
    first, last = result.stderr.splitlines()
    assert f"{run}: the record's auc_08 is" in first
    assert "record and predictions disagree" in last


@pytest.mark.parametrize("option", [["--data", "x"], ["--device", "cpu"], ["--strict"]])
def test_options_of_scoring_are_refused_with_from_predictions(
    tmp_path: Path, option: list[str]
) -> None:
    result = invoke("evaluate", str(tmp_path), "--from-predictions", *option)
    assert result.exit_code == 2
    assert f"{option[0]}: has no use with --from-predictions" in result.stderr


def test_another_protocol_is_refused(train: Any) -> None:
    run = train()
    before = (run / "record.json").read_bytes()
    result = invoke("evaluate", str(run), "--split", "test", "--protocol", "official")
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert "--protocol official" in line
    assert "trained under person" in line
    assert (run / "record.json").read_bytes() == before


def test_other_data_is_refused(train: Any) -> None:
    run = train()
    record = run / "record.json"
    fingerprint = json.loads(record.read_text())["data"]["fingerprint"]
    record.write_text(record.read_text().replace(fingerprint, fingerprint[::-1]))
    result = invoke("evaluate", str(run))
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "fingerprint" in line
    assert "--data" in line


def test_a_split_without_frames_says_why(train: Any) -> None:
    result = invoke("evaluate", str(train(11)), "--split", "test")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "no frame in the test split of protocol person/1" in line
    assert "people whose hash is below 15" in line


@pytest.mark.parametrize("split", ["train", "tset"])
def test_only_val_and_test_are_scored(train: Any, split: str) -> None:
    result = invoke("evaluate", "anywhere", "--split", split)
    assert result.exit_code == 2
    assert result.stderr == f"zoo: --split {split}: expected val or test\n"


def test_a_folder_that_is_no_finished_run_is_refused(train: Any, tmp_path: Path) -> None:
    result = invoke("evaluate", str(tmp_path))
    assert result.exit_code == 2
    assert "no run here" in result.stderr
    run = train()
    (run / "record.json").unlink()
    result = invoke("evaluate", str(run))
    assert result.exit_code == 2
    assert f"zoo train --resume {run}" in result.stderr
