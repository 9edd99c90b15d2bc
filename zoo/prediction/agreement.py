"""Checks that an exported graph gives the same points as the network that it was made from.

Both get the same uint8 crops. The network runs as in a prediction from the run, the graph in
onnxruntime. Random crops are flat, noisy or blotchy: a network trained on faces has never seen
such images. They come in batches of 1, 2 and 5, to find a graph that works for one batch size
only. Real crops come from the run's data or from pictures.

Some points are not well defined: where a heat map has two peaks of the same height, rounding
decides which peak is the point, in the network and in the graph. So where the two differ, the
network runs again, with noise of a thousandth of a grey level added to its input. A point that
jumps under this noise is *undecided*; such points are counted separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..config import Config
from ..registry import bare_id
from .network import Crops, Scores, Units
from .predictor import Predictor
from .torch_model import TorchPredictor

TOLERANCE = 0.05
"""Largest distance between the two points, in pixels of the input. It is an eighth of the error
that rounding a label to whole pixels makes (0.38 px on average)."""

SCORE_TOLERANCE = 0.001
"""Largest median difference of the scores. A median, since a single score may jump when a cell of
its map enters or leaves a sum."""

MOST_UNDECIDED = 0.1
"""Largest share of undecided points: a network with more of them cannot be checked."""

NOISE = 1e-3 / 255
NOISE_SAMPLES = 8

BATCHES = (1, 2, 5)
REAL_BATCH = 8


@dataclass(frozen=True)
class Agreement:
    """How far two models are apart on some crops."""

    inputs: str
    """``random``, or where the crops are from."""
    crops: int
    points: int
    """All points of these crops."""
    worst: float
    """Distance of the worst point, in pixels of the input; infinite where it is not finite."""
    beyond: int
    """Points that are farther apart than ``TOLERANCE``."""
    undecided: int
    """Points that noise moves in the network itself; not counted in ``worst`` and ``beyond``."""
    score: float | None
    """Median difference of the scores; None: the head gives none."""
    outputs: Mapping[str, float] = field(default_factory=dict)
    """Median difference of each further output, as a fraction of its median magnitude."""

    @property
    def holds(self) -> bool:
        decided = self.undecided <= MOST_UNDECIDED * self.points
        worst_median = max(self.score or 0.0, *self.outputs.values(), 0.0)
        return not self.beyond and decided and worst_median <= SCORE_TOLERANCE

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        numbers = {"worst": self.worst, "score": self.score}
        outputs = {"outputs": _finite(self.outputs)} if self.outputs else {}
        return asdict(self) | _finite(numbers) | outputs | {"holds": self.holds}

    def __str__(self) -> str:
        crops = f"{self.crops} crop{'' if self.crops == 1 else 's'}"
        text = f"{self.inputs}: {crops}, worst point off by {self.worst:.2g} px"
        if self.beyond:
            text += f", {self.beyond} of {self.points} points beyond {TOLERANCE} px"
        if self.undecided:
            text += f", {self.undecided} of {self.points} points undecided"
        if self.score is not None and self.score > SCORE_TOLERANCE:
            text += f", scores off by {self.score:.2g} (median)"
        for name, off in self.outputs.items():
            if off > SCORE_TOLERANCE:
                text += f", {name} off by {100 * off:.2g}% (median)"
        return text


def why_not(checks: Sequence[Agreement], config: Config) -> str:
    """The reason why a graph with these checks must not be used; empty where it may be used."""
    failed = [check for check in checks if not check.holds]
    if not failed:
        return ""
    details = "; ".join(map(str, failed))
    network = f"{bare_id(config.head)} on {bare_id(config.backbone)}"
    if all(not check.beyond and check.undecided for check in failed):
        return (
            "noise that nobody can see moves the network's own points, so its graph cannot be "
            f"checked ({details}). Is {network} trained?"
        )
    return (
        f"the ONNX graph gives other points than PyTorch ({details}). "
        f"Please report it: {network}, torch {torch.__version__}"
    )


def random_crops(size: int, seed: int = 0) -> Iterator[Crops]:
    """Batches of 1, 2 and 5: black, white, and noise from fine grain to blotches as wide as half
    the crop."""
    rng = np.random.default_rng(seed)
    crops = [np.zeros((size, size, 3), np.uint8), np.full((size, size, 3), 255, np.uint8)]
    for grain in (1, 1, 2, 8, size // 8, size // 2):
        cells = max(2, size // max(grain, 1))
        noise = rng.integers(0, 256, (cells, cells, 3), np.uint8)
        enlarged = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        crops.append(np.asarray(enlarged, np.uint8))
    for count in BATCHES:
        yield np.stack(crops[:count])
        del crops[:count]


def batches(crops: Crops) -> Iterator[Crops]:
    for start in range(0, len(crops), REAL_BATCH):
        yield np.ascontiguousarray(crops[start : start + REAL_BATCH])


def compare(
    network: TorchPredictor, exported: Predictor, crops: Iterator[Crops], inputs: str
) -> Agreement:
    """Run both on the same batches and measure how far their outputs are apart."""
    distances: list[NDArray[np.float64]] = []
    jumps: list[NDArray[np.bool_]] = []
    score_differences: list[NDArray[np.float64]] = []
    outputs: dict[str, list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]] = {}
    count = 0
    for batch in crops:
        (points, scores, more), theirs = network.run(batch), exported.run(batch)
        distances.append(pixels_apart(points, theirs.points, network.input_size))
        jumps.append(np.zeros(points.shape[:2], bool))
        for i in np.flatnonzero((distances[-1] > TOLERANCE).any(1)):
            jumps[-1][i] = undecided(network, batch[i], points[i])
        if scores is not None:
            score_differences.append(_difference(scores, theirs.scores))
        for name, values in more.items():
            outputs.setdefault(name, []).append((values, theirs.outputs.get(name)))
        count += len(batch)
    distance, jumping = np.concatenate(distances), np.concatenate(jumps)
    settled = distance[~jumping]
    return Agreement(
        inputs=inputs,
        crops=count,
        points=distance.size,
        worst=float(settled.max(initial=0.0)),
        beyond=int((settled > TOLERANCE).sum()),
        undecided=int(jumping.sum()),
        score=float(np.median(np.concatenate(score_differences))) if score_differences else None,
        outputs={name: _relative_difference(pairs) for name, pairs in outputs.items()},
    )


@torch.no_grad()
def undecided(network: TorchPredictor, one: NDArray[np.uint8], points: Units) -> NDArray[np.bool_]:
    """(K,): whether noise too small to be seen, added to this crop (S, S, 3), moves a point of the
    network farther than the tolerance."""
    generator = torch.Generator().manual_seed(0)
    image = torch.from_numpy(one).permute(2, 0, 1)[None].float() / 255
    noise = torch.rand((NOISE_SAMPLES, *image.shape[1:]), generator=generator) * 2 - 1
    noisy = [network.model(image + NOISE * each)["points"].float().numpy() for each in noise]
    distances = [pixels_apart(points[None], each, network.input_size) for each in noisy]
    jumps = np.concatenate(distances).max(0) > TOLERANCE
    return np.asarray(jumps & np.isfinite(points).all(-1), np.bool_)


def pixels_apart(points: Units, theirs: Units, size: int) -> NDArray[np.float64]:
    """Distances (N, K) in pixels of an input of ``size``; infinite where a point is not finite."""
    if points.shape != theirs.shape:
        return np.full(points.shape[:2], np.inf)
    distance = np.linalg.norm(points.astype(np.float64) - theirs, axis=-1) * size
    return np.where(np.isfinite(distance), distance, np.inf)


def _relative_difference(
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32] | None]],
) -> float:
    """The median difference as a fraction of the median magnitude."""
    difference = np.median(np.concatenate([_difference(*pair) for pair in pairs]))
    magnitude = np.median(np.concatenate([np.abs(values).ravel() for values, _ in pairs]))
    return float(difference / magnitude) if difference else 0.0


def _finite(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    return {k: v if v is not None and np.isfinite(v) else None for k, v in numbers.items()}


def _difference(values: NDArray[np.float32], theirs: Scores) -> NDArray[np.float64]:
    if theirs is None or values.shape != theirs.shape:
        return np.full(values.shape, np.inf).ravel()
    difference = np.abs(values.astype(np.float64) - theirs).ravel()
    return np.where(np.isfinite(difference), difference, np.inf)
