"""The metadata of the zoo's ONNX files: text by name, beside the graph, as `zoo export` writes it.

The graph takes one input, ``images``, uint8 (N, S, S, 3) RGB: crops as :func:`zoo.geometry.crop`
cuts them. It gives ``points``, float32 (N, K, 2) as fractions of the crop, and, where the head has
them, ``scores``, float32 (N, K), and the outputs of :attr:`OnnxFacts.outputs`. N is free. The
metadata holds everything else that a prediction needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..api import LandmarkScheme
from ..evaluation.scores.calibration import Calibration
from ..evaluation.scores.schemes import scheme_from_table
from ..geometry import FacePlace

FORMAT, UPRIGHT = 1, 2
"""``UPRIGHT`` is the format of models that turn the crops of further passes. It has a number of its
own, so that a zoo that cannot turn crops does not read them."""
LARGEST = 1 << 31
"""Bytes: the largest possible file, of 2 GiB."""
PREFIX = "landmark_zoo."
"""Prefix of every name, so that another tool's metadata can stand beside ours."""

IMAGES, POINTS, SCORES = "images", "points", "scores"
"""Names of the graph's input and its outputs."""


_DAMAGE = (LookupError, TypeError, ValueError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class OnnxFacts:
    """The metadata of a file."""

    name: str
    """Name of the run that it was exported from."""
    scheme: LandmarkScheme
    input_size: int
    """S, pixels."""
    region: str
    faces: FacePlace
    refine: int = 0
    upright: bool = False
    mean_shape: NDArray[np.float64] | None = field(default=None, compare=False)
    calibration: Calibration | None = None
    """``upright``, ``mean_shape`` and ``calibration`` mean the same as for a
    :class:`.predictor.Predictor`. Files of earlier zoos lack them."""
    licenses: Mapping[str, str] = field(default_factory=dict)
    """Licences of the backbone's ``code``, of the ``weights`` that it started from and of the
    training ``data``, where each is known."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """A summary of the run's record: what was trained, on what, with which results."""
    zoo_version: str = ""
    outputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Further outputs of the graph, as the head gives them, each with its shape after N."""

    def to_metadata(self) -> dict[str, str]:
        values = {
            "format": UPRIGHT if self.upright else FORMAT,
            "zoo_version": self.zoo_version,
            "name": self.name,
            "scheme": asdict(self.scheme),
            "input_size": self.input_size,
            "region": self.region,
            "faces": asdict(self.faces),
            "refine": self.refine,
            "upright": self.upright,
            "mean_shape": None if self.mean_shape is None else self.mean_shape.tolist(),
            "calibration": msgspec.to_builtins(self.calibration),
            "licenses": dict(self.licenses),
            "record": dict(self.record),
            "outputs": {name: list(shape) for name, shape in self.outputs.items()},
        }
        return {
            PREFIX + key: value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> OnnxFacts:
        """Raises ValueError that says what is wrong, for metadata that `zoo export` did not
        write."""
        text = {key.removeprefix(PREFIX): metadata[key] for key in metadata if PREFIX in key}
        if "format" not in text:
            raise ValueError("it was not written by `zoo export`")
        if text["format"] not in (str(FORMAT), str(UPRIGHT)):
            raise ValueError(
                f"its format is {text['format'][:20]!r}, this zoo reads {FORMAT} and {UPRIGHT}: "
                "export it again, "
                "or use the zoo that wrote it"
            )
        try:
            facts = cls(
                name=text["name"],
                scheme=scheme_from_table(json.loads(text["scheme"])),
                input_size=int(text["input_size"]),
                region=text["region"],
                faces=msgspec.convert(json.loads(text["faces"]), FacePlace),
                refine=int(text["refine"]),
                upright=bool(json.loads(text.get("upright", "false"))),
                mean_shape=_shape(json.loads(text.get("mean_shape", "null"))),
                calibration=msgspec.convert(
                    json.loads(text.get("calibration", "null")), Calibration | None
                ),
                licenses=dict(json.loads(text["licenses"])),
                record=dict(json.loads(text["record"])),
                zoo_version=text["zoo_version"],
                outputs=msgspec.convert(
                    json.loads(text.get("outputs", "{}")), dict[str, tuple[int, ...]]
                ),
            )
        except _DAMAGE as error:
            raise ValueError(f"its metadata is damaged: {type(error).__name__}: {error}") from error
        if not (facts.input_size > 0 and 0 <= facts.refine <= 3):
            raise ValueError("its metadata is damaged: input_size or refine make no sense")
        shape = facts.mean_shape
        if facts.upright if shape is None else shape.shape != (len(facts.scheme), 2):
            raise ValueError("its metadata is damaged: mean_shape is not of its points")
        return facts


def _shape(rows: Any) -> NDArray[np.float64] | None:
    """The mean shape as an array. Raises ValueError for numbers that are not finite."""
    if rows is None:
        return None
    shape = np.array(rows, np.float64)
    if not np.isfinite(shape).all():
        raise ValueError("mean_shape has a number that is not finite")
    return shape
