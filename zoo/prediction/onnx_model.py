"""A model that `zoo export` wrote, ready to predict: onnxruntime runs it, without torch."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..api import UsageError, WeightsError
from ..files.reading import read_bytes
from ..limits import how_to_raise, memory_limit
from .onnx_file import IMAGES, LARGEST, POINTS, SCORES, OnnxFacts
from .predictor import Answer, Crops, Predictor


class OnnxPredictor(Predictor):
    """An ONNX file on the CPU.

    Raises :class:`WeightsError` that names the file where it is not one that `zoo export` wrote,
    and :class:`UsageError` where onnxruntime is not installed.
    """

    facts: OnnxFacts
    """All that the file says of itself: the run, its licences, a summary of its record."""

    def __init__(self, path: str | Path, weights_beside: bool = False) -> None:
        """With ``weights_beside``, the graph may name files of its folder that hold its weights:
        for files whose digests are known."""
        path = Path(path)
        if not path.exists():
            raise WeightsError(f"{path}: no such file; `zoo export RUN --out {path}` writes one")
        content = read_bytes(path, LARGEST, WeightsError)
        self._open(content, f"{path}: ", path.parent if weights_beside else None)

    @classmethod
    def of_bytes(cls, content: bytes) -> OnnxPredictor:
        """Open what would stand in a file."""
        made = cls.__new__(cls)
        made._open(content, "", None)
        return made

    def _open(self, model: bytes, where: str, folder: Path | None) -> None:
        self.session = _open_session(model, where, folder)
        try:
            # text by name
            self.facts = OnnxFacts.from_metadata(self.session.get_modelmeta().custom_metadata_map)
            self._outputs = _outputs(self.session, self.facts)
        except ValueError as error:
            raise WeightsError(f"{where}{error}") from error
        self.name = self.facts.name
        self.scheme = self.facts.scheme
        self.input_size = self.facts.input_size
        self.region = self.facts.region
        self.faces = self.facts.faces
        self.refine = self.facts.refine
        self.upright = self.facts.upright
        self.outputs = self.facts.outputs
        self.mean_shape = self.facts.mean_shape
        self.calibration = self.facts.calibration

    def run(self, crops: Crops) -> Answer:
        try:
            values = self.session.run(self._outputs, {IMAGES: np.ascontiguousarray(crops)})
        except Exception as error:  # onnxruntime has many
            raise WeightsError(
                f"{self.name}: onnxruntime fails on a batch of {len(crops)}: {_reason(error)}"
            ) from error
        found = dict(zip(self._outputs, values, strict=True))
        return Answer(found.pop(POINTS), found.pop(SCORES, None), found)


def _open_session(model: bytes, where: str, folder: Path | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(
            f"{where}an ONNX file needs onnxruntime, which is not installed: "
            "pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    _share_memory(onnxruntime)
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4  # only what ends the process: the rest is raised, or not ours
    if folder is not None:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(folder.resolve())
        )
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal():  # which torch and OpenCV heed; onnxruntime would take every core
        options.intra_op_num_threads = int(threads)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a class of its own for each way in which a file is broken
        reason = _reason(error)
        raise WeightsError(f"{where}not an ONNX file that can be read: {reason}") from error


@cache
def _share_memory(onnxruntime: Any) -> None:
    """Have all sessions take their tensors from one place, which ends at the limit: a graph of a
    few bytes can ask for more than a machine has."""
    place = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    limited = onnxruntime.OrtArenaCfg(memory_limit(), -1, -1, -1)
    onnxruntime.create_and_register_allocator(place, limited)


def _outputs(session: Any, facts: OnnxFacts) -> list[str]:
    """Their names, once it is sure that the graph is what the metadata says."""
    size, count = facts.input_size, len(facts.scheme)
    inputs = {each.name: (each.type, each.shape[1:]) for each in session.get_inputs()}
    if inputs != {IMAGES: ("tensor(uint8)", [size, size, 3])}:
        raise ValueError(
            f"its graph does not take {IMAGES}, uint8 (N, {size}, {size}, 3): {inputs}"
        )
    shapes = {each.name: each.shape[1:] for each in session.get_outputs()}
    wanted = {POINTS: [count, 2], SCORES: [count]}
    wanted |= {name: list(shape) for name, shape in facts.outputs.items()}
    if POINTS not in shapes or any(shapes[name] != wanted.get(name) for name in shapes):
        raise ValueError(f"its graph gives no {POINTS} (N, {count}, 2): {shapes}")
    if missing := [name for name in facts.outputs if name not in shapes]:
        raise ValueError(f"its graph gives no {missing[0]}, which its metadata names: {shapes}")
    return [name for name in wanted if name in shapes]


def _reason(error: Exception) -> str:
    """The reason in one line; onnxruntime's own for a lack of memory names a line of its source."""
    if "smaller than requested bytes" in str(error):
        return f"it needs more memory than it may have; {how_to_raise()}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
