"""What a step does to the weights, checked against the same worked by hand."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from zoo.api import IBUG68
from zoo.geometry import to_landmark_units
from zoo.model import ModelPlan, build_model
from zoo.runs.trained import load_trained
from zoo.tensors import load_tensors
from zoo.training import fit, optim, run

if TYPE_CHECKING:
    from conftest import Kit

STILL = ("augment.resize=32", "augment.crop=false", "augment.blur=0", "augment.grey=0")
STILL += ("augment.brightness=0", "augment.contrast=0")
"""No augmentation."""


def weights(kit: Kit, *sets: str, out: str, **flags: Any) -> dict[str, torch.Tensor]:
    folder = kit.train(*kit.PLAIN, *sets, out=out, **flags)
    tensors, _ = load_tensors(folder.state)
    return {name: t for name, t in tensors.items() if name.startswith("model/")}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_two_accumulated_batches_are_one_of_twice_the_size(kit: Kit, optimizer: str) -> None:
    """The draws of a frame's augmentation depend on its batch, so there is none here."""
    sets = (*STILL, f"optimizer={optimizer}")
    whole = weights(kit, *sets, out="whole", batch_size=16)
    parts = weights(kit, *sets, "accumulate=2", out="parts", batch_size=8)
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-4, atol=1e-5)
    a, b = (kit.history(kit.only_run(out)) for out in ("whole", "parts"))
    assert [row["step"] for row in a] == [row["step"] for row in b] == [3, 6]
    for key in ("train_loss", "val_loss", "val_nme"):
        assert [row[key] for row in a] == pytest.approx([row[key] for row in b], rel=1e-4)


