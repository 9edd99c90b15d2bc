"""One architecture of every module of timm: described by `zoo info`, and trained for one step.

`make families` tests all of them, which takes a quarter of an hour. `make test` tests those whose
class tokens are views of parameters, on which torch's counter of multiply-adds once failed.
"""

from __future__ import annotations

import math

import pytest
import timm
import torch

from zoo.api import IBUG68
from zoo.model import ModelPlan, build_model, describe
from zoo.registry import registry
from zoo.training.loss import Criterion, build_loss
from zoo.training.rehearsal import rehearse

SMALL = ("test", "atto", "femto", "pico", "nano", "xxs", "xxt", "xs", "tiny", "mini", "small", "_s")
"""Parts of names, of the smallest networks first."""

VIEWS = ("pit",)


def smallest(module: str) -> str:
    names = timm.list_models(module=module)

    def rank(name: str) -> tuple[int, int, str]:
        size = next((i for i, part in enumerate(SMALL) if part in name), len(SMALL))
        return size, len(name), name

    return min(names, key=rank, default="")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    full = metafunc.config.getoption("--conformance") == "full"
    modules = [m for m in timm.list_modules() if smallest(m)] if full else VIEWS
    metafunc.parametrize("module", modules)


@pytest.mark.slow
def test_a_module_of_timm_is_described_and_takes_a_step(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_MAX_GIB", "12")  # the smallest of some are large
    name = f"timm:{smallest(module)}"
    built = build_model(ModelPlan.of(name), IBUG68)
    figure = describe(name)["gmacs"]
    assert figure is not None
    assert math.isfinite(figure)
    smooth_l1 = registry("loss").resolve("smooth_l1")
    loss = build_loss(smooth_l1, IBUG68)
    criterion = Criterion(registry("head").locate("linear"), smooth_l1.entry, loss)
    torch.manual_seed(0)
    found = rehearse(built.model, criterion, len(IBUG68), built.input_size)
    assert found.uses_loss
