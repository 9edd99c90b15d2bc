"""Third-party heads, losses, data sets and detectors are used by id, as backbones are; and what a
run can still do when its plugin is no longer installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from zoo.api import PluginError, UsageError
from zoo.evaluation.records import load_record, save_record
from zoo.prediction import load
from zoo.registry.entries import installed
from zoo.tensors import load_tensors, save_tensors
from zoo.training import run
from zoo.verbs import evaluate, leaderboard

if TYPE_CHECKING:
    from conftest import Kit, Plant

SOURCE = """
import numpy as np
import torch
from torch import nn

from zoo.api import Dataset, Detector, Head, Loss
from zoo.datasets.synthetic import open_synthetic


class Middle(nn.Module):
    "One place from the mean over the map, plus an offset for each point."

    def __init__(self, channels, points, spread):
        super().__init__()
        self.where = nn.Linear(channels, 2)
        self.offsets = nn.Parameter(spread * torch.rand(points, 2))

    def forward(self, features):
        return {"points": self.where(features.mean((2, 3)))[:, None] + self.offsets}


def seven(points, target, visible):
    "7, more than any built-in loss, for any points; its gradient is that of the points' mean."
    return 7 + points.mean() - points.mean().detach()


def corner(image):
    return np.array([[0, 0, 30, 30, 0.5]], np.float32)


middle = Head(build=lambda features, scheme, input_size, *, spread=0.1:
              Middle(features.channels[-1], len(scheme), spread))
lucky = Loss(build=lambda: seven)
faces = Dataset(open=lambda root, **options: open_synthetic(None, **options), needs_root=False)
first = Detector(build=lambda: corner)
"""
PLUGINS = {
    "zoo.heads": {"middle": "middle"},
    "zoo.losses": {"lucky": "lucky"},
    "zoo.datasets": {"faces": "faces"},
    "zoo.detectors": {"first": "first"},
}
THEIRS = {"head": "middle", "loss": "lucky", "dataset": "faces"}


@pytest.fixture
def stranger(plant: Plant) -> Path:
    return plant("stranger", PLUGINS, SOURCE, version="0.4")


def uninstall(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip does: remove metadata and module. This process also forgets the loaded module."""
    shutil.rmtree(folder)
    sys.modules.pop("stranger", None)
    paths = os.environ["PYTHONPATH"].split(os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in paths if p != str(folder)))


@pytest.mark.slow
@pytest.mark.usefixtures("stranger")
def test_the_command_line_lists_trains_and_predicts_with_them(kit: Kit) -> None:
    third_party = {(e.kind, e.id) for e in installed() if e.distribution == "stranger"}
    assert third_party == {*THEIRS.items(), ("detector", "first")}
    trained = kit.zoo(*kit.arguments("head.spread=0.2", **THEIRS))
    assert trained.returncode == 0, trained.stderr
    path = kit.only_run()
    record = load_record(path / "record.json").raw
    tiny = {"id": "tiny", "distribution": "tiny", "version": "1.0"}
    assert record["plugin"] == tiny
    assert record["plugins"] == {
        "backbone": tiny,
        **{
            kind: {"id": plugin_id, "distribution": "stranger", "version": "0.4"}
            for kind, plugin_id in THEIRS.items()
        },
    }
    assert (record["model"]["head"], record["model"]["loss"]) == ("middle", "lucky")
    picture = kit.out / "blank.png"
    Image.new("RGB", (40, 40)).save(picture)
    predicted = kit.zoo("predict", str(path), str(picture), "--detector", "first", "--json")
    assert predicted.returncode == 0, predicted.stderr
    [face] = json.loads(predicted.stdout)[0]["faces"]
    assert face["box"] == [0, 0, 30, 30]
    assert len(face["points"]) == 68


