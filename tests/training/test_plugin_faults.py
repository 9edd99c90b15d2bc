"""A plugin that fails while a run is trained is named, and no other is; no result is lost."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import torch

from zoo.api import PluginError, UsageError
from zoo.evaluation.records import load_record
from zoo.runs.trained import load_trained
from zoo.training import record as recording
from zoo.training import run
from zoo.verbs import leaderboard

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Kit, Plant

SOURCE = """
import sys

import torch
import torch.nn.functional as F
from torch import nn

from zoo.api import Backbone, Dataset, Head, Loss
from zoo.datasets.synthetic import open_synthetic


def fail(fault):
    if fault == "raise":
        raise TypeError("planted fault")
    if fault == "exit":
        sys.exit()


class Maps(nn.Module):
    "Two maps, each from a convolution of its own; a head that uses one leaves the other unused."

    def __init__(self, fault, backwards=0, integers=False):
        super().__init__()
        self.fault, self.backwards, self.integers = fault, backwards, integers
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.fine = nn.Conv2d(8, 6, 1)
        self.deep = nn.Conv2d(8, 8, 3, stride=2)
        self.coarse = nn.Conv2d(8, 6, 1)

    def forward(self, x):
        if self.training:
            fail(self.fault)
        x = self.stem(x).relu()
        deep = self.deep(x).relu()
        if self.backwards and deep.requires_grad:
            deep.register_hook(self.back)
        maps = [self.fine(x), self.coarse(deep)]
        return [m.long() for m in maps] if self.integers else maps

    def back(self, gradient):
        self.backwards -= 1
        if self.backwards == 0:
            sys.exit(0)


def maps_of(*, pretrained=False, at_build="", in_forward="", backwards=0, integers=False):
    fail(at_build)
    return Maps(in_forward, backwards, integers)


class Own(nn.Module):
    "Points from the mean over the coarsest map."

    def __init__(self, channels, points, fault, hidden):
        super().__init__()
        self.fault = fault
        self.out = nn.Linear(channels, 2 * points)
        self.hidden = [nn.Parameter(torch.zeros(()))] if hidden else []

    def forward(self, features):
        fail(self.fault)
        points = self.out(features[-1].mean((2, 3))).view(len(features[-1]), -1, 2)
        return {"points": points + sum(self.hidden)}


class OwnLoss(Own):
    "The same head with a loss of its own."

    def loss(self, output, target, visible, point_loss):
        fail(self.fault_of_loss)
        return (output["points"] - target).square().mean()


def own(features, scheme, input_size, *, at_build="", in_forward="", hidden=False):
    fail(at_build)
    return Own(features.channels[-1], len(scheme), in_forward, hidden)


def own_loss(features, scheme, input_size, *, in_loss=""):
    head = OwnLoss(features.channels[-1], len(scheme), "", False)
    head.fault_of_loss = in_loss
    return head


class Learned(nn.Module):
    "SmoothL1 with a learned weight for each point; a buffer counts the batches of training."

    def __init__(self, points):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(points))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, points, target, visible):
        if self.training:
            self.seen += 1
        cost = F.smooth_l1_loss(points, target, reduction="none").mean(-1)
        return (cost * torch.exp(-self.log_scale) + self.log_scale).mean()


def failing_loss(points, target, visible):
    raise TypeError("planted fault")


def closure(scheme):
    scale = nn.Parameter(torch.ones(()))
    return lambda points, target, visible: (scale * (points - target)).square().mean()


def detached(points, target, visible):
    return (points.detach() - target).square().mean()


class BadFaces:
    def __init__(self, real, at):
        self.real, self.at, self.problems = real, at, []
        for name in ("scheme", "release", "label_offset", "license", "notes"):
            setattr(self, name, getattr(real, name))

    def released(self):
        return None

    def samples(self):
        for number, sample in enumerate(self.real.samples()):
            if self.at == "samples" and number == 3:
                sys.exit()
            if self.at == "image":
                object.__setattr__(sample, "image", lambda: {}["no pixels"])
            yield sample


maps = Backbone(build=maps_of, input_size=32)
own_head = Head(build=own)
own_loss_head = Head(build=own_loss)
learned = Loss(build=lambda scheme: Learned(len(scheme)))
failing = Loss(build=lambda: failing_loss)
cut_off = Loss(build=lambda: detached)
hiding = Loss(build=closure)
bad = Dataset(open=lambda root, *, at="", **more: BadFaces(open_synthetic(None, **more), at),
              needs_root=False)
