"""The model: it measures any backbone, keeps a frozen one as it is, and loads weights from a file.

Other modules test pretrained weights.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo.api import (
    IBUG68,
    Backbone,
    FeatureInfo,
    PluginError,
    UsageError,
    WeightsError,
    generic_scheme,
)
from zoo.model import (
    BuiltModel,
    LandmarkModel,
    ModelPlan,
    build_model,
    count_gmacs,
    count_parameters,
    describe,
    probe,
)

if TYPE_CHECKING:
    from conftest import Plant

SCHEME = generic_scheme(5)


def build(backbone: str = "timm:test_resnet", **plan: Any) -> BuiltModel:
    torch.manual_seed(0)
    return build_model(ModelPlan.of(backbone, **{"input_size": 32} | plan), SCHEME)


class Emits(nn.Module):
    """A backbone that emits ``give(images)``."""

    def __init__(self, give: Any) -> None:
        super().__init__()
        self.give = give
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images: Tensor) -> Any:
        return self.give(self.norm(images))


def fine_and_coarse(images: Tensor) -> list[Tensor]:
    return [images[:, :2, ::4, ::4], images[:, :, ::16, ::8]]


@pytest.mark.parametrize(
    ("give", "expected"),
    [
        (lambda x: x.mean((2, 3)), FeatureInfo((3,))),
        (lambda x: x[:, :, ::8, ::8], FeatureInfo((3,), ((8, 8),), (8.0,))),
        (fine_and_coarse, FeatureInfo((2, 3), ((16, 16), (4, 8)), (4.0, 16.0))),
        (lambda x: tuple(fine_and_coarse(x)), FeatureInfo((2, 3), ((16, 16), (4, 8)), (4.0, 16.0))),
        (lambda x: x[:, :, :-1:9, :-1:9], FeatureInfo((3,), ((7, 7),), (64 / 7,))),
    ],
    ids=["vector", "map", "list", "tuple", "odd"],
)
def test_a_probe_measures_what_a_backbone_emits(give: Any, expected: FeatureInfo) -> None:
    info = probe(Emits(give), 64, "x")
    assert info == expected
    assert info.is_vector == (expected.sizes == ())


@pytest.mark.parametrize(
    ("give", "shape"),
    [
        (lambda x: x.mean(), r"\(\)"),
        (lambda x: x.mean((1, 2, 3)), r"\(1,\)"),
        (lambda x: x.flatten(2), r"\(1, 3, 1024\)"),
        (lambda x: x[None], r"\(1, 1, 3, 32, 32\)"),
        (lambda x: [], "list"),
        (lambda x: [x, x.mean((2, 3))], "list"),
        (lambda x: [x, None], "list"),
        (lambda x: {"out": x}, "dict"),
        (lambda x: None, "NoneType"),
    ],
    ids=["scalar", "1-D", "tokens", "5-D", "no maps", "mixed", "none in a list", "dict", "none"],
)
def test_a_backbone_that_emits_anything_else_is_refused(give: Any, shape: str) -> None:
    with pytest.raises(PluginError, match=f"mine: emits {shape}, not .*list of maps"):
        probe(Emits(give), 32, "mine")


def test_a_backbone_that_fails_is_named_with_the_size() -> None:
    def fail(_: Tensor) -> None:
        raise RuntimeError("shapes cannot\n be multiplied")

    with pytest.raises(PluginError) as caught:
        probe(Emits(fail), 48, "mine")
    message = str(caught.value)
    assert message.startswith("mine: fails on an input of 48 px: RuntimeError: shapes cannot be")
    assert "\n" not in message


def test_a_probe_leaves_modes_and_statistics_alone() -> None:
    network = nn.Sequential(Emits(lambda x: x), nn.Dropout())
    network[1].eval()
    modes = [module.training for module in network.modules()]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    probe(network, 32, "x")
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(before[n], t) for n, t in network.state_dict().items())


def test_images_are_normalised_before_the_backbone() -> None:
    inputs: list[Tensor] = []

    def give(images: Tensor) -> Tensor:
        inputs.append(images)
        return images.mean((2, 3))

    backbone = Emits(give)
    backbone.norm = nn.Identity()  # type: ignore[assignment]
    spec = Backbone(build=Emits, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.2))
    model = LandmarkModel(backbone, nn.Identity(), spec, freeze=False)
    images = torch.rand(2, 3, 8, 8)
    model(images)
    expected = (images - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor(
        [0.5, 0.25, 0.2]
    ).view(3, 1, 1)
    torch.testing.assert_close(inputs[0], expected)
    # mean and std are facts of the backbone, not weights of the run
    assert "mean" not in model.state_dict()


@pytest.mark.parametrize(
    ("channels", "size", "stride", "last"),
    [(3, 1, 2, False), (15, 1, 2, False), (16, 1, 2, True), (3, 1, 1, True), (3, 3, 2, True)],
)
def test_channels_come_last_except_where_onednn_would_spoil_a_gradient(
    channels: int, size: int, stride: int, last: bool
) -> None:
    inputs: list[Tensor] = []

    class Strided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.widen = nn.Conv2d(3, channels, 3)
            self.conv = nn.Conv2d(channels, 32, size, stride=stride)

        def forward(self, images: Tensor) -> Tensor:
            inputs.append(self.widen(images))
            return cast(Tensor, self.conv(inputs[-1])).mean((2, 3))

    backbone = Strided()
    model = LandmarkModel(backbone, nn.Identity(), Backbone(build=Strided), freeze=False)
    features = model(torch.rand(2, 3, 32, 32))
    assert inputs[0].is_contiguous(memory_format=torch.channels_last) is last
    features.square().sum().backward()
    gradient = backbone.conv.weight.grad
    weight = backbone.conv.weight.detach().contiguous().requires_grad_()
    reference = F.conv2d(inputs[0].detach().contiguous(), weight, backbone.conv.bias, stride=stride)
    reference.mean((2, 3)).square().sum().backward()
    torch.testing.assert_close(gradient, weight.grad)


def test_a_model_gives_points_of_the_scheme() -> None:
    built = build()
    assert built.input_size == 32
    assert built.weights == "none"
    assert built.model.training
    assert built.model(torch.rand(2, 3, 32, 32))["points"].shape == (2, 5, 2)


def test_the_input_size_is_the_backbones_own_unless_another_is_named() -> None:
    assert build(input_size=0).input_size == 160
    assert build(input_size=64).input_size == 64


def test_random_weights_come_from_the_seed() -> None:
    one, two = build().model.state_dict(), build().model.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    torch.manual_seed(1)
    other = build_model(ModelPlan.of("timm:test_resnet", input_size=32), SCHEME).model.state_dict()
    assert not torch.equal(one["head.linear.weight"], other["head.linear.weight"])


def statistics(model: nn.Module) -> dict[str, Tensor]:
    return {n: t.clone() for n, t in model.state_dict().items() if "running_" in n}


@pytest.mark.parametrize("freeze", [True, False])
def test_batch_norms_of_a_frozen_backbone_do_not_drift(freeze: bool) -> None:
    model = build(freeze=freeze).model
    before = statistics(model)
    assert before
    model.eval()
    model.train()
    for _ in range(3):
        model(torch.rand(4, 3, 32, 32))
    after = statistics(model)
    same = [torch.equal(before[name], after[name]) for name in before]
    assert all(same) if freeze else not any(same)
    assert model.head.training
    assert model.backbone.training is not freeze


def test_a_frozen_backbone_trains_the_head_alone() -> None:
    frozen, free = build(freeze=True).model, build().model
    total, all_trainable = count_parameters(free)
    assert total == all_trainable
    assert count_parameters(frozen) == (
        total,
        sum(p.numel() for p in frozen.head.parameters()),
    )
    frozen(torch.rand(2, 3, 32, 32))["points"].sum().backward()
    assert all(p.grad is None for p in frozen.backbone.parameters())
    assert all(p.grad is not None for p in frozen.head.parameters())


def test_an_unfrozen_backbone_trains_what_it_would_have_trained_and_no_more() -> None:
    """The backbone itself keeps one of its parameters frozen."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    backbone[0].bias.requires_grad_(False)
    spec = Backbone(build=nn.Sequential)
    model = LandmarkModel(backbone, nn.Linear(4 * 36, 10), spec, freeze=True).train()
    assert model.resting == ("0.weight", "1.weight", "1.bias")
    model.eval()
    model.unfreeze()
    assert not model.backbone.training, "it is trained once the model is"
    model.train()
    assert model.backbone[1].training
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained == [
        "backbone.0.weight",
        "backbone.1.weight",
        "backbone.1.bias",
        "head.weight",
        "head.bias",
    ]
    model(torch.rand(2, 3, 8, 8)).sum().backward()
    assert model.backbone[0].weight.grad is not None
    assert model.backbone[0].bias.grad is None
    before = [p.requires_grad for p in model.parameters()]
    model.unfreeze()
    assert [p.requires_grad for p in model.parameters()] == before


