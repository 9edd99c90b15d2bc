"""A model that `zoo export` wrote, ready to predict: onnxruntime runs it, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..api import WeightsError
from ..files.reading import read_bytes
from ..onnx_session import open_session, reason_of
from .network import Answer, Crops
from .onnx_file import IMAGES, LARGEST, POINTS, SCORES, OnnxFacts
from .predictor import Predictor


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
        self.session = open_session(model, where, folder)
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
                f"{self.name}: onnxruntime fails on a batch of {len(crops)}: {reason_of(error)}"
            ) from error
        found = dict(zip(self._outputs, values, strict=True))
        return Answer(found.pop(POINTS), found.pop(SCORES, None), found)


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
