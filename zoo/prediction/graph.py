"""A trained network as an ONNX graph: from uint8 crops to points, all constants inside.

torch has two exporters. This uses the one that traces (``dynamo=False``): it gives the same points
as the newer one for every head and for convnets and transformers alike, takes a tenth of its time,
and needs no package besides torch and onnx. What a tracer can get wrong, a number that should have
followed the batch and was written down, is found by :mod:`.agreement`, which runs the graph on
batches of other sizes than the traced one, and named by :func:`held_on`.
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
"""What calls a plugin's operations in its stead."""

OPSET = 18
"""The operator set of ONNX 1.13 (December 2022), so that runtimes a few years old read the file."""

BATCH, OTHER_BATCH = 5, 7
"""Images that are traced: few sizes in a network are multiples of them."""

PREFIX = "model."
"""What stands before the names of the network's tensors in a graph."""

LARGEST = 2_000_000_000
"""Bytes: an ONNX file is one protobuf message, and these end at 2 GiB."""


class CropsToPoints(nn.Module):
    """uint8 crops (N, S, S, 3) RGB to points (N, K, 2), scores (N, K), where the head has them, and
    the outputs that it declares, in their order; float32."""

    def __init__(self, model: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """``shapes``: of all that is wanted, by the model's own names, for one face."""
        super().__init__()
        self.model = model
        self.shapes = dict(shapes)

    @torch.no_grad()
    def names(self, images: Tensor) -> list[str]:
        """Names of what it gives for these images, in their order."""
        output = self.model(images.permute(0, 3, 1, 2).float() / 255)
        known = {"points": POINTS, "score": SCORES}
        return [known.get(name, name) for name in self.shapes if name in output]

    def others(self, images: Tensor) -> dict[str, tuple[int, ...]]:
        """What it gives beside points and scores, with the shape for one face."""
        others = set(self.names(images)) - {POINTS, SCORES}
        return {name: shape for name, shape in self.shapes.items() if name in others}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.model(images.permute(0, 3, 1, 2).float() / 255)
        # to the shape that they have already: it writes K into the graph, where a tracer of some
        # heads is in doubt
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
    except Exception as error:  # a class for each thing that it cannot do, and plugins' own
        raise PluginError(
            f"head {bare_id(config.head)} on {bare_id(config.backbone)}: torch cannot write it as "
            f"ONNX: {reason(error)}"
        ) from error


@torch.no_grad()
def write(network: CropsToPoints, side: int, fold: bool = True) -> bytes:
    """The network as an ONNX file. Raises whatever torch does, or a plugin, where it cannot be."""
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
    """The operation by which a graph that was found wrong holds on to its batch; empty where none
    does."""
    found = held_on(_network(trained), trained.header.config.input_size)
    return f"; it holds on to the size of the batch: {found}" if found else ""


@torch.no_grad()
def held_on(network: nn.Module, side: int) -> str:
    """The first operation that is traced with another number for another size of batch, with its
    line of Python: ``reshape in my_head.py, line 31``. Empty: there is none."""
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
    """The numbers that an operation is given; of other values None."""
    if not node.kind().startswith("aten::"):
        return []
    found = []
    for value in node.inputs():
        inner = value.node()
        listed = inner.kind() == "prim::ListConstruct"
        values = [each.node() for each in inner.inputs()] if listed else [inner]
        known = [n.output().toIValue() for n in values if n.kind() == "prim::Constant"]
        found += [each if isinstance(each, int | float) else None for each in known]
    return found


def _place(frames: Sequence[str]) -> str:
    """The innermost line of Python that is not torch's, of ``file(line)`` and what follows."""
    for frame in frames:
        found = re.match(r"\s*(.+)\((\d+)\)", frame)
        path = Path(found[1]) if found else Path()
        if found and path.name != REWORDING and not path.is_relative_to(TORCH):
            return f" in {path.name}, line {found[2]}"
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
    """Its first sentence: the others tell torch's users whom to write to."""
    first = one_line(error).split(". ")[0]
    return first.split(" [Caused by")[0]


@contextmanager
def _silence() -> Iterator[None]:
    """Silence the exporter's warnings, of shapes that it takes for constants, which they are, and
    of the other exporter; and without the whole graph on standard output where it fails, which a
    flag that it never calls (2.14) would have kept back."""
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
    """The same file with metadata and a description that viewers show.

    Messages of protobuf that stand one after another are one, with the fields of both: the weights
    need not be read and written again.
    """
    import onnx

    more = onnx.ModelProto(doc_string=description)
    onnx.helper.set_model_props(more, dict(metadata))
    extra: bytes = more.SerializeToString()
    return model + extra


def require_packages() -> None:
    """Raises :class:`UsageError` that says what to install."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"an ONNX file needs onnx and onnxruntime ({error}): pip install onnx onnxruntime"
        ) from error
