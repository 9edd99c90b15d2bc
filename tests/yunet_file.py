"""A network with YuNet's outputs that detects one known patch of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CELL = 32
FACE = 192.0
"""The side of the box that it gives, in pixels."""


def write(path: Path, patch: NDArray[np.uint8]) -> Path:
    """Write an ONNX file that detects a face of ``FACE`` pixels where a cell of the coarsest map,
    aligned to its stride, holds ``patch`` (32, 32, 3) RGB. The finer maps never detect one."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    template = patch[..., ::-1].astype(np.float32).transpose(2, 0, 1)  # the input is BGR
    template -= template.mean()
    strength = float((template**2).sum())
    weights: dict[str, NDArray[Any]] = {
        "match": (8 * template / strength)[None],  # 8 on the patch itself
        "doubt": np.array([-6.0], np.float32),
        "nothing": np.zeros((1, 3, 8, 8), np.float32),
        "nothing4": np.zeros((4, 3, 8, 8), np.float32),
        "nothing10": np.zeros((10, 3, 8, 8), np.float32),
        "never": np.array([-20.0], np.float32),
        "box": np.array([0.5, 0.5, *np.log([FACE / CELL] * 2)], np.float32),
        "marks": np.zeros(10, np.float32),
    }
    nodes, outputs = [], []
    for stride in (8, 16, 32):
        here = stride == CELL
        for name, weight, bias, channels in (
            ("cls", "match" if here else "nothing", "doubt" if here else "never", 1),
            ("obj", "match" if here else "nothing", "doubt" if here else "never", 1),
            ("bbox", "nothing4", "box", 4),
            ("kps", "nothing10", "marks", 10),
        ):
            size = [CELL, CELL] if weight == "match" else [8, 8]
            logits = f"{name}{stride}"
            nodes.append(
                helper.make_node(
                    "Conv",
                    ["input", weight, bias],
                    [logits],
                    kernel_shape=size,
                    strides=[stride] * 2,
                )
            )
            last = logits
            if channels == 1:
                nodes.append(helper.make_node("Sigmoid", [logits], [logits + "s"]))
                last = logits + "s"
            nodes.append(helper.make_node("Transpose", [last], [logits + "t"], perm=[0, 2, 3, 1]))
            nodes.append(
                helper.make_node("Reshape", [logits + "t", f"as{channels}"], [f"{name}_{stride}"])
            )
            weights[f"as{channels}"] = np.array([1, -1, channels], np.int64)
            outputs.append(
                helper.make_tensor_value_info(
                    f"{name}_{stride}", TensorProto.FLOAT, [1, None, channels]
                )
            )
    graph = helper.make_graph(
        nodes,
        "knows-one-face",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])],
        outputs,
        [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    onnx.save(model, str(path))
    return path
