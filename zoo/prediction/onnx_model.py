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
    """The file's metadata: the run, its licences, a summary of its record."""

    def __init__(self, path: str | Path, weights_beside: bool = False) -> None:
        """With ``weights_beside``, the graph's weights may lie in other files of its folder; only
        for files whose digests are known."""
        path = Path(path)
        if not path.exists():
            raise WeightsError(f"{path}: no such file; `zoo export RUN --out {path}` writes one")
        content = read_bytes(path, LARGEST, WeightsError)
        self._open(content, f"{path}: ", path.parent if weights_beside else None)

    @classmethod
    def of_bytes(cls, content: bytes) -> OnnxPredictor:
        """Open a model from the content of a file."""
        predictor = cls.__new__(cls)
        predictor._open(content, "", None)
        return predictor

    def _open(self, model: bytes, where: str, folder: Path | None) -> None:
        self.session = open_session(model, where, folder)
        try:
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
        except Exception as error:  # onnxruntime raises errors of many types
            raise WeightsError(
                f"{self.name}: onnxruntime fails on a batch of {len(crops)}: {reason_of(error)}"
            ) from error
        outputs = dict(zip(self._outputs, values, strict=True))
        return Answer(outputs.pop(POINTS), outputs.pop(SCORES, None), outputs)


def _outputs(session: Any, facts: OnnxFacts) -> list[str]:
    """Names of the graph's outputs. Raises ValueError where the graph and the metadata differ."""
    size, count = facts.input_size, len(facts.scheme)
    inputs = {each.name: (each.type, each.shape[1:]) for each in session.get_inputs()}
    if inputs != {IMAGES: ("tensor(uint8)", [size, size, 3])}:
        raise ValueError(
            f"its graph does not take {IMAGES}, uint8 (N, {size}, {size}, 3): {inputs}"
        )
    shapes = {each.name: each.shape[1:] for each in session.get_outputs()}
    expected = {POINTS: [count, 2], SCORES: [count]}
    expected |= {name: list(shape) for name, shape in facts.outputs.items()}
    if POINTS not in shapes or any(shapes[name] != expected.get(name) for name in shapes):
        raise ValueError(f"its graph gives no {POINTS} (N, {count}, 2): {shapes}")
    if missing := [name for name in facts.outputs if name not in shapes]:
        raise ValueError(f"its graph gives no {missing[0]}, which its metadata names: {shapes}")
    return [name for name in expected if name in shapes]
