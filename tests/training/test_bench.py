"""`zoo bench`: which runs are timed, in which order, what is recorded, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import zoo
from zoo.api import UsageError
from zoo.cli import app
from zoo.evaluation.records import load_record
from zoo.runs.folder import RunFolder
from zoo.runs.trained import load_trained
from zoo.scoring import bench as benching
from zoo.scoring.bench import bench, quartiles
from zoo.scoring.imported import ExternalProgram, import_points

if TYPE_CHECKING:
    from conftest import Kit


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benching, "WARM_UP", 0.0)
    monkeypatch.setattr(benching, "TURN", 0.0)


@pytest.fixture
def runs(kit: Kit) -> list[RunFolder]:
    """Two configurations, the first with two seeds."""
    return [
        kit.train(epochs=1),
        kit.train(epochs=1, seed=1),
        kit.train("backbone.norm=false", "input_size=48", "augment.resize=48", epochs=1),
    ]


def external(kit: Kit) -> RunFolder:
    file = kit.out / "points.csv"
    columns = ",".join(f"{axis}{k}" for k in range(68) for axis in "xy")
    file.write_text(f"id,{columns}\nperson_0000/0/00.png{',5' * 136}\n")
    options = {"people": 15, "videos": 1, "frames": 3, "size": 48}
    entry = ExternalProgram("dlib-68")
    [folder] = import_points(entry, file, kit.out / "runs", dataset="synthetic", options=options)
    return folder


def test_records_keep_what_was_measured_and_how(kit: Kit, runs: list[RunFolder]) -> None:
    before = load_record(runs[0].record).raw
    costs, refused = bench([run.path for run in runs], device="cpu", batch_size=4, rounds=2)
    assert refused == []
    assert [[run.path for run in cost.runs] for cost in costs] == [
        [runs[0].path, runs[1].path],
        [runs[2].path],
    ]
    record = load_record(runs[0].record).raw
    found = record["cost"].pop("bench")
    assert record == before, "nothing else changes"
    assert found == load_record(runs[1].record).raw["cost"]["bench"] == costs[0].bench
    assert set(found) == {
        *("device", "threads", "precision", "input_size", "batch"),
        *("latency_ms", "latency_ms_spread", "images_per_second", "images_per_second_spread"),
    }
    assert (found["threads"], found["precision"], found["batch"]) == (1, "fp32", 4)
    assert found["device"] == before["environment"]["device"]
    assert [cost.bench["input_size"] for cost in costs] == [32, 48]
    assert [cost.parameters for cost in costs] == [
        load_record(run.record).raw["model"]["parameters"] for run in (runs[0], runs[2])
    ]
    for key in ("latency_ms", "images_per_second"):
        low, high = found[f"{key}_spread"]
        assert 0 < low <= found[key] <= high

    [one, other] = zoo.leaderboard(kit.out / "runs").to_dict("records")[:2]
    assert {one["latency_ms"], other["latency_ms"]} == {c.bench["latency_ms"] for c in costs}


def test_networks_take_turns(
    kit: Kit, runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All networks warm up, then each round times every network at batch 1 and at a full batch."""
    forwards: list[tuple[int, int]] = []

    def load_with_hook(folder: RunFolder) -> Any:
        trained = load_trained(folder)

        def record(module: Any, inputs: Any) -> None:
            [images] = inputs
            if len(forwards) >= 2:  # the first two forwards count the GMACs
                assert torch.is_inference_mode_enabled()
                assert not module.training
                assert images.is_contiguous(memory_format=torch.channels_last)
            forwards.append((images.shape[-1], len(images)))

        trained.model.register_forward_pre_hook(record)
        return trained

    monkeypatch.setattr(benching, "load_trained", load_with_hook)
    bench([run.path for run in runs], device="cpu", batch_size=4, rounds=2)
    counting = [(32, 1), (48, 1)]
    warm = [*[(32, 1)] * 3, *[(32, 4)] * 3, *[(48, 1)] * 3, *[(48, 4)] * 3]
    # one forward that is not counted, then three at batch 1 or one at a full batch
    one_round = [*[(32, 1)] * 4, *[(32, 4)] * 2, *[(48, 1)] * 4, *[(48, 4)] * 2]
    assert forwards == [*counting, *warm, *one_round, *one_round]


