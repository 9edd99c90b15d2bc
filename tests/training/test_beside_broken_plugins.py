"""The zoo works while third-party plugins that are broken in every way are installed at once.

One environment holds all of them beside the healthy backbone ``tiny``, and also plugins that take
the ids of built-in ones. A command may fail only over a plugin that it is asked to use.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from zoo.api import PluginError
from zoo.evaluation.records import load_record
from zoo.prediction import load
from zoo.training import run
from zoo.verbs import evaluate, leaderboard

if TYPE_CHECKING:
    from conftest import Kit, Plant

LOSS = "from zoo.api import Loss\nours = Loss(build=lambda: None)\n"

BROKEN = {
    "raises": ("raise RuntimeError('no luck')\n", "RuntimeError: no luck"),
    "hangs": ("import time\ntime.sleep(600)\n", "still loading after 6 s"),
    "strays": ("ours = 3\n", "is an instance of zoo.api.Loss"),
    "lacks": ("import a_library_nobody_has\n", "pip install a-library-nobody-has"),
    "newer": (LOSS.replace("None)", "None, api_version=99)"), "pip install --upgrade landmark-zoo"),
    "unknown": ("from zoo.api import Loss\nLoss(build=None, layout=1)\n", "uses Loss(layout=...)"),
    "misspelt": ("def (:\n", "SyntaxError"),
    "exits": ("raise SystemExit\n", "SystemExit"),
    "crashes": ("import os\nos.abort()\n", "SIGABRT"),
}
"""By fault: a module that has it, and words of what `zoo list --check` says about it."""

RUDE = """
import os, random, sys, threading, time
import torch
from zoo.api import Loss
print("look at me")
torch.set_default_dtype(torch.float64)
torch.set_num_threads(7)
random.seed(0), torch.manual_seed(0)
os.chdir("/")
threading.Thread(target=time.sleep, args=(600,)).start()
ours = Loss(build=lambda: None)
"""
THIEF = {
    "zoo.backbones": {"custom_cnn": "ours"},
    "zoo.heads": {"linear": "ours"},
    "zoo.losses": {"smooth_l1": "ours"},
    "zoo.detectors": {"haar": "ours", "none": "ours"},
    "zoo.datasets": {"youtube_faces": "ours"},
}


@pytest.fixture
def broken_plugins(plant: Plant) -> None:
    for fault, (source, _) in BROKEN.items():
        plant(
            f"x-{fault}", {"zoo.losses": {f"x_{fault}": "ours"}}, source,
            requires=["a-library-nobody-has"],
        )  # fmt: skip
    plant("x-rude", {"zoo.losses": {"x_rude": "ours"}}, RUDE)
    plant("x-names", {"zoo.losses": {"X": "ours", "x y": "ours", "x_target": "no colon"}}, LOSS)
    plant("x-gone", {"zoo.losses": {"x_gone": "x_nowhere:ours"}})
    plant("thief", THIEF, "raise RuntimeError('stop')\n")
    plant("tiny-thief", {"zoo.losses": {"x_twin": "ours"}}, LOSS)
    plant("x-twin", {"zoo.losses": {"x_twin": "ours"}}, LOSS)
    # one distribution twice on the path, and one whose metadata is damaged (METADATA,
    # because with a damaged entry_points.txt torch itself cannot be imported)
    plant("twice", {"zoo.losses": {"x_twice": "ours"}}, LOSS, version="1.0")
    plant("twice", {"zoo.losses": {"x_twice": "ours"}}, LOSS, version="2.0")
    mangled = plant("x-nameless", {"zoo.losses": {"x_hidden": "ours"}}, LOSS)
    for file in ("METADATA", "PKG-INFO"):
        (mangled / "x_nameless-1.0.dist-info" / file).write_text("of no use\n")


@pytest.mark.slow
@pytest.mark.usefixtures("broken_plugins")
@pytest.mark.filterwarnings("ignore::zoo.api.ZooWarning")
def test_everything_else_works(kit: Kit) -> None:
    listed = kit.zoo("list", "--json")
    assert listed.returncode == 0, listed.stderr
    entries = json.loads(listed.stdout)
    status = {(e["distribution"], e["kind"], e["id"]): e["status"] for e in entries}
    assert status["tiny", "backbone", "tiny"] == "not loaded"
    assert status["landmark-zoo", "head", "linear"] == "duplicate"
    assert status["thief", "head", "linear"] == "duplicate"
    assert status["x-names", "loss", "X"] == status["x-names", "loss", "x y"] == "invalid name"
    assert [e["version"] for e in entries if e["id"] == "x_twice"] == ["2.0"]
    # stderr is one line, about the plugins that cannot be listed
    [warning] = listed.stderr.splitlines()
    assert re.match(r"warning: plugins of .*x_nameless-1\.0\.dist-info are unknown", warning)

    checked = kit.zoo("list", "x_*", "--check", "--timeout", "6", "--json")
    assert checked.returncode == 3
    assert "Traceback" not in checked.stderr
    verdicts = {e["id"]: e for e in json.loads(checked.stdout)}
    for fault, (_, reason) in BROKEN.items():
        assert verdicts[f"x_{fault}"]["status"] == "broken"
        assert reason in verdicts[f"x_{fault}"]["reason"]
    assert "there is no x_nowhere" in verdicts["x_gone"]["reason"]
    assert verdicts["x_target"]["status"] == "invalid target"
    assert (verdicts["x_twice"]["status"], verdicts["x_twin"]["status"]) == ("ok", "duplicate")

    trained = kit.zoo(*kit.arguments(epochs=1))
    assert trained.returncode == 0, trained.stderr
    record = load_record(kit.only_run() / "record.json").raw
    assert record["plugins"]["head"]["distribution"] == "landmark-zoo"
    assert record["plugins"]["loss"]["distribution"] == "landmark-zoo"
    assert leaderboard(kit.out / "runs")["backbone"].iloc[0] == "tiny"

    # a command that is asked for one of them names it and says what to do
    for plugin_id, message in {
        "x_lacks": "loss x_lacks of x-lacks 1.0 cannot be loaded from x_lacks:ours: needs a_lib",
        "x_newer": "loss x_newer of x-newer 1.0 is written for version 99",
        "smooth_l1": "ask for landmark-zoo/smooth_l1 or thief/smooth_l1",
        "X": "x-names/X cannot be used: an id is a small letter",
    }.items():
        with pytest.raises(PluginError, match=re.escape(message)):
            kit.train(epochs=1, loss=plugin_id)
    assert kit.train(epochs=1, loss="landmark-zoo/smooth_l1").record.is_file()


@pytest.mark.slow
def test_a_later_thief_of_every_name_breaks_no_old_run(kit: Kit, plant: Plant) -> None:
    folder = kit.train(epochs=1)
    plant("thief", {**THIEF, "zoo.backbones": {"tiny": "ours"}}, "raise RuntimeError('stop')\n")
    with pytest.raises(PluginError, match="ask for thief/tiny or tiny/tiny"):
        kit.train(epochs=1)
    assert evaluate(folder.path)["n"] == 6
    assert run.resume(folder.path, epochs=2).record.is_file()
    blank = np.zeros((40, 40, 3), np.uint8)
    assert load(folder.path).predict(blank) == []
    assert len(load(folder.path).predict(blank, "landmark-zoo/none")) == 1