@pytest.mark.usefixtures("stranger")
def test_training_minimises_the_third_party_loss_and_the_board_shows_its_own(kit: Kit) -> None:
    folder = kit.train(**THEIRS, epochs=1)
    [row] = kit.history(folder.path)
    assert row["train_loss"] == pytest.approx(7)
    assert 0 < load_record(folder.record).raw["results"]["val"]["loss"] != pytest.approx(7)


@pytest.mark.slow
def test_a_run_outlives_its_plugin_and_says_what_to_install(
    kit: Kit, stranger: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kit.train(**THEIRS, epochs=1).path
    record = load_record(path / "record.json").raw
    backbone_only = {key: value for key, value in record.items() if key != "plugins"}
    uninstall(stranger, monkeypatch)
    board = kit.zoo("leaderboard", "runs", "--format", "json")
    assert board.returncode == 0, board.stderr
    [row] = json.loads(board.stdout)[0]["rows"]
    assert (row["backbone"], row["head"], row["loss_name"]) == (
        "tiny",
        "stranger/middle",
        "stranger/lucky",
    )
    assert leaderboard(kit.out / "runs")["head"].iloc[0] == "stranger/middle"

    advice = "of stranger 0.4, which is not installed: pip install stranger==0.4"
    picture = kit.out / "blank.png"
    Image.new("RGB", (40, 40)).save(picture)
    done = kit.zoo("predict", str(path), str(picture))
    assert done.returncode == 1
    assert done.stderr == f"zoo: {path}: was trained with the head middle {advice}\n"
    for verb in (load, evaluate, run.resume):
        with pytest.raises(PluginError, match=re.escape(advice)):
            verb(path)  # type: ignore[operator]
    # another version is installed, without that head
    plant("stranger", {"zoo.losses": {"lucky": "lucky"}}, SOURCE, version="0.5")
    with pytest.raises(PluginError, match=r"and 0\.5 here has none: pip install stranger==0\.4"):
        load(path)
    # an older record names the backbone only
    save_record(backbone_only, path / "record.json")
    with pytest.raises(PluginError, match=r"head middle of stranger, and 0\.5 here has none: pip"):
        load(path)


READER = """
from pathlib import Path
from torch import nn
from zoo.api import Backbone


class Net(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words = Path(words).read_text() if words else ""
        self.stem = nn.Conv2d(3, 8, 3, 4, 1)

    def forward(self, images):
        return self.stem(images)


reader = Backbone(build=lambda *, pretrained=False, words="": Net(words), input_size=32,
                  mean=(0, 0, 0), std=(1, 1, 1), license="MIT")
"""


def test_no_option_of_a_model_leads_to_a_file_of_this_machine(kit: Kit, plant: Plant) -> None:
    plant("library", {"zoo.backbones": {"reader": "reader"}}, READER)
    secret = kit.out / "secret.txt"
    secret.write_text("nobody's business")
    config_with_path = kit.config(f"backbone.words={secret}", backbone="reader")
    with pytest.raises(UsageError, match=r"configuration: backbone\.words = '.*' names a f"):
        run.train(config_with_path, kit.out / "refused")
    assert not (kit.out / "refused").exists()

    folder = kit.train(backbone="reader", epochs=1)
    tensors, header = load_tensors(folder.best)
    header["config"]["options"]["backbone"] = {"words": str(secret)}
    save_tensors(folder.best, tensors, header)
    record = json.loads(folder.record.read_text())
    del record["model"]["best_sha256"]
    folder.record.write_text(json.dumps(record))
    for use in (load, evaluate):
        with pytest.raises(UsageError, match=r"best\.safetensors: backbone\.words = .* names a f"):
            use(folder.path)
    shutil.rmtree(folder.state.parent)  # as if killed before its first save
    config = folder.config.read_text()
    folder.config.write_text(f'{config}\n[options.backbone]\nwords = "{secret}"\n')
    with pytest.raises(UsageError, match=r"backbone\.words = .*names a file"):
        run.resume(folder.path, epochs=2)