def test_figures_are_medians_and_quartiles_of_the_timed_forwards(
    kit: Kit, runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert quartiles([5, 1, 2, 4, 3]) == (2, 3, 4)
    # a clock that ticks once a reading, the n-th tick n ms long
    ticks = iter(np.cumsum(np.arange(10_000)) / 1000)
    monkeypatch.setattr(benching.time, "perf_counter", lambda: float(next(ticks)))
    timer = benching.Timer(load_trained(runs[0]).model, torch.zeros(1, 3, 32, 32), "fp32", least=3)
    timer.turn()
    # readings 1 and 2 are of the forward that is not counted, and 3 begins the turn; the three
    # samples are 4 5, 6 7 and 8 9, and only then does the turn read the clock to see if it is over
    assert timer.samples == pytest.approx([0.004, 0.006, 0.008])


def test_threads_are_put_back(runs: list[RunFolder]) -> None:
    [cost], _ = bench([runs[2].path], device="cpu", batch_size=2, rounds=1, threads=2)
    assert cost.bench["threads"] == 2
    assert cost.bench["device"].startswith("cpu (2 threads")
    assert torch.get_num_threads() == 1


def test_runs_that_cannot_be_timed_do_not_stop_the_others(kit: Kit, runs: list[RunFolder]) -> None:
    entry = external(kit)
    unfinished = kit.out / "runs" / "unfinished"
    shutil.copytree(runs[0].path, unfinished)
    (unfinished / "record.json").unlink()
    before = entry.record.read_bytes()
    line = ["bench", str(runs[2].path), str(entry.path), str(unfinished), str(kit.out / "nowhere")]
    result = CliRunner().invoke(app, [*line, "--device", "cpu", "--batch-size", "2"])
    assert result.exit_code == 2
    assert runs[2].name in result.stdout
    assert "bench" in load_record(runs[2].record).raw["cost"]
    assert entry.record.read_bytes() == before
    warnings = [
        text for text in result.stderr.splitlines() if text.startswith("warning: not timed: ")
    ]
    assert len(warnings) == 3
    assert f"{entry.path}: is an external entry" in warnings[0]
    assert f"{unfinished}: is not finished" in warnings[1]
    assert "no run here" in warnings[2]


def test_one_run_that_cannot_be_timed_is_an_error(kit: Kit) -> None:
    entry = external(kit)
    run = kit.train(epochs=1)
    with pytest.raises(UsageError, match="is an external entry"):
        zoo.bench(entry.path, run.path, device="cpu", batch_size=2, rounds=1)
    [cost] = zoo.bench(run.path, device="cpu", batch_size=2, rounds=1)
    assert cost["bench"] == load_record(run.record).raw["cost"]["bench"]
    result = CliRunner().invoke(app, ["bench", str(entry.path)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"zoo: {entry.path}: is an external entry")
    assert result.stdout == ""


def test_a_batch_that_does_not_fit_is_reported_and_the_others_are_timed(
    kit: Kit, runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: benching.Timer) -> None:
        if self.images.shape[-1] == 48:
            raise torch.OutOfMemoryError

    monkeypatch.setattr(benching.Timer, "warm_up", full)
    costs, [error] = bench([run.path for run in runs], device="cpu", batch_size=4, rounds=1)
    assert len(costs) == 1
    assert f"{runs[2].path}: 4 images of 48 px do not fit" in str(error)
    assert "--batch-size" in str(error)
    assert "bench" not in load_record(runs[2].record).raw["cost"]


def test_the_table_and_the_json_say_the_same(kit: Kit, runs: list[RunFolder]) -> None:
    line = ["bench", *(str(run.path) for run in runs), "--device", "cpu", "--batch-size", "4"]
    shown = CliRunner().invoke(app, [*line, "--rounds", "1", "--json"])
    assert shown.exit_code == 0, shown.stderr
    first, second = json.loads(shown.stdout)
    assert first["runs"] == [str(run.path) for run in runs[:2]]
    assert first["bench"] == load_record(runs[1].record).raw["cost"]["bench"]
    assert (second["backbone"], second["parameters"]) == (
        "tiny",
        load_record(runs[2].record).raw["model"]["parameters"],
    )

    table = CliRunner().invoke(app, [*line, "--rounds", "1"]).stdout.splitlines()
    assert table[0].endswith(", 1 thread, fp32")
    assert re.split(r"\s{2,}", table[1])[-1] == "img/s, batch 4"
    assert table[2].startswith(f"{runs[0].name} +1  ")
    latency = load_record(runs[0].record).raw["cost"]["bench"]["latency_ms"]
    assert f"{latency:g} [" in table[2]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"batch_size": 1}, "2 images"),
        ({"rounds": 0}, "rounds"),
        ({"threads": -1}, "threads"),
        ({"precision": "fp8"}, "'fp8': expected one of fp32, bf16, fp16"),
        ({"device": "quantum"}, "--device quantum"),
    ],
)
def test_wrong_numbers_are_refused(option: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        bench([Path("anywhere")], **option)
