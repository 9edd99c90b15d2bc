"""Learning rates of the parts of a network, checked by hand."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from zoo.api import Backbone, UsageError
from zoo.config import Config
from zoo.model import LandmarkModel
from zoo.training import run
from zoo.training.optim import Schedule, blocks_of, make_optimizer, rate_factors
from zoo.training.state import TrainState

if TYPE_CHECKING:
    from conftest import Kit


def network(**children: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(children))


def three_blocks() -> nn.Sequential:
    """A stem, a layer without parameters, a block of two, and a last block."""
    return network(
        stem=nn.Conv2d(3, 4, 3),
        pool=nn.MaxPool2d(2),
        middle=nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)),
        last=nn.Linear(4, 4),
    )


def landmark_model(backbone: nn.Module, freeze: bool = False) -> LandmarkModel:
    return LandmarkModel(backbone, nn.Linear(4, 10), Backbone(build=three_blocks), freeze)


def config(**keys: Any) -> Config:
    return Config("x", **({"lr": 0.1, "weight_decay": 0.5} | keys))


def test_top_level_children_with_parameters_are_blocks_in_their_order() -> None:
    assert blocks_of(three_blocks()) == {
        "stem.weight": 0,
        "stem.bias": 0,
        "middle.0.weight": 1,
        "middle.0.bias": 1,
        "middle.1.weight": 1,
        "middle.1.bias": 1,
        "last.weight": 2,
        "last.bias": 2,
    }


def test_an_only_child_is_looked_into_and_loose_parameters_are_the_stems() -> None:
    wrapped = network(net=three_blocks())
    assert blocks_of(wrapped) == {f"net.{n}": k for n, k in blocks_of(three_blocks()).items()}
    loose = network(first=nn.Linear(2, 2), second=nn.Linear(2, 2))
    loose.token = nn.Parameter(torch.zeros(2))
    assert blocks_of(loose)["token"] == 0
    assert blocks_of(loose)["second.bias"] == 1
    lone = network(only=nn.Linear(2, 2))
    lone.token = nn.Parameter(torch.zeros(2))
    assert blocks_of(lone) == {"token": 0, "only.weight": 0, "only.bias": 0}


def test_a_model_of_timm_says_itself_what_its_blocks_are() -> None:
    transformer = timm.create_model("test_vit", num_classes=0)
    depth = len(transformer.blocks)
    numbers = blocks_of(network(net=transformer))
    assert numbers["net.cls_token"] == numbers["net.patch_embed.proj.weight"] == 0
    for number in range(depth):
        assert numbers[f"net.blocks.{number}.attn.qkv.weight"] == 1 + number


def test_rates_fall_block_by_block_from_the_head_to_the_stem(kit: Kit) -> None:
    model = landmark_model(three_blocks())
    keys = config(backbone_lr_factor=0.5, layer_decay=0.8)
    factors = rate_factors(model, keys, started=True, reporter=kit.watcher)
    assert kit.watcher.notes == []
    assert factors["head.weight"] == factors["head.bias"] == 1.0
    assert factors["backbone.last.weight"] == pytest.approx(0.5 * 0.8)
    assert factors["backbone.middle.1.bias"] == pytest.approx(0.5 * 0.8**2)
    assert factors["backbone.stem.weight"] == pytest.approx(0.5 * 0.8**3)

    optimizer = make_optimizer(model, keys, factors)
    rate_of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    decay_of = {
        id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]
    }
    for name, parameter in model.named_parameters():
        assert rate_of[id(parameter)] == pytest.approx(0.1 * factors[name]), name
        assert decay_of[id(parameter)] == (0.5 if parameter.ndim > 1 else 0.0), name


def test_schedules_keep_the_rates_in_proportion(kit: Kit) -> None:
    model = landmark_model(three_blocks())
    keys = config(backbone_lr_factor=0.5, scheduler="cosine", warmup_epochs=1.0, epochs=5)
    optimizer = make_optimizer(
        model, keys, rate_factors(model, keys, started=True, reporter=kit.watcher)
    )
    schedule = Schedule(optimizer, keys, steps_an_epoch=10)
    for step, factor in ((0, 0.1), (9, 1.0), (30, 0.5)):
        schedule.before_step(step)
        assert schedule.rate == pytest.approx(0.1 * factor), "the head's is reported"
        assert {round(g["lr"] / schedule.rate, 6) for g in optimizer.param_groups} == {1.0, 0.5}


def test_a_plateau_lowers_each_rate_to_its_own_minimum(kit: Kit) -> None:
    model = landmark_model(three_blocks())
    keys = config(backbone_lr_factor=0.1)
    optimizer = make_optimizer(
        model, keys, rate_factors(model, keys, started=True, reporter=kit.watcher)
    )
    schedule = Schedule(optimizer, keys, steps_an_epoch=10)
    schedule.before_step(0)
    for epoch in range(1, 200):
        schedule.after_epoch(epoch, val_loss=1.0)
    minima = {round(g["lr"], 9) for g in optimizer.param_groups}
    assert minima == {1e-5, 1e-6}


def test_factors_of_one_make_the_two_groups_of_earlier_versions(kit: Kit) -> None:
    """The state of an older run fits an optimiser with its parameters in the same order."""
    model = landmark_model(three_blocks())
    factors = rate_factors(model, config(), started=True, reporter=kit.watcher)
    groups = make_optimizer(model, config(), factors).param_groups
    parameters = list(model.parameters())
    assert [list(map(id, group["params"])) for group in groups] == [
        [id(p) for p in parameters if p.ndim > 1],
        [id(p) for p in parameters if p.ndim <= 1],
    ]
    assert [group["initial_lr"] for group in groups] == [0.1, 0.1]


def test_keys_without_effect_are_reported(kit: Kit) -> None:
    model = landmark_model(three_blocks())
    keys = config(backbone_lr_factor=0.5, layer_decay=0.9)
    random = rate_factors(model, keys, started=False, reporter=kit.watcher)
    assert set(random.values()) == {1.0}
    [note] = kit.watcher.notes
    assert note.startswith(
        "backbone_lr_factor and layer_decay: no effect, the backbone starts from random"
    )
    kit.watcher.notes.clear()
    rate_factors(model, config(layer_decay=0.9, freeze=True), True, kit.watcher)
    assert kit.watcher.notes == ["layer_decay: no effect, the backbone is frozen"]


def groups_of(kit: Kit, monkeypatch: pytest.MonkeyPatch, *sets: str, **flags: Any) -> list[float]:
    """The rates of a real run's groups, before its first step."""
    states: list[TrainState] = []

    class Enough(Exception):  # noqa: N818 - no error: the run has come far enough
        pass

    def stop(job: object, state: TrainState) -> None:
        states.append(state)
        raise Enough

    with monkeypatch.context() as patch:
        patch.setattr(run, "fit", stop)
        with pytest.raises(Enough):
            kit.train(*sets, **flags)
    return [group["initial_lr"] for group in states[0].optimizer.param_groups]


