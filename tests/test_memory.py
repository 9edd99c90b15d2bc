"""A network beyond the limit is refused before it takes memory; others stay as they were."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from zoo.api import IBUG68, UsageError
from zoo.limits import VARIABLE, memory_limit
from zoo.memory import bounded
from zoo.model import ModelPlan, build_model


def built(**options: Any) -> nn.Module:
    plan = ModelPlan.of("timm:test_vit", input_size=64, backbone_options=options)
    return build_model(plan, IBUG68).model


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"embed_dim": 10**9}, "GiB and more for one image"),
        ({"embed_dim": 192_000}, "GiB and more for one image"),
        ({"mlp_ratio": 1e6}, "GiB and more for one image"),
        ({"depth": 100_000}, "parameters come to more than 0.05 GiB"),
    ],
)
def test_a_network_of_giant_widths_or_depths_is_refused(
    options: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "0.05")
    with pytest.raises(UsageError, match=rf"timm:test_vit at 64 px: .*{reason}.*{VARIABLE}"):
        built(**options)


@pytest.mark.parametrize("size", [20_000, 10**12])
def test_a_giant_input_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match=rf"input of {size} px is beyond 2048 px"):
        build_model(ModelPlan.of("timm:test_resnet", input_size=size), IBUG68)


def test_the_same_network_comes_out_with_and_without_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    one = built()
    monkeypatch.setenv(VARIABLE, "1000")
    torch.manual_seed(0)
    other = built()
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


def test_what_is_alive_is_counted_and_what_is_gone_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0.01")  # ten MiB
    with bounded("it"):
        for _ in range(100):
            torch.ones(1 << 20)  # four MiB each, one after the other
    with pytest.raises(UsageError, match="it: it needs"), bounded("it"):
        _ = [torch.ones(1 << 20) for _ in range(3)]
    with pytest.raises(UsageError, match="it: it needs"), bounded("it"):
        torch.ones(10).repeat(10**7)


def test_attention_over_too_many_tokens_is_not_even_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    query = torch.empty(1, 1, 1 << 20, 64)
    with pytest.raises(UsageError, match="billion multiply-adds"), bounded("it"):
        nn.functional.scaled_dot_product_attention(query, query, query)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "much"])
def test_a_limit_that_is_no_positive_number_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(UsageError, match=f"{VARIABLE} = '{value}'"):
        memory_limit()