"""
PLUGINS = {
    "zoo.backbones": {"maps": "maps"},
    "zoo.heads": {"own": "own_head", "own_loss": "own_loss_head"},
    "zoo.losses": {
        "learned": "learned",
        "failing": "failing",
        "hiding": "hiding",
        "cut_off": "cut_off",
    },
    "zoo.datasets": {"bad": "bad"},
}


@pytest.fixture(autouse=True)
def stranger(plant: Plant) -> Path:
    return plant("stranger", PLUGINS, SOURCE, version="0.4")


FAULTS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "backbone": ("backbone maps", ("backbone.in_forward=raise",), {"backbone": "maps"}),
    "backbone at build": ("backbone maps", ("backbone.at_build=raise",), {"backbone": "maps"}),
    "head": ("head own", ("head.in_forward=raise",), {"head": "own", "backbone": "maps"}),
    "head at build": ("head own", ("head.at_build=raise",), {"head": "own", "backbone": "maps"}),
    "head's loss": (
        "head own_loss",
        ("head.in_loss=raise",),
        {"head": "own_loss", "backbone": "maps"},
    ),
    "loss": ("loss failing", (), {"loss": "failing"}),
    "data set": (  # a seed whose frames no other test has decoded
        "dataset bad",
        ("dataset.at=image", "dataset.seed=77"),
        {"dataset": "bad"},
    ),
}


@pytest.mark.parametrize("where", FAULTS)
def test_a_fault_names_its_plugin_and_no_other(kit: Kit, where: str) -> None:
    """All of these plugins come from one package."""
    named, sets, flags = FAULTS[where]
    with pytest.raises(PluginError) as caught:
        kit.train(*sets, epochs=1, **flags)
    message = str(caught.value)
    assert message.startswith(f"{named} of stranger 0.4 ")
    assert re.search(r"planted fault|no pixels", message)
    others = {entry for entry, _, _ in FAULTS.values()} - {named}
    assert not any(f"{other} " in message for other in others)
    assert not (kit.out / "runs").exists()


@pytest.mark.parametrize(
    ("named", "sets", "flags"),
    [
        ("backbone maps", "backbone.at_build=exit", {"backbone": "maps"}),
        ("backbone maps", "backbone.in_forward=exit", {"backbone": "maps"}),
        ("head own", "head.in_forward=exit", {"backbone": "maps", "head": "own"}),
        ("dataset bad", "dataset.at=samples", {"dataset": "bad"}),
        ("backbone maps", "backbone.backwards=1", {"backbone": "maps"}),
        ("backbone maps", "backbone.backwards=5", {"backbone": "maps"}),
    ],
)
def test_a_plugin_that_exits_is_reported_by_name(
    kit: Kit, named: str, sets: str, flags: dict[str, Any]
) -> None:
    with pytest.raises(PluginError, match=rf"^{named} of stranger 0\.4 .*SystemExit"):
        kit.train(sets, epochs=1, **flags)


@pytest.mark.parametrize(
    ("sets", "flags", "words"),
    [
        ((), {"loss": "cut_off"}, "loss stranger/cut_off: it depends on no parameter"),
        (
            ("backbone.integers=true",),
            {"backbone": "maps"},
            "stranger/maps: emits torch.int64, not dec",
        ),
    ],
)
def test_what_cannot_be_trained_names_the_plugin_that_gave_it(
    kit: Kit, sets: tuple[str, ...], flags: dict[str, Any], words: str
) -> None:
    with pytest.raises(PluginError, match=rf"^{words}"):
        kit.train(*sets, epochs=1, **flags)


def test_maps_that_no_loss_reaches_are_left_out(kit: Kit) -> None:
    folder = kit.train(backbone="maps", epochs=1)
    [note] = [note for note in kit.watcher.notes if "not trained" in note]
    assert "2 parameters are not trained, since linear uses nothing that depends on them" in note
    assert "backbone.fine.weight, backbone.fine.bias" in note
    model = load_record(folder.record).raw["model"]
    assert model["parameters"] - model["trainable"] == 6 * 8 + 6


def test_maps_that_no_loss_reaches_stay_untrained_when_the_backbone_is_unfrozen(kit: Kit) -> None:
    folder = kit.train("unfreeze_after=1", backbone="maps", epochs=2)
    states = [name for name in torch_state(folder.state) if name.endswith(".exp_avg")]
    model = load_record(folder.record).raw["model"]
    assert len(states) == len(list(load_trained(folder).model.parameters())) - 2
    assert model["parameters"] - model["trainable"] == 6 * 8 + 6


@pytest.mark.slow
def test_two_processes_train_what_has_unused_maps_and_a_loss_with_parameters(kit: Kit) -> None:
    sets = ("ema=0.9", "clip_grad=1.0", "accumulate=2")
    flags: dict[str, Any] = {"loss": "learned", "lr": 0.01}
    arguments = kit.arguments(*sets, **flags, out="both")
    arguments[1] = "maps"
    done = kit.zoo(*arguments, processes=2)
    assert done.returncode == 0, done.stderr
    alone = kit.train(*sets, backbone="maps", **flags)
    one, two = kit.history(alone.path), kit.history(kit.only_run("both"))
    for key in one[0]:
        assert [row[key] for row in two] == pytest.approx([row[key] for row in one], rel=1e-4)


def test_a_loss_with_parameters_is_trained_and_resumed_to_the_bit(kit: Kit) -> None:
    flags: dict[str, Any] = {"loss": "learned", "lr": 0.01, "epochs": 3}
    uninterrupted = kit.train(*kit.EVERYTHING, **flags)
    state = torch_state(uninterrupted.state)
    assert state["loss/log_scale"].abs().max() > 0
    assert state["loss/seen"] == 3 * 5
    for step in (4, 8):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TINY_AT", f"{step} die")
            with pytest.raises(KeyboardInterrupt):
                kit.train(*kit.EVERYTHING, **flags, out=f"at-{step}")
        path = kit.only_run(f"at-{step}")
        run.resume(path)
        assert kit.outcome(path) == kit.outcome(uninterrupted.path)
        resumed = torch_state(path / "state" / "last.safetensors")
        assert all(torch.equal(resumed[name], state[name]) for name in state)


def torch_state(path: Path) -> dict[str, torch.Tensor]:
    from zoo.tensors import load_tensors

    return load_tensors(path)[0]


@pytest.mark.parametrize(
    ("named", "sets", "flags"),
    [
        ("loss stranger/hiding", (), {"loss": "hiding"}),
        ("head stranger/own", ("head.hidden=true",), {"backbone": "maps", "head": "own"}),
    ],
)
def test_parameters_that_no_module_has_are_refused(
    kit: Kit, named: str, sets: tuple[str, ...], flags: dict[str, Any]
) -> None:
    with pytest.raises(PluginError, match=f"^{named}: computes with parameters that no torch"):
        kit.train(*sets, epochs=1, **flags)


def test_a_loss_that_the_head_does_not_use_is_refused_where_it_was_asked_for(kit: Kit) -> None:
    flags: dict[str, Any] = {"backbone": "maps", "head": "own_loss", "epochs": 1}
    with pytest.raises(UsageError, match="wing: head own_loss trains on a loss of its own"):
        kit.train(loss="wing", **flags)
    with pytest.raises(UsageError, match=r"loss\.beta = 2\.0: head own_loss trains on a loss"):
        kit.train("loss.beta=2.0", **flags)


def test_record_and_board_name_the_heads_own_loss(kit: Kit) -> None:
    folder = kit.train(backbone="maps", head="own_loss", epochs=1)  # the recipe names smooth_l1
    assert load_record(folder.record).raw["model"]["loss"] == "own_loss's own"
    assert leaderboard(kit.out / "runs")["loss_name"].iloc[0] == "own_loss's own"


def test_figures_that_cannot_be_computed_fail_no_run(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter of multiply-adds, the drawing of the curve and the tracker fail."""

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("Expected gradient function to be set")

    monkeypatch.setattr("zoo.model.cost._Multiplications.__torch_dispatch__", fails)
    monkeypatch.setattr(recording, "save_learning_curve", fails)
    with pytest.warns(UserWarning, match="multiply-adds cannot be counted, so gmacs is unknown"):
        folder = kit.train(epochs=1)
    assert load_record(folder.record).raw["model"]["gmacs"] is None
    assert [note for note in kit.watcher.notes if "could not be drawn: RuntimeError" in note]
    assert leaderboard(kit.out / "runs")["gmacs"].isna().all()


VIEWS = """
import torch
from torch import nn
from zoo.api import Backbone


class Tokens(nn.Module):
    "A view of the class token goes through a submodule, as in PiT."

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 4, 1, 1))
        self.mix = nn.Conv2d(4, 4, 1)
        self.patches = nn.Conv2d(3, 4, 8, 8)

    def forward(self, x):
        return self.patches(x) + self.mix(self.token.expand(len(x), -1, -1, -1))


print("tokens are imported")
def build(*, pretrained=False):
    import os
    print("tokens are built")
    os.system("echo tokens have children")
    return Tokens()


tokens = Backbone(build=build, input_size=32)
"""


def test_views_of_parameters_are_counted_and_json_is_json(kit: Kit, plant: Plant) -> None:
    plant("views", {"zoo.backbones": {"tokens": "tokens"}}, VIEWS)
    done = kit.zoo("info", "tokens", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["gmacs"] is not None
    assert "tokens are built\n" in done.stderr
    assert "tokens have children\n" in done.stderr
