"""The replacements of operations that ONNX lacks, against torch's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.prediction.rewording import InOtherWords, averaging, pool


def test_an_axis_by_hand() -> None:
    """Two cells to three: the first, both, the second. Five to two: cells 0 to 2 and 2 to 4."""
    torch.testing.assert_close(averaging(2, 3), torch.tensor([[1, 0], [0.5, 0.5], [0, 1]]))
    third = 1 / 3
    expected = torch.tensor([[third, third, third, 0, 0], [0, 0, third, third, third]])
    torch.testing.assert_close(averaging(5, 2), expected)


@pytest.mark.parametrize(
    ("rows", "columns", "size"),
    [(2, 2, 7), (3, 3, 7), (5, 8, (3, 7)), (14, 14, 7), (6, 4, (None, 3)), (7, 6, 1)],
)
def test_it_pools_as_torch_does(rows: int, columns: int, size: Any) -> None:
    maps = torch.randn(2, 5, rows, columns)
    torch.testing.assert_close(pool(maps, size), F.adaptive_avg_pool2d(maps, size))


@pytest.mark.parametrize(("cells", "replaced"), [(3, True), (14, False), (7, False)])
def test_only_what_onnx_cannot_say_is_replaced(cells: int, replaced: bool) -> None:
    layer = nn.AdaptiveAvgPool2d(7)
    maps = torch.randn(1, 2, cells, cells)
    with InOtherWords(5), torch.profiler.profile() as profile:
        pooled = layer(maps)
    torch.testing.assert_close(pooled, layer(maps))
    names = {event.key for event in profile.key_averages()}
    assert ("aten::matmul" in names) == replaced


def test_a_transpose_by_its_short_name() -> None:
    maps = torch.arange(6.0).reshape(1, 2, 3)
    with InOtherWords(5):
        turned = maps.mT
    torch.testing.assert_close(turned, maps.transpose(1, 2))


def test_sizes_that_do_not_follow_the_batch_are_numbers_in_the_graph(tmp_path: Path) -> None:
    """Such as paddings computed from a size: the graph holds them as constants."""

    class Padded(nn.Module):
        def forward(self, maps: Tensor) -> Tensor:
            padded = F.pad(maps, (0, -maps.shape[-1] % 4, 0, -maps.size(2) % 4))
            return padded.flatten(1).reshape(maps.shape[0], -1)

    with InOtherWords(5):
        torch.onnx.export(
            Padded(),
            (torch.zeros(5, 2, 6, 6),),
            tmp_path / "padded.onnx",
            dynamo=False,
            input_names=["maps"],
            dynamic_axes={"maps": {0: "N"}},
        )
    graph = onnx.load(tmp_path / "padded.onnx").graph
    shape_nodes = [node for node in graph.node if node.op_type == "Shape"]
    assert len(shape_nodes) == 1, "only the one for the batch, in the reshape"
    session = onnxruntime.InferenceSession(tmp_path / "padded.onnx")
    for count in (1, 3):
        [found] = session.run(None, {"maps": np.ones((count, 2, 6, 6), np.float32)})
        assert found.shape == (count, 2 * 8 * 8)
        assert found.sum() == count * 2 * 6 * 6
