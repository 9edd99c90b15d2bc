"""Whether an exported graph and the network that it was made from give the same points.

Both see the same uint8 crops and each does all the rest by itself: the network as a prediction from
the run does, the graph in onnxruntime. Random crops are those that a network trained on faces has
never met: flat, noisy, blotchy; batches of 1, 2 and 5, so that a graph that holds on to the size
of one batch is found. Real crops come from the run's data or from pictures.

Some answers are no answers: where a heat map has two peaks of one height, rounding decides which is
the point, in either program. So where the two differ the network is asked again, with noise in its
input of a thousandth of a grey level. A point that jumps is *undecided*; it is counted apart.
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
"""Pixels of the input: how far a point may be off. An eighth of what rounding a label to whole
pixels costs (0.38 px on average)."""

SCORE_TOLERANCE = 0.001
"""Tolerance of the median score: one score may jump, as a cell of its map joins or leaves a sum."""

MOST_UNDECIDED = 0.1
"""Share of all points: a network that rounding sways more often cannot be checked."""

NOISE = 1e-3 / 255
QUESTIONS = 8

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
    """Pixels of the input, of the worst point; infinite where one of the two is no number."""
    beyond: int
    """Points that are farther apart than ``TOLERANCE``."""
    undecided: int
    """Points that the network itself does not give twice alike; not in ``worst`` and ``beyond``."""
    score: float | None
    """Median difference of the scores; None: the head gives none."""
    outputs: Mapping[str, float] = field(default_factory=dict)
    """Median difference of each further output, in parts of its median size."""

    @property
    def holds(self) -> bool:
        decided = self.undecided <= MOST_UNDECIDED * self.points
        rest = max(self.score or 0.0, *self.outputs.values(), 0.0)
        return not self.beyond and decided and rest <= SCORE_TOLERANCE

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        numbers = {"worst": self.worst, "score": self.score}
        rest = {"outputs": _finite(self.outputs)} if self.outputs else {}
        return asdict(self) | _finite(numbers) | rest | {"holds": self.holds}

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
    """Why a graph that was checked so is not to be used, in words; empty where it is."""
    wrong = [check for check in checks if not check.holds]
    if not wrong:
        return ""
    said = "; ".join(map(str, wrong))
    network = f"{bare_id(config.head)} on {bare_id(config.backbone)}"
    if all(not check.beyond and check.undecided for check in wrong):
        return (
            "noise that nobody can see moves the network's own points, so its graph cannot be "
            f"checked ({said}). Is {network} trained?"
        )
    return (
        f"the ONNX graph gives other points than PyTorch ({said}). "
        f"Please report it: {network}, torch {torch.__version__}"
    )


def random_crops(size: int, seed: int = 0) -> Iterator[Crops]:
    """Batches of 1, 2 and 5: black, white, and noise from fine grain to blotches as wide as half
    the crop."""
    draw = np.random.default_rng(seed)
    crops = [np.zeros((size, size, 3), np.uint8), np.full((size, size, 3), 255, np.uint8)]
    for grain in (1, 1, 2, 8, size // 8, size // 2):
        cells = max(2, size // max(grain, 1))
        noise = draw.integers(0, 256, (cells, cells, 3), np.uint8)
        wide = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        crops.append(np.asarray(wide, np.uint8))
    for count in BATCHES:
        yield np.stack(crops[:count])
        del crops[:count]


def batches(crops: Crops) -> Iterator[Crops]:
    for start in range(0, len(crops), REAL_BATCH):
        yield np.ascontiguousarray(crops[start : start + REAL_BATCH])


def compare(
    network: TorchPredictor, exported: Predictor, crops: Iterator[Crops], inputs: str
) -> Agreement:
    """Both on the same batches, one after another."""
    off: list[NDArray[np.float64]] = []
    jumps: list[NDArray[np.bool_]] = []
    scores_off: list[NDArray[np.float64]] = []
    outputs: dict[str, list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]] = {}
    count = 0
    for batch in crops:
        (points, scores, more), theirs = network.run(batch), exported.run(batch)
        off.append(pixels_apart(points, theirs.points, network.input_size))
        jumps.append(np.zeros(points.shape[:2], bool))
        for i in np.flatnonzero((off[-1] > TOLERANCE).any(1)):
            jumps[-1][i] = undecided(network, batch[i], points[i])
        if scores is not None:
            scores_off.append(_apart(scores, theirs.scores))
        for name, values in more.items():
            outputs.setdefault(name, []).append((values, theirs.outputs.get(name)))
        count += len(batch)
    distance, jumping = np.concatenate(off), np.concatenate(jumps)
    settled = distance[~jumping]
    return Agreement(
        inputs=inputs,
        crops=count,
        points=distance.size,
        worst=float(settled.max(initial=0.0)),
        beyond=int((settled > TOLERANCE).sum()),
        undecided=int(jumping.sum()),
        score=float(np.median(np.concatenate(scores_off))) if scores_off else None,
        outputs={name: _share_apart(pairs) for name, pairs in outputs.items()},
    )


@torch.no_grad()
def undecided(network: TorchPredictor, one: NDArray[np.uint8], points: Units) -> NDArray[np.bool_]:
    """(K,): whether the network moves a point of this crop, (S, S, 3), farther than the tolerance
    when nothing but noise too small to be seen is added."""
    draw = torch.Generator().manual_seed(0)
    image = torch.from_numpy(one).permute(2, 0, 1)[None].float() / 255
    noise = torch.rand((QUESTIONS, *image.shape[1:]), generator=draw) * 2 - 1
    answers = [network.model(image + NOISE * each)["points"].float().numpy() for each in noise]
    apart = [pixels_apart(points[None], answer, network.input_size) for answer in answers]
    jumps = np.concatenate(apart).max(0) > TOLERANCE
    return np.asarray(jumps & np.isfinite(points).all(-1), np.bool_)


def pixels_apart(points: Units, theirs: Units, size: int) -> NDArray[np.float64]:
    """(N, K) in pixels of an input of ``size``; infinite where one of the two is no number."""
    if points.shape != theirs.shape:
        return np.full(points.shape[:2], np.inf)
    distance = np.linalg.norm(points.astype(np.float64) - theirs, axis=-1) * size
    return np.where(np.isfinite(distance), distance, np.inf)


def _share_apart(
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32] | None]],
) -> float:
    """Median difference in parts of the median size."""
    off = np.median(np.concatenate([_apart(*pair) for pair in pairs]))
    size = np.median(np.concatenate([np.abs(values).ravel() for values, _ in pairs]))
    return float(off / size) if off else 0.0


def _finite(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    return {k: v if v is not None and np.isfinite(v) else None for k, v in numbers.items()}


def _apart(scores: NDArray[np.float32], theirs: Scores) -> NDArray[np.float64]:
    if theirs is None or scores.shape != theirs.shape:
        return np.full(scores.shape, np.inf).ravel()
    off = np.abs(scores.astype(np.float64) - theirs).ravel()
    return np.where(np.isfinite(off), off, np.inf)
