"""custom_cnn: its exact size, the inputs it takes, and that all of it is trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoo.api import IBUG68, FeatureInfo, UsageError, WeightsError
from zoo.plugins.backbones.custom_cnn import custom_cnn
from zoo.plugins.heads.linear import linear


def dropout_rates(network: nn.Module) -> list[float]:
    return [m.p for m in network.modules() if isinstance(m, nn.Dropout | nn.Dropout2d)]


def test_it_has_6984840_trainable_parameters_with_the_linear_head_on_68_points() -> None:
    backbone = custom_cnn.build()
    head = linear.build(FeatureInfo(channels=(256,)), IBUG68, custom_cnn.input_size)
    parameters = [*backbone.parameters(), *head.parameters()]
    assert sum(p.numel() for p in parameters if p.requires_grad) == 6_984_840


def test_its_layers_are_those_of_the_design() -> None:
    network = custom_cnn.build()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [32, 64, 128, 256, 512, 1024]
    assert all(m.kernel_size == (3, 3) and m.padding == (0, 0) for m in convolutions)
    assert all(m.bias is not None for m in convolutions)
    linears = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert [m.weight.shape for m in linears] == [(512, 1024), (256, 512)]
    assert dropout_rates(network) == [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.4]


@pytest.mark.parametrize("size", [190, 224, 253])
def test_it_gives_a_vector_of_256_at_every_size_it_takes(size: int) -> None:
    network = custom_cnn.build(input_size=size).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, size, size)).shape == (2, 256)


@pytest.mark.parametrize("size", [96, 189, 254])
def test_other_sizes_are_refused_with_the_sizes_it_takes(size: int) -> None:
    with pytest.raises(UsageError, match=rf"190 to 253 px only, not {size}"):
        custom_cnn.build(input_size=size)


def test_the_sizes_it_refuses_would_indeed_not_fit() -> None:
    network = custom_cnn.build().eval()
    for size in (189, 254):
        with torch.no_grad(), pytest.raises(RuntimeError):
            network(torch.zeros(1, 3, size, size))


def test_every_parameter_gets_a_gradient() -> None:
    network = custom_cnn.build(input_size=190)
    network(torch.randn(2, 3, 190, 190)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_dropout_scale_scales_every_rate() -> None:
    assert set(dropout_rates(custom_cnn.build(dropout_scale=0))) == {0}
    halved = dropout_rates(custom_cnn.build(dropout_scale=0.5))
    assert halved == pytest.approx([0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.2])
    with pytest.raises(UsageError, match="dropout_scale is 3"):
        custom_cnn.build(dropout_scale=3)


def test_pretrained_is_refused_because_no_weights_exist() -> None:
    assert custom_cnn.weights == ""
    with pytest.raises(WeightsError, match="no pretrained weights exist"):
        custom_cnn.build(pretrained=True)
