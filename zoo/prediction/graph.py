"""A trained network as an ONNX graph: from uint8 crops to points, all constants inside.

torch has two exporters. This uses the one that traces (``dynamo=False``): it gives the same points
as the newer one for every head and for convnets and transformers alike, takes a tenth of its time,
and needs no package besides torch and onnx. What a tracer can get wrong, a number that should have
followed the batch and was written down, is found by :mod:`.agreement`, which runs the graph on
batches of other sizes than the traced one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

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

OPSET = 18
"""The operator set of ONNX 1.13 (December 2022), so that runtimes a few years old read the file."""

BATCH = 5
"""Images that are traced: few sizes in a network are multiples of it."""

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
    example = _example(BATCH, config.input_size)
    outputs = network.names(example)
    mode = torch.onnx.TrainingMode
    try:
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
    except Exception as error:  # a class for each thing that it cannot do, and plugins' own
        raise PluginError(
            f"head {bare_id(config.head)} on {bare_id(config.backbone)}: torch cannot write it as "
            f"ONNX: {_reason(error)}"
        ) from error


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


def _reason(error: Exception) -> str:
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