def test_multiply_adds_by_hand() -> None:
    """One 3 x 3 convolution of 3 to 4 channels on 6 x 6 places, and a 4-wide linear layer."""
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    spec = Backbone(build=nn.Sequential)
    model = LandmarkModel(backbone, nn.Linear(4, 10), spec, freeze=False).train()
    assert count_gmacs(model, 8) == pytest.approx((36 * 27 * 4 + 40) / 1e9)
    assert model.training


def test_a_description_is_of_the_whole_model() -> None:
    facts = describe("timm:test_resnet")
    model = build_model(ModelPlan.of("timm:test_resnet"), IBUG68).model
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    assert facts["input_size"] == 160
    assert facts["gmacs"] > 0


def test_unknown_options_are_refused_by_name() -> None:
    with pytest.raises(
        UsageError, match=r"head landmark-zoo/linear: .*'stride'; its options are none"
    ):
        build(head_options={"stride": 4})
    with pytest.raises(
        UsageError, match=r"backbone landmark-zoo/vgg19: .*'depth'; .*backbone\.dropout"
    ):
        build("vgg19", backbone_options={"depth": 4})
    with pytest.raises(UsageError, match=r"timm:test_resnet: backbone\.colour is no option"):
        build(backbone_options={"colour": 4})


PLANTED = """
from torch import nn
from zoo.api import Backbone, Head

def raises(*, pretrained=False):
    raise KeyError("no such layer")

def number(*, pretrained=False):
    return 3

def scalar(*, pretrained=False):
    class Scalar(nn.Module):
        def forward(self, x):
            return x.mean()
    return Scalar()

def sized(*, pretrained=False, input_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * input_size**2, 4))

def bad_head(features, scheme, input_size):
    raise ValueError("no maps\\nhere")

raises, number, scalar, sized = map(Backbone, (raises, number, scalar, sized))
bad_head = Head(build=bad_head)
"""


