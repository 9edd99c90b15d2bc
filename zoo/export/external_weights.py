"""An ONNX graph whose weights lie in a safetensors file beside it, so that a model has them once.

ONNX can store a tensor of a graph in another file, as raw bytes from an offset on, and safetensors
stores tensors as such bytes. Any runtime that reads ONNX's external data reads the pair.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..api import WeightsError

INLINE = 64
"""Bytes: smaller tensors stay in the graph."""
_TYPES = {"F32": "FLOAT", "F16": "FLOAT16"}


def refer(model: bytes, weights: Path, prefix: str) -> bytes:
    """The same graph with its weights taken from a file beside it.

    Args:
        model: An ONNX file whose initializers have the names of the network's tensors.
        weights: The safetensors file; the graph finds it by its name, in its own folder.
        prefix: Prefix of the tensors' names in the graph.

    Returns:
        The ONNX file. Tensors of 16 bits are cast to the 32 in which the graph computes.

    Raises:
        WeightsError: The graph has a large tensor that the file lacks.
    """
    import onnx

    graph: Any = (proto := onnx.load_model_from_string(model)).graph
    places = _places(weights)
    casts = []
    for tensor in graph.initializer:
        if len(tensor.raw_data) <= INLINE:
            continue
        kind, start, end = places.get(tensor.name.removeprefix(prefix), ("", 0, 0))
        if kind not in _TYPES or tensor.data_type != onnx.TensorProto.FLOAT:
            raise WeightsError(f"{weights.name} holds no {tensor.name}, which the graph needs")
        if kind == "F16":
            stored = f"{tensor.name}/stored"
            casts.append(
                onnx.helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT)
            )
            tensor.name = stored
        tensor.data_type = getattr(onnx.TensorProto, _TYPES[kind])
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", weights.name), ("offset", start), ("length", end - start)):
            tensor.external_data.add(key=key, value=str(value))
    nodes = [*casts, *graph.node]  # the inputs of a node must come before it
    del graph.node[:]
    graph.node.extend(nodes)
    content: bytes = proto.SerializeToString()
    return content


def _places(weights: Path) -> dict[str, tuple[str, int, int]]:
    """Each tensor's type, and where its bytes begin and end in the file."""
    with weights.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(size))
    header.pop("__metadata__", None)
    begin = 8 + size
    return {
        name: (entry["dtype"], *(begin + offset for offset in entry["data_offsets"]))
        for name, entry in header.items()
    }
