"""A trained network as an ONNX graph: from uint8 crops to points, all constants inside.

torch has two exporters. This module uses the one that traces (``dynamo=False``). It gives the same
points as the newer one for every head, for convnets and transformers alike, takes a tenth of the
time, and needs no package besides torch and onnx. A tracer can make one mistake: to write a number
into the graph that should depend on the size of the batch. :mod:`.agreement` detects this, since it
runs the graph on batches of other sizes, and :func:`held_on` names the operation.
"""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from ..api import PluginError, UsageError
from ..evaluation.scores.calibration import Calibration
from ..registry import bare_id
from ..registry.entries import one_line, own_version
from ..runs.trained import Trained
from .onnx_file import IMAGES, POINTS, SCORES, OnnxFacts
from .outputs import VISIBILITY
from .rewording import InOtherWords

TORCH, REWORDING = Path(torch.__file__).parent, "rewording.py"
"""Files that :func:`_place` skips: they only pass on a plugin's operations."""

OPSET = 18
"""The operator set of ONNX 1.13 (December 2022), so that runtimes a few years old read the file."""

BATCH, OTHER_BATCH = 5, 7
"""Numbers of images that are traced: few sizes in a network are multiples of them."""

PREFIX = "model."
"""Prefix of the names of the network's tensors in a graph."""

LARGEST = 2_000_000_000
"""Bytes: an ONNX file is one protobuf message, and these end at 2 GiB."""


class CropsToPoints(nn.Module):
    """uint8 crops (N, S, S, 3) RGB to points (N, K, 2), scores (N, K), where the head has them, and
    the outputs that it declares, in their order; float32."""

    def __init__(self, model: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """``shapes``: the outputs to give, by the model's names, each with its shape for one
        face."""
        super().__init__()
        self.model = model
        self.shapes = dict(shapes)

    @torch.no_grad()
    def names(self, images: Tensor) -> list[str]:
        """Names of the outputs for these images, in their order."""
        output = self.model(images.permute(0, 3, 1, 2).float() / 255)
        known = {"points": POINTS, "score": SCORES}
        return [known.get(name, name) for name in self.shapes if name in output]

    def others(self, images: Tensor) -> dict[str, tuple[int, ...]]:
        """The outputs beside points and scores, with the shape for one face."""
        others = set(self.names(images)) - {POINTS, SCORES}
        return {name: shape for name, shape in self.shapes.items() if name in others}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.model(images.permute(0, 3, 1, 2).float() / 255)
        # The outputs have this shape already. Reshaping writes K into the graph, which is not
        # certain for the tracer with some heads.
        return tuple(
            output[name].float().reshape(-1, *shape)
            for name, shape in self.shapes.items()
            if name in output
        )


@torch.no_grad()
def trace(trained: Trained, fold: bool = True) -> bytes:
    """The network of a run as an ONNX file without metadata.

    With ``fold``, batch norms become part of the convolutions before them. Without, the graph's
    tensors are the run's own, each under its name after :data:`PREFIX`.

    Raises :class:`PluginError` naming head and backbone where torch cannot write them as ONNX, and
    :class:`UsageError` where they are too large for one file or the package onnx is missing.
    """
    config = trained.header.config
    network = _network(trained)
    size = sum(tensor.nbytes for tensor in network.state_dict().values())
    if size > LARGEST:
        raise UsageError(
            f"{bare_id(config.backbone)}: {size / 1e9:.1f} GB of weights do not fit into an ONNX "
            "file, which ends at 2 GiB"
        )
    try:
        return write(network, config.input_size, fold)
    except Exception as error:  # torch raises errors of many types, and plugins their own
        raise PluginError(
            f"head {bare_id(config.head)} on {bare_id(config.backbone)}: torch cannot write it as "
            f"ONNX: {reason(error)}"
        ) from error


@torch.no_grad()
def write(network: CropsToPoints, side: int, fold: bool = True) -> bytes:
    """The network as an ONNX file. Errors of torch and of plugins are raised as they are."""
    example = _example(BATCH, side)
    outputs = network.names(example)
    mode = torch.onnx.TrainingMode
    with TemporaryDirectory() as folder, InOtherWords(BATCH), _silence():
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            (example,),
            file,
            dynamo=False,
            input_names=[IMAGES],
            output_names=outputs,
            dynamic_axes={name: {0: "N"} for name in (IMAGES, *outputs)},
            opset_version=OPSET,
            training=mode.EVAL if fold else mode.PRESERVE,
        )
        return file.read_bytes()