@pytest.fixture
def planted(plant: Plant) -> None:
    names = ("raises", "number", "scalar", "sized")
    plugins = {"zoo.backbones": {n: n for n in names}, "zoo.heads": {"bad_head": "bad_head"}}
    plant("Odd-Plugins", plugins, PLANTED)


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            {"backbone": "raises"},
            "backbone raises of Odd-Plugins 1.0 cannot be built: KeyError: 'no such layer'. ",
        ),
        (
            {"backbone": "number"},
            "backbone Odd-Plugins/number: build gave a int, not a torch module",
        ),
        (
            {"backbone": "scalar"},
            "Odd-Plugins/scalar: emits (), not (B, C), (B, C, h, w) or a list",
        ),
        (
            {"head": "bad_head"},
            "head bad_head of Odd-Plugins 1.0 cannot be built: ValueError: no maps here. ",
        ),
    ],
)
def test_a_plugin_that_breaks_its_contract_is_named_in_one_line(
    plan: dict[str, str], message: str
) -> None:
    with pytest.raises(PluginError) as caught:
        build(**plan)
    assert str(caught.value).startswith(message)


@pytest.mark.usefixtures("planted")
def test_a_backbone_that_names_an_input_size_is_given_it() -> None:
    assert build("sized", input_size=20).model(torch.rand(1, 3, 20, 20))["points"].shape[1] == 5


def test_weights_from_a_file_fill_the_backbone_and_are_recorded(tmp_path: Path) -> None:
    donor = timm.create_model("test_resnet")
    path = tmp_path / "donor.safetensors"
    save_file(donor.state_dict(), path)
    built = build(weights=str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert built.weights == f"file: donor.safetensors sha256: {digest}"
    assert set(built.ignored) == {n for n in donor.state_dict() if n.startswith(("fc.", "head."))}
    for name, tensor in built.model.backbone.state_dict().items():
        assert torch.equal(tensor, donor.state_dict()[name])


def test_the_best_weights_of_a_run_are_a_start_for_another(tmp_path: Path) -> None:
    first = build().model
    save_file(
        {n: t.contiguous() for n, t in first.state_dict().items()}, tmp_path / "best.safetensors"
    )
    built = build(weights=str(tmp_path / "best.safetensors"))
    assert set(built.ignored) == {"head.linear.weight", "head.linear.bias"}
    for name, tensor in built.model.backbone.state_dict().items():
        assert torch.equal(tensor, first.backbone.state_dict()[name])


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "vit.safetensors")
    with pytest.raises(WeightsError, match=r"vit.safetensors: lacks \d+ of the backbone's"):
        build(weights=str(tmp_path / "vit.safetensors"))


def test_a_plan_without_start_asks_for_no_weights_and_no_freezing() -> None:
    plan = ModelPlan.of(
        "timm:test_resnet", pretrained=True, weights="x", freeze=True, input_size=32
    )
    bare = plan.without_start()
    assert (bare.pretrained, bare.weights, bare.freeze) == (False, "", False)
    assert (bare.backbone, bare.input_size) == (plan.backbone, plan.input_size)