def test_a_step_is_the_gradient_of_the_mean_over_all_its_frames(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One SGD step by hand, from the loss in landmark units; batches of 8, 8, 8, 8 and 4."""
    sets = (*kit.PLAIN, *STILL, "optimizer=sgd", "accumulate=5")
    jobs: list[tuple[fit.TrainJob, nn.Module]] = []
    real = fit.fit

    def spy(job: fit.TrainJob, state: Any) -> None:
        jobs.append((job, copy.deepcopy(state.model)))
        real(job, state)

    monkeypatch.setattr(run, "fit", spy)
    trained = load_tensors(kit.train(*sets, epochs=1, lr=0.1).state)[0]
    [(job, model)] = jobs
    train = job.train.whole.split
    images = train.images.permute(0, 3, 1, 2).float() / 255
    output = model(images)["points"]
    loss = nn.functional.smooth_l1_loss(
        to_landmark_units(output), to_landmark_units(train.points), reduction="mean"
    )
    loss.backward()
    for name, parameter in model.named_parameters():
        # the first step with Nesterov momentum m moves by (1 + m) times the gradient
        expected = parameter.detach() - 0.1 * (1 + optim.MOMENTUM) * parameter.grad
        torch.testing.assert_close(trained[f"model/{name}"], expected, rtol=1e-4, atol=1e-6)
    [row] = kit.watcher.rows
    assert row["train_loss"] == pytest.approx(loss.item(), rel=1e-5)


def test_the_applied_gradient_has_the_norm_asked_for(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms: list[tuple[float, float]] = []
    real = fit._update

    def norm(state: Any) -> float:
        grads = [p.grad for p in state.model.parameters()]
        return math.sqrt(sum(float(g.square().sum()) for g in grads))

    def spy(state: Any, config: Any) -> None:
        before, zero = norm(state), state.optimizer.zero_grad
        after: list[float] = []
        state.optimizer.zero_grad = lambda **kw: (after.append(norm(state)), zero(**kw))
        real(state, config)
        state.optimizer.zero_grad = zero
        norms.append((before, after[0]))

    monkeypatch.setattr(fit, "_update", spy)
    limit = 0.05
    kit.train(f"clip_grad={limit}", "accumulate=2")
    assert any(before > limit for before, _ in norms), "or nothing was clipped"
    for before, after in norms:
        assert after == pytest.approx(min(before, limit), rel=1e-3)


def schedule(steps: int = 4, **changes: Any) -> optim.Schedule:
    values = {"scheduler": "plateau", "warmup_epochs": 0.0, "epochs": 3, **changes}
    plateau = SimpleNamespace(factor=0.5, patience=1, min_lr=0.15)
    config = SimpleNamespace(**values, plateau=plateau)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(2))], 0.8)
    for group in optimizer.param_groups:
        group["initial_lr"] = 0.8
    return optim.Schedule(optimizer, config, steps)  # type: ignore[arg-type]


def rates(made: optim.Schedule, epochs: int, steps: int, losses: list[float]) -> list[float]:
    seen = []
    for epoch in range(epochs):
        for step in range(steps):
            made.before_step(epoch * steps + step)
            seen.append(made.rate)
        made.after_epoch(epoch + 1, losses[epoch])
    return seen


def test_warm_up_rises_in_equal_steps_and_the_cosine_falls_to_nothing() -> None:
    seen = rates(schedule(scheduler="cosine", warmup_epochs=1.0), 3, 4, [1.0] * 3)
    assert seen[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert seen[4:] == pytest.approx([0.4 * (1 + math.cos(math.pi * i / 8)) for i in range(8)])


def test_no_schedule_is_a_constant_rate() -> None:
    assert rates(schedule(scheduler="none"), 3, 4, [1.0] * 3) == [0.8] * 12
    half = rates(schedule(scheduler="none", warmup_epochs=0.5), 3, 4, [1.0] * 3)
    assert half == pytest.approx([0.4, *[0.8] * 11])


def test_the_plateau_lowers_the_rate_once_the_loss_stood_for_longer_than_its_patience() -> None:
    losses = [1.0, 1.1, 0.9, 1.0, 0.9, 0.95, 0.93, 0.91, 0.92, 0.94]
    seen = rates(schedule(), 10, 2, losses)
    # epochs 4 and 5 are no better than epoch 3, then 6 and 7, then 8 and 9; never below min_lr
    by_epoch = [0.8] * 5 + [0.4] * 2 + [0.2] * 2 + [0.15]
    assert seen == pytest.approx([rate for rate in by_epoch for _ in range(2)])


def test_the_plateau_does_not_count_epochs_of_the_warm_up() -> None:
    seen = rates(schedule(2, warmup_epochs=2.0), 6, 2, [1.0, 2.0, 3.0, 3.5, 3.6, 3.7])
    # the losses of epochs 1 and 2 do not count: 4 and 5 are the two that are no better than 3
    assert seen == pytest.approx([0.2, 0.4, 0.6, *[0.8] * 7, 0.4, 0.4])


def test_the_history_holds_the_rates_of_the_schedule(kit: Kit) -> None:
    sets = ("scheduler=cosine", "warmup_epochs=0.6")
    rows = kit.history(kit.train(*sets, epochs=3, lr=0.01).path)
    # 5 steps an epoch, 3 of them warm up; a row holds the rate of its epoch's last step
    by_hand = [0.005 * (1 + math.cos(math.pi * (step - 3) / 12)) for step in (4, 9, 14)]
    assert [row["lr"] for row in rows] == pytest.approx(by_hand)


def test_biases_and_norms_are_not_decayed(kit: Kit) -> None:
    config = kit.config("optimizer=adamw", "weight_decay=0.3")
    model = build_model(ModelPlan.of("tiny", input_size=32), IBUG68).model
    optimizer = optim.make_optimizer(model, config)
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    decayed = {name for name, p in model.named_parameters() if decay[id(p)] == 0.3}
    others = {name for name, p in model.named_parameters() if decay[id(p)] == 0.0}
    assert decayed == {"backbone.conv.weight", "backbone.wide.weight", "head.linear.weight"}
    assert {"backbone.norm.weight", "backbone.norm.bias", "head.linear.bias"} <= others
    assert len(decayed) + len(others) == len(decay) == len(list(model.parameters()))


def test_the_average_is_the_loop_by_hand_and_copies_batch_norms_statistics(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    averages: dict[str, torch.Tensor] = {}
    real = fit._update

    def spy(state: Any, config: Any) -> None:
        step = state.progress.step
        if step == 0:
            averages.update({n: p.detach().clone() for n, p in state.model.named_parameters()})
        real(state, config)
        decay = min(0.5, (1 + step) / (10 + step))
        for name, parameter in state.model.named_parameters():
            averages[name] = decay * averages[name] + (1 - decay) * parameter.detach()

    monkeypatch.setattr(fit, "_update", spy)
    folder = kit.train("ema=0.5", epochs=3)
    assert (1 + 14) / (10 + 14) > 0.5, "the last of 15 steps is past the warm-up"
    state, _ = load_tensors(folder.state)
    for name, expected in averages.items():
        torch.testing.assert_close(state[f"average/{name}"], expected, rtol=1e-5, atol=1e-6)
        assert not torch.equal(state[f"average/{name}"], state[f"model/{name}"])
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        key = f"backbone.norm.{name}"
        assert torch.equal(state[f"average/{key}"], state[f"model/{key}"])


def test_the_average_is_what_is_validated_and_kept(kit: Kit) -> None:
    folder = kit.train("ema=0.9", epochs=1, lr=0.01)
    best, _ = load_tensors(folder.best)
    state, _ = load_tensors(folder.state)
    for name, tensor in best.items():
        assert torch.equal(tensor, state[f"average/{name}"])
    assert any(not torch.equal(t, state[f"model/{n}"]) for n, t in best.items())


def test_a_frozen_backbone_keeps_weights_and_statistics_and_the_head_learns(kit: Kit) -> None:
    start = kit.train(epochs=1, lr=0.01)
    folder = kit.train(freeze=True, weights=str(start.best), epochs=2, out="frozen")
    before, after = (load_trained(each).model.state_dict() for each in (start, folder))
    for name, tensor in before.items():
        if name.startswith("backbone."):
            assert torch.equal(tensor, after[name]), name
        else:
            assert not torch.equal(tensor, after[name]), name


def test_weights_of_another_run_are_where_its_backbone_starts(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kit.train(epochs=1)
    starts: list[dict[str, torch.Tensor]] = []
    real = fit.fit

    def spy(job: fit.TrainJob, state: Any) -> None:
        starts.append(copy.deepcopy(state.model.state_dict()))
        real(job, state)

    monkeypatch.setattr(run, "fit", spy)
    kit.train(weights=str(first.best), seed=5, out="second")
    best, _ = load_tensors(first.best)
    shared = [name for name in best if name.startswith("backbone.")]
    assert len(shared) >= 6
    for name in shared:
        assert torch.equal(starts[0][name], best[name]), name
    assert any("the backbone whole; of the head" in note for note in kit.watcher.notes)
