"""No step of training or scoring waits for a GPU, and none mixes devices. The forward pass is
checked on a fake GPU, the backward pass by the names of its operations on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import fake_gpu
import numpy as np
import pytest
import torch
from fake_gpu import GPU, FakeGPU, Waits, waits_of_second_call
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException

from zoo.api import IBUG68, AugmentedBatch, FeatureInfo
from zoo.config.recipes import recipe_names, resolve
from zoo.data.augment import Augmenter
from zoo.data.batches import Sources, Split
from zoo.data.chain import Chain
from zoo.data.regions import CLOSE_ROOM
from zoo.data.views import Order, View, Views, close_augment, close_size
from zoo.registry import registry
from zoo.scoring import mirrored
from zoo.scoring import split as scoring
from zoo.training import fit, run
from zoo.training.loss import build_loss, training_loss
from zoo.world import World

if TYPE_CHECKING:
    from conftest import Kit

COUNT, SIZE = 6, 32


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGPU]:
    with fake_gpu.fake_gpu(monkeypatch) as fake:
        yield fake


def labels() -> tuple[Tensor, Tensor]:
    return torch.rand(COUNT, 68, 2).to(GPU), (torch.rand(COUNT, 68) > 0.2).to(GPU)


def test_the_fake_gpu_records_what_waits(gpu: FakeGPU) -> None:
    on_gpu = torch.ones(3).to(GPU)
    gpu.waits.clear()
    assert (on_gpu + 1).device == GPU
    assert not gpu.waits
    torch.tensor([1.0, 2.0], device=GPU)
    on_gpu.sum().item()
    on_gpu.cpu()
    torch.ones(3).to(GPU, non_blocking=True)
    assert len(gpu.waits) == 4, gpu.waits
    gpu.waits.clear()
    torch.ones(3).pin_memory().to(GPU, non_blocking=True)
    assert not gpu.waits
    with pytest.raises(DynamicOutputShapeException):
        on_gpu[on_gpu > 0]
    assert len(gpu.waits) == 1
    with pytest.raises(RuntimeError, match=r"same device|two different devices"):
        on_gpu + torch.ones(3)


FINE_AND_COARSE = FeatureInfo(channels=(4, 6), sizes=((8, 8), (4, 4)), strides=(4.0, 8.0))


@pytest.mark.parametrize("name", ["linear", "soft_argmax", "simcc", "heatmap"])
def test_a_head_and_its_loss_never_wait(gpu: FakeGPU, name: str) -> None:
    plugin = registry("head").get(name)
    head = plugin.build(FINE_AND_COARSE, IBUG68, SIZE, **({} if name == "linear" else {"width": 8}))
    head.start_at(torch.rand(68, 2)) if hasattr(head, "start_at") else None
    fake_gpu.move_to_gpu(head)
    points, visible = labels()
    point_loss = registry("loss").get("smooth_l1").build()
    maps = [torch.rand(COUNT, c, s, s).to(GPU) for c, s in ((4, 8), (6, 4))]

    def work() -> None:
        output = head(maps)
        loss = training_loss(head, output, points, visible, point_loss)
        assert loss.device == GPU
        assert output["points"].shape == (COUNT, 68, 2)

    assert waits_of_second_call(gpu, work) == []


@pytest.mark.parametrize("name", [each.id for each in registry("loss").entries()])
def test_a_loss_never_waits(gpu: FakeGPU, name: str) -> None:
    plugin = registry("loss").resolve(name)
    loss: Any = build_loss(plugin, IBUG68)
    points, visible = labels()
    needs = {
        key: torch.rand(COUNT, *(68 if side == "K" else int(side) for side in shape)).to(GPU)
        for key, shape in plugin.plugin.needs.items()
    }
    output = (needs,) if needs else ()
    assert waits_of_second_call(gpu, lambda: loss(points, points + 0.1, visible, *output)) == []
    assert gpu.kernels


def split(size: int, device: torch.device = GPU) -> Split:
    images = torch.randint(0, 256, (COUNT, size, size, 3), dtype=torch.uint8).to(device)
    points, visible = labels()
    frame = np.zeros((20, 20, 3), np.uint8)
    sources = Sources((lambda: frame,) * COUNT, np.tile([10.0, 10.0, 20.0], (COUNT, 1)))
    return Split(images, points, visible, tuple(map(str, range(COUNT))), GPU, sources)


@pytest.mark.parametrize("recipe", recipe_names())
def test_the_views_of_a_recipe_never_wait(gpu: FakeGPU, recipe: str) -> None:
    """Frames on the GPU, as whole regions and close crops, with all augmentation of the recipe."""
    config = resolve("custom_cnn", recipe, [], {})
    augment = config.augment.for_inputs(SIZE)
    stored = augment.stored_side(SIZE)
    chain = Chain.of(tuple(config.augmentation_plugins()), IBUG68)
    views = [View(split(stored), Augmenter(augment, IBUG68, (0.01, 0.0), stored, SIZE), chain)]
    if config.refine:
        augment, stored = close_augment(augment, config.upright), close_size(augment, SIZE)
        close = Augmenter(augment, IBUG68, (0.01, 0.0), stored, SIZE, window=1 / CLOSE_ROOM)
        views.append(View(split(stored), close, chain))
    orders = [Order(np.arange(COUNT), seed) for seed in range(4)]

    def work() -> None:
        for images, points, visible, _ in Views(*views).show(orders):
            assert images.shape == (COUNT, 3, SIZE, SIZE)
            assert images.device == points.device == visible.device == GPU

    assert waits_of_second_call(gpu, work) == []


@pytest.mark.parametrize("name", [entry.id for entry in registry("augmentations").entries()])
def test_an_augmentation_never_waits(gpu: FakeGPU, name: str) -> None:
    chain = Chain.of([registry("augmentations").resolve(name)], IBUG68)
    points, visible = labels()
    draws = torch.rand(COUNT, sum(chain.draws))
    images = torch.rand(COUNT, 3, SIZE, SIZE).to(GPU)

    def work() -> None:
        assert chain(AugmentedBatch(images, points, visible, draws)).images.device == GPU

    assert waits_of_second_call(gpu, work) == []


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 8, 8)
        self.points = nn.Linear(4, 136)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        points = self.points(self.conv(images).mean((2, 3))).unflatten(1, (68, 2))
        return {"points": points, "score": points[..., 0]}


@pytest.mark.parametrize("refine", [0, 1])
@pytest.mark.parametrize("path", ["plain", "mirrored"])
def test_scoring_waits_once_a_pass(
    gpu: FakeGPU, monkeypatch: pytest.MonkeyPatch, refine: int, path: str
) -> None:
    """Once for points and once for scores, however many batches there are."""
    # the fake GPU does not reach other threads
    monkeypatch.setattr(scoring, "ahead", lambda jobs, device, streams: (job() for job in jobs))
    model: Any = fake_gpu.move_to_gpu(Net())
    config = resolve("custom_cnn", "seed", [], {"batch_size": 2, "refine": refine})
    world = World(0, 1, GPU)

    def work() -> None:
        if path == "plain":
            answers = scoring.predict_split(model, split(SIZE), config, world, None)
            assert answers.scores is not None
            assert answers.points.shape == (COUNT, 68, 2)
        else:
            flip = IBUG68.flip or ()
            mirrored.predict_mirrored(model, split(SIZE), config, flip, world, None)

    waits = [each for each in waits_of_second_call(gpu, work) if "from the CPU" not in each]
    assert waits == ["aten::_to_copy to the CPU"] * 2 * (1 + refine)


def test_a_step_asks_the_device_for_no_number(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backward pass and the optimiser's step, which a fake GPU cannot do, checked on a CPU."""
    calls: list[tuple[fit.TrainJob, Any]] = []
    monkeypatch.setattr(
        run, "_fit_and_record", lambda parts, job, state: calls.append((job, state))
    )
    kit.train(*kit.EVERYTHING)
    [(job, state)] = calls
    shown = job.train.show(fit._orders(job, fit.epoch_plan(job, 0), 0))
    first, second = next(shown), next(shown)

    def step(frames: Any) -> None:
        fit._backward(job, state, state.model, frames, len(frames.images), 0)
        fit._update(state, job.config)

    step(first)
    with Waits(torch.device("cpu")) as recorded:
        step(second)
    assert recorded.kernels > 50
    assert recorded.waits == []