def why_wrong(trained: Trained) -> str:
    """For a graph that gives wrong points: the operation that has the size of the traced batch
    written into it, as the end of a message; empty where none has."""
    operation = held_on(_network(trained), trained.header.config.input_size)
    return f"; it holds on to the size of the batch: {operation}" if operation else ""


@torch.no_grad()
def held_on(network: nn.Module, side: int) -> str:
    """The first operation that is traced with another number when the batch has another size, with
    its line of Python: ``reshape in my_head.py, line 31``. Empty where there is none."""
    graphs = []
    for batch in (BATCH, OTHER_BATCH):
        try:
            with InOtherWords(batch), _silence():
                example = (_example(batch, side),)
                traced: Any = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            places = [f"{frame.filename}({frame.lineno})" for frame in reversed(frames)]
            return f"{one_line(error)}{_place(places)}"
        graphs.append(list(traced.inlined_graph.nodes()))
    for one, other in zip(*graphs, strict=False):
        if _constants(one) != _constants(other):
            operation = one.kind().removeprefix("aten::")
            return f"{operation}{_place(one.sourceRange().splitlines())}"
    return ""


def _constants(node: Any) -> list[Any]:
    """The constant numbers that an operation takes; None for other constants."""
    if not node.kind().startswith("aten::"):
        return []
    constants = []
    for value in node.inputs():
        inner = value.node()
        listed = inner.kind() == "prim::ListConstruct"
        values = [each.node() for each in inner.inputs()] if listed else [inner]
        known = [n.output().toIValue() for n in values if n.kind() == "prim::Constant"]
        constants += [each if isinstance(each, int | float) else None for each in known]
    return constants


def _place(frames: Sequence[str]) -> str:
    """The innermost line of Python outside torch, from frames that begin with ``file(line)``."""
    for frame in frames:
        match = re.match(r"\s*(.+)\((\d+)\)", frame)
        path = Path(match[1]) if match else Path()
        if match and path.name != REWORDING and not path.is_relative_to(TORCH):
            return f" in {path.name}, line {match[2]}"
    return ""


def facts_of(trained: Trained, name: str, calibration: Calibration | None) -> OnnxFacts:
    """What a prediction needs besides the graph; ``name`` and ``calibration`` are the model's."""
    config, header = trained.header.config, trained.header
    return OnnxFacts(
        name=name,
        scheme=header.scheme,
        input_size=config.input_size,
        region=config.region,
        faces=header.faces,
        refine=config.refine,
        upright=config.upright,
        calibration=calibration,
        mean_shape=trained.header.mean_shape,
        zoo_version=own_version(),
        outputs=_network(trained).others(_example(1, config.input_size)),
    )


def _network(trained: Trained) -> CropsToPoints:
    count = len(trained.header.scheme)
    known = {"points": (count, 2), "score": (count,), VISIBILITY: (count,)}
    return CropsToPoints(trained.model, known | trained.model.outputs).eval()


def _example(batch: int, side: int) -> Tensor:
    return torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8)


def reason(error: Exception) -> str:
    """The first sentence of an error of torch: the others say where to report it."""
    first = one_line(error).split(". ")[0]
    return first.split(" [Caused by")[0]


@contextmanager
def _silence() -> Iterator[None]:
    """Silence the exporter.

    It warns of shapes that it takes for constants, which they are here, and of the other exporter.
    Where it fails, it also prints the whole graph to standard output (torch 2.14).
    """
    log = getattr(torch._C, "_jit_onnx_log", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if log is None:
            yield
            return
        torch._C._jit_onnx_log = lambda *args: None
        try:
            yield
        finally:
            torch._C._jit_onnx_log = log


def with_metadata(model: bytes, metadata: Mapping[str, str], description: str) -> bytes:
    """The same file with metadata, and with a description that viewers show.

    Two protobuf messages, one after the other, are read as one message with the fields of both. So
    the weights need not be read and written again.
    """
    import onnx

    message = onnx.ModelProto(doc_string=description)
    onnx.helper.set_model_props(message, dict(metadata))
    appended: bytes = message.SerializeToString()
    return model + appended


def require_packages() -> None:
    """Raises :class:`UsageError` that says what to install."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"an ONNX file needs onnx and onnxruntime ({error}): pip install onnx onnxruntime"
        ) from error
