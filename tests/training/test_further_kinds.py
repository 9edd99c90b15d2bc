"""Third-party augmentations, metrics and trackers are listed, used in training, resumed, recorded
and shown; broken ones beside them do no harm."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from zoo.api import PluginError, UsageError, ZooWarning
from zoo.evaluation.board.leaderboard import collect
from zoo.evaluation.board.render import to_frame, to_json, to_markdown
from zoo.evaluation.page.payload import group_payload
from zoo.evaluation.records import load_record, save_record
from zoo.registry.entries import installed
from zoo.training import run
from zoo.training.trackers import tracked, was_tracked

if TYPE_CHECKING:
    from conftest import Kit, Plant

SOURCE = '''
from dataclasses import replace

import numpy as np
import torch

from zoo.api import Augmentation, Metric, Tracker


def build(*, scheme, share=0.5):
    """Mirror a share of the images, and exchange their points as the scheme says."""
    order = torch.tensor(scheme.flip)

    def augment(batch):
        chosen = batch.draws[:, 0] < share
        images = torch.where(chosen[:, None, None, None], batch.images.flip(3), batch.images)
        mirrored = batch.points[:, order] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        points = torch.where(chosen[:, None, None], mirrored, batch.points)
        visible = torch.where(chosen[:, None], batch.visible[:, order], batch.visible)
        return replace(batch, images=images, points=points, visible=visible)

    return augment


mirror = Augmentation(build=build)
wrong_shape = Augmentation(build=lambda: lambda batch: replace(batch, images=batch.images[:, :2]))
raising = Augmentation(build=lambda: lambda batch: 1 / 0)


def worst(face):
    distance = np.linalg.norm(face.points - face.target, axis=1)
    return distance[face.visible].max() / face.length


def half(face):
    """1 for a face whose first label is in the left half of 128 pixels; it skips the others."""
    return 1.0 if face.target[0, 0] < 64 else float("nan")


worst_point = Metric(measure=worst, title="worst <b>point</b>", unit="%")
right = Metric(measure=half, lower_is_better=False)
divides = Metric(measure=lambda face: 1 / 0)


class Lines:
    def begin(self, run):
        self.file = run.folder / "lines.txt"
        self.write(f"begin {run.step} {len(run.history)} {run.config['batch_size']}")

    def write(self, line):
        with self.file.open("a") as stream:
            stream.write(line + "\\n")

    def step(self, step, figures):
        self.write(f"step {step} {sorted(figures)[0]}")

    def epoch(self, step, figures):
        self.write(f"epoch {step} {figures['epoch']}")

    def close(self, ending):
        self.write(ending)


class Fails(Lines):
    def epoch(self, step, figures):
        raise SystemExit("the server is gone")


lines = Tracker(build=Lines)
fails = Tracker(build=Fails)
'''
PLUGINS = {
    "zoo.augmentations": {"mirror": "mirror", "wrong_shape": "wrong_shape", "raising": "raising"},
    "zoo.metrics": {"worst_point": "worst_point", "right": "right"},
    "zoo.trackers": {"lines": "lines", "fails": "fails"},
}
MIRROR = ("augmentations=mirror", "augmentation.mirror.share=0.4")
STRANGER = {"distribution": "stranger", "version": "1.0"}


@pytest.fixture(autouse=True)
def stranger(plant: Plant) -> Path:
    return plant("stranger", PLUGINS, SOURCE)


def train(kit: Kit, out: str, *sets: str, log_with: Any = (), **flags: Any) -> Path:
    with tracked(kit.watcher, log_with) as reporter:
        return run.train(kit.config(*sets, **flags), kit.out / out, reporter=reporter).path


def metrics_of(path: Path) -> Any:
    return load_record(path / "record.json").raw["results"]["val"]["metrics"]


def test_a_run_with_all_three_goes_on_to_the_bit_and_its_record_names_them(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    third_party = {(e.kind, e.id) for e in installed() if e.distribution == "stranger"}
    assert {("augmentation", "mirror"), ("metric", "right"), ("tracker", "lines")} <= third_party
    uninterrupted = train(kit, "whole", *MIRROR, log_with="lines", epochs=2)
    monkeypatch.setenv("TINY_AT", "8 die")
    with pytest.raises(KeyboardInterrupt, match="planted death"):
        train(kit, "died", *MIRROR, log_with="lines", epochs=2)
    monkeypatch.delenv("TINY_AT")
    died = kit.only_run("died")
    with tracked(kit.watcher, was_tracked(died, kit.watcher)) as reporter:
        run.resume(died, reporter=reporter)
    assert kit.outcome(died) == kit.outcome(uninterrupted)
    assert kit.outcome(uninterrupted)[0] != kit.outcome(train(kit, "plain", epochs=2))[0]

    lines = (uninterrupted / "lines.txt").read_text().splitlines()
    steps = [f"step {step} images_per_second" for step in range(1, 11)]
    assert lines == ["begin 0 0 8", *steps[:5], "epoch 5 1", *steps[5:], "epoch 10 2", "finished"]
    resumed_lines = (died / "lines.txt").read_text().splitlines()
    assert resumed_lines[-8:] == ["begin 5 1 8", *steps[5:], "epoch 10 2", "finished"]

    for path in (uninterrupted, died):
        record = load_record(path / "record.json")
        assert record.raw["plugins"]["augmentation:mirror"] == {"id": "mirror", **STRANGER}
        assert record.raw["plugins"]["tracker:lines"] == {"id": "lines", **STRANGER}
        assert record.raw["config"]["augmentations"] == ["stranger/mirror"]
        assert record.raw["config"]["options"]["augmentation"] == {"mirror": {"share": 0.4}}


def test_metrics_are_measured_shown_and_outlive_their_package(
    kit: Kit, stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = train(kit, "runs", epochs=1)
    worst, right = (metrics_of(path)[f"stranger/{name}"] for name in ("worst_point", "right"))
    nme = load_record(path / "record.json").results["val"].nme_ioc
    assert nme is not None
    assert nme < worst["value"] < 68 * nme
    assert worst["low"] <= worst["value"] <= worst["high"]
    assert worst["baseline"] > 0
    assert (right["title"], right["value"], right["lower_is_better"]) == ("right", 1.0, False)
    assert 0 < right["n"] <= worst["n"]
    shown = kit.zoo("evaluate", str(path), "--from-predictions")
    assert shown.returncode == 0, shown.stderr
    value = f"{100 * worst['value']:.2f}%"
    assert f"worst <b>point</b>       {value} (stranger/worst_point 1.0)" in shown.stdout

    (stranger / "stranger-1.0.dist-info").rename(stranger / "gone")
    sys.modules.pop("stranger", None)
    assert not [entry for entry in installed() if entry.distribution == "stranger"]
    run.evaluate(path)
    assert metrics_of(path) == {"stranger/right": right, "stranger/worst_point": worst}
    shown = kit.zoo("evaluate", str(path), "--from-predictions")
    assert value in shown.stdout
    assert "stranger/worst_point is taken from its record: the metric is not" in shown.stderr

    groups, _ = collect([kit.out / "runs"], sort="worst_point")
    [group] = groups
    [row] = group.rows
    assert row.metrics == {"stranger/right": 1.0, "stranger/worst_point": worst["value"]}
    [board] = json.loads(to_json(groups))
    assert board["rows"][0]["metrics"] == row.metrics
    assert [each["unit"] for each in board["metrics"]] == ["", "%"]
    frame = to_frame(groups)
    assert frame["stranger/worst_point"].tolist() == [worst["value"], worst["baseline"]]
    assert "worst &lt;b&gt;point&lt;/b&gt; %" in to_markdown(groups)
    head, _ = group_payload(group, None)
    [column] = [each for each in head["columns"] if each["key"] == "stranger/worst_point"]
    assert (column["title"], column["kind"], column["lower"]) == (
        "worst <b>point</b>",
        "percent",
        True,
    )
    with pytest.raises(UsageError, match="did you mean stranger/worst_point"):
        collect([kit.out / "runs"], sort="worst_pont")


def test_a_metric_of_another_version_is_not_held_against_the_record(kit: Kit) -> None:
    path = train(kit, "runs", epochs=1)
    record = load_record(path / "record.json").raw
    record["results"]["val"]["metrics"]["stranger/right"] |= {"version": "0.9", "value": 0.25}
    save_record(record, path / "record.json")
    done = kit.zoo("evaluate", str(path), "--from-predictions")
    assert done.returncode == 0, done.stderr
    assert "stranger/right is not compared: 0.9 measured it there, 1.0 here" in done.stderr
    record["results"]["val"]["metrics"]["stranger/worst_point"]["value"] /= 2
    save_record(record, path / "record.json")
    done = kit.zoo("evaluate", str(path), "--from-predictions")
    assert done.returncode == 1
    assert "the record's metrics.stranger/worst_point.value is" in done.stderr


def test_broken_plugins_do_not_affect_healthy_ones(kit: Kit, plant: Plant) -> None:
    broken = {"zoo.metrics": {"divides": "divides", "absent": "no_such_thing"}}
    plant("breaker", broken, SOURCE)
    with pytest.warns(ZooWarning) as warned:
        path = train(kit, "runs", epochs=1, log_with=["fails", "lines"])
    warnings = "\n".join(str(each.message) for each in warned)
    assert "metric divides of breaker 1.0 cannot measure: ZeroDivisionError" in warnings
    assert "metric absent of breaker 1.0 cannot be loaded" in warnings
    assert set(metrics_of(path)) == {"stranger/right", "stranger/worst_point"}
    [note] = [note for note in kit.watcher.notes if "no longer follows" in note]
    assert note.startswith("tracker stranger/fails no longer follows this run: SystemExit: the s")
    assert (path / "lines.txt").read_text().splitlines()[-1] == "finished"
    assert not [e for e in os.scandir(path) if e.name.endswith(".part")]


@pytest.mark.parametrize(
    ("sets", "error", "words"),
    [
        (["augmentations=miror"], PluginError, r"no installed augmentation .* did you mean mirror"),
        (
            ["augmentations=wrong_shape"],
            PluginError,
            r"gives images of \(2, 2, 32, 32\)",
        ),
        (
            ["augmentations=raising"],
            PluginError,
            "raising of stranger 1.0 fails: Zero",
        ),
        ([*MIRROR, "augmentation.mirror.shar=1"], UsageError, r"are augmentation\.mirror\.share$"),
        (["augmentation.mirror.share=1"], UsageError, r"of this run 'mirror': there are none$"),
        (["augmentations=['mirror', 'stranger/mirror']"], UsageError, "holds one id twice"),
        ([*MIRROR, "augmentation.mirror=1"], UsageError, r"augmentation\.mirror\.KEY=VALUE"),
    ],
)
def test_an_augmentation_that_cannot_be_used_is_refused_before_a_folder_is_made(
    sets: list[str], error: type[Exception], words: str, kit: Kit
) -> None:
    with pytest.raises(error, match=words):
        run.train(kit.config(*sets), kit.out / "runs")
    assert not (kit.out / "runs").exists()


def test_a_recipe_names_them_and_another_choice_leaves_its_options_out(
    kit: Kit, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("augmentations = ['mirror']\n[augmentation.mirror]\nshare = 0.25\n")
    named = kit.config(recipe=str(recipe))
    assert named.augmentations == ("mirror",)
    [plugin] = named.augmentation_plugins()
    assert plugin.options == {"share": 0.25}
    none = kit.config("augmentations=[]", recipe=str(recipe))
    assert (none.augmentations, none.options.get("augmentation")) == ((), None)
