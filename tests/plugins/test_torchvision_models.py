"""resnet152 and vgg19: what they give, torchvision's own names and numbers, pretrained weights.

Shapes and names are read on torch's meta device, which computes nothing: the networks are heavy.
"""

from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from zoo.api import UsageError
from zoo.plugins.backbones import torchvision_models
from zoo.plugins.backbones.torchvision_models import resnet152, vgg19


def on_meta(build: Any, **options: Any) -> nn.Module:
    with torch.device("meta"):
        module: nn.Module = build(**options)
    return module


def shapes(network: nn.Module, size: int = 224) -> Any:
    out = network(torch.zeros(2, 3, size, size, device="meta"))
    return [tuple(m.shape) for m in out] if isinstance(out, list) else tuple(out.shape)


def names(network: nn.Module) -> set[str]:
    return set(network.state_dict())


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_resnet152_gives_the_coarsest_map() -> None:
    network = on_meta(resnet152.build)
    assert shapes(network) == (2, 2048, 7, 7)
    original = on_meta(torchvision.models.resnet152)
    assert names(original) - names(network) == {"fc.weight", "fc.bias"}
    assert names(network) < names(original)


def test_resnet152_gives_maps_from_fine_to_coarse_and_builds_no_more_than_these() -> None:
    network = on_meta(resnet152.build, out_indices=[3, 1])
    assert shapes(network) == [(2, 256, 56, 56), (2, 1024, 14, 14)]
    assert not any(name.startswith("layer4") for name in names(network))
    everything = on_meta(resnet152.build, out_indices=[0, 1, 2, 3, 4])
    assert [s[2] for s in shapes(everything)] == [112, 56, 28, 14, 7]
    assert count(everything) == count(on_meta(resnet152.build))


@pytest.mark.parametrize("out_indices", [[], [5], [-6]])
def test_resnet152_refuses_maps_that_it_has_not(out_indices: list[int]) -> None:
    with pytest.raises(UsageError, match="resnet152: out_indices"):
        resnet152.build(out_indices=out_indices)


def test_vgg19_keeps_the_4096_wide_classifier() -> None:
    network = on_meta(vgg19.build)
    assert shapes(network) == (2, 4096)
    original = on_meta(torchvision.models.vgg19_bn)
    assert names(original) - names(network) == {"classifier.6.weight", "classifier.6.bias"}
    assert names(network) < names(original)


def test_vgg19_without_its_classifier_gives_the_map_and_builds_no_more() -> None:
    network = on_meta(vgg19.build, classifier=False)
    assert shapes(network) == (2, 512, 7, 7)
    assert not any(name.startswith("classifier") for name in names(network))


@pytest.mark.parametrize("backbone", [resnet152, vgg19])
def test_small_inputs_work_down_to_32_px(backbone: Any) -> None:
    assert shapes(on_meta(backbone.build, input_size=32).eval(), 32)[0] == 2
    with pytest.raises(UsageError, match="32 px and more, not 31"):
        backbone.build(input_size=31)


@pytest.mark.parametrize("backbone", [resnet152, vgg19])
def test_every_parameter_gets_a_gradient(backbone: Any) -> None:
    network = on_meta(backbone.build)
    network(torch.zeros(2, 3, 64, 64, device="meta")).sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_pretrained_resnet152_gives_torchvisions_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    original = torchvision.models.resnet152().eval()
    requested = []

    def weights(which: Any) -> dict[str, torch.Tensor]:
        requested.append(which.url)
        state: dict[str, torch.Tensor] = original.state_dict()
        return state

    monkeypatch.setattr(torchvision_models, "_weights", weights)
    network = resnet152.build(pretrained=True).eval()
    assert requested == [resnet152.weights]
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        classes = original.fc(network(image).mean(dim=(2, 3)))
        torch.testing.assert_close(classes, original(image))


def test_weights_say_which_file_is_wanted() -> None:
    assert resnet152.weights.endswith("/resnet152-f82ba261.pth")
    assert vgg19.weights.endswith("/vgg19_bn-c79401a0.pth")


def test_pretrained_without_a_network_fails_as_the_library_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(urllib.error.URLError):
        resnet152.build(pretrained=True)