def test_a_run_applies_the_keys_only_where_it_starts_from_weights(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = ("backbone_lr_factor=0.1",)
    assert set(groups_of(kit, monkeypatch, *sets, lr=0.5)) == {0.5}
    assert any("backbone_lr_factor: no effect" in note for note in kit.watcher.notes)
    kit.watcher.notes.clear()

    folder = kit.train(epochs=1, out="first")
    weights = {
        name.removeprefix("backbone."): tensor
        for name, tensor in run.load_trained(folder).model.state_dict().items()
        if name.startswith("backbone.")
    }
    save_file({n: t.contiguous() for n, t in weights.items()}, kit.out / "weights.safetensors")
    rates = groups_of(kit, monkeypatch, *sets, lr=0.5, weights=str(kit.out / "weights.safetensors"))
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.05])
    assert kit.watcher.notes == []


def test_a_run_with_rates_of_its_parts_resumes_to_the_bit(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = kit.train(epochs=1, out="first").best
    sets = (*kit.EVERYTHING, "backbone_lr_factor=0.1", "layer_decay=0.7")
    flags: dict[str, Any] = {"epochs": 4, "lr": kit.RATE, "weights": str(start)}
    uninterrupted = kit.train(*sets, **flags)
    monkeypatch.setenv("TINY_AT", "13 die")
    with pytest.raises(KeyboardInterrupt):
        kit.train(*sets, **flags, out="died")
    monkeypatch.delenv("TINY_AT")
    died = kit.only_run("died")
    run.resume(died)
    assert kit.outcome(died) == kit.outcome(uninterrupted.path)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("backbone_lr_factor=0", "backbone_lr_factor = 0.0: must be above 0"),
        ("layer_decay=0", "layer_decay = 0.0: must be above 0 and at most 1"),
        ("layer_decay=1.1", "layer_decay = 1.1: must be above 0 and at most 1"),
    ],
)
def test_factors_out_of_range_are_refused(kit: Kit, key: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        kit.config(key)
