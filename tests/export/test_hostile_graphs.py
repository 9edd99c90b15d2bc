"""A small ONNX file cannot take more memory than the limit, nor give points that are not finite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from zoo.api import IBUG68, WeightsError
from zoo.limits import VARIABLE
from zoo.prediction import load


def rewritten(exported: Path, out: Path, count: int, value: float) -> Path:
    """The exported file with another graph, which makes ``count`` numbers and sums them up."""
    model = onnx.load(exported)
    shape = [len(IBUG68), 2]
    points = helper.make_tensor_value_info("points", TensorProto.FLOAT, ["N", *shape])
    made = helper.make_tensor("made", TensorProto.FLOAT, [1], [value / count])
    nodes = [
        helper.make_node("ConstantOfShape", ["count"], ["many"], value=made),
        helper.make_node("ReduceSum", ["many"], ["sum"], keepdims=0),
        helper.make_node("Shape", ["images"], ["shape"], end=1),
        helper.make_node("Concat", ["shape", "rest"], ["wanted"], axis=0),
        helper.make_node("Expand", ["sum", "wanted"], ["points"]),
    ]
    numbers = {"count": [count], "rest": shape}
    initializers = [
        helper.make_tensor(k, TensorProto.INT64, [len(v)], v) for k, v in numbers.items()
    ]
    graph = helper.make_graph(nodes, "hostile", list(model.graph.input), [points], initializers)
    model.graph.CopyFrom(graph)
    facts = {each.key: each.value for each in model.metadata_props}
    helper.set_model_props(model, facts | {"landmark_zoo.outputs": "{}"})
    onnx.save(model, out)
    return out


def test_a_graph_that_asks_for_too_much_is_refused(exported: Path, tmp_path: Path) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    sane = load(rewritten(exported, tmp_path / "sane.onnx", 1000, 0.5))
    assert len(sane.predict(image, "none")) == 1
    hostile = rewritten(exported, tmp_path / "hostile.onnx", 1 << 31, 0.5)  # eight GiB
    with pytest.raises(WeightsError, match=f"more memory than it may have; {VARIABLE}"):
        load(hostile).predict(image, "none")


def test_a_graph_that_gives_no_places_is_refused(exported: Path, tmp_path: Path) -> None:
    predictor = load(rewritten(exported, tmp_path / "nan.onnx", 10, float("nan")))
    with pytest.raises(WeightsError, match="gives points that are not finite"):
        predictor.predict(np.zeros((64, 64, 3), np.uint8), "none")
