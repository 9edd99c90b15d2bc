"""Calibrates a model's scores on boxes of faces and on boxes beside faces; its record keeps the
result.

The model predicts twice on frames of the validation split, as in `zoo predict`: for a box about the
face that is slightly off, like a detector's, and for a box beside the face. Its answer is right
where the points lie on the face. A logistic curve from the score to the probability of a right
answer is fitted to all answers. It is tested on people that it was not fitted to: the curve of each
half of the people is tested on the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..api import DataError
from ..data.table import SampleTable
from ..evaluation.records import save_record
from ..evaluation.scores.calibration import RIGHT, Calibration
from ..evaluation.scores.metrics import headline_errors
from ..geometry import Box, iou, points_box, square_box
from ..prediction.finder import Finder
from ..prediction.predictor import LIMIT, Predictor
from ..prediction.torch_model import TorchPredictor
from ..reporter import Reporter
from ..runs.folder import WAIT_FOR_RECORD, RunFolder
from ..runs.own_data import own_source

MOST_FRAMES = 200
"""How many frames are used at most, evenly spaced."""
OFF = 0.1
"""Largest shift of a face's box, and largest change of its size, as fractions of its side."""
BESIDE = 0.1
"""Largest overlap (IoU) of a box beside a face with the face's own."""

DOUBT = Calibration(slope=0.0, intercept=-10.0)
"""A curve that trusts no score, so that a prediction tries all quarter turns and returns the score
of the best."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """A model's answers to N boxes."""

    scores: Array
    """(N,)"""
    right: NDArray[np.bool_]
    """(N,): whether the points are those of a face."""
    face: NDArray[np.bool_]
    """(N,): whether the box was about a face, and not beside it."""
    half: NDArray[np.int64]
    """(N,): 0 or 1, by the person in the frame."""


@dataclass(frozen=True)
class Bin:
    """The answers to which a curve gives about the same probability."""

    low: float
    high: float
    count: int
    said: float
    """Their mean probability."""
    right: float
    """The share that is right. Boxes of faces and boxes beside faces have the same total weight."""


@dataclass(frozen=True)
class Calibrated:
    curve: Calibration
    bins: tuple[Bin, ...]
    """How the curve of each half of the people holds on the other half."""
    kept: float | None
    """Share of the right answers to boxes of faces that are kept by default; None where there is no
    such answer. The curve is the other half's, as for the bins."""
    dropped: float | None
    """Share of the wrong answers to boxes beside faces that are left out by default."""


def calibrate(
    run: str | Path,
    data: str | Path | None = None,
    device: str = "",
    strict: bool = False,
    reporter: Reporter | None = None,
) -> Calibrated:
    """Calibrate a finished run on its validation split; its record keeps the curve.

    Raises :class:`DataError` for data other than the run's, and for a model without scores.
    """
    reporter = reporter or Reporter()
    folder = RunFolder(Path(run))
    folder.read_record()  # raises for a run that is not finished, before the model is loaded
    predictor = TorchPredictor.of_run(folder.path, device)
    source = own_source(folder, data, strict, reporter)
    rows = source.measurable_rows("val")
    chosen = np.unique(np.linspace(0, len(rows) - 1, MOST_FRAMES).round().astype(np.int64))
    answers = ask(predictor, source.table, rows[chosen], partial(reporter.progress, "calibrating"))
    calibrated = fit_and_test(answers)
    with folder.held(wait=WAIT_FOR_RECORD):  # another process may be scoring a split
        record = folder.read_record().raw
        record["calibration"] = msgspec.to_builtins(calibrated.curve)
        save_record(record, folder.record)
    return calibrated


def ask(
    predictor: Predictor,
    table: SampleTable,
    rows: NDArray[np.int64],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Answers:
    """A model's answers to two boxes in each of these frames. Frames that cannot be read, or whose
    face has no size, are left out. The boxes are the same every time."""
    predictor.calibration = DOUBT
    halves = _halves([table.people[row] for row in rows.tolist()])
    answers: list[tuple[float, bool, bool, int]] = []
    for done, (row, half) in enumerate(zip(rows.tolist(), halves, strict=True), start=1):
        target, visible = table.points[row], table.visible[row]
        try:
            image = table.images[row]()
        except DataError:
            continue
        boxes = boxes_of(target[visible], image.shape, row)
        faces = predictor.predict(image, Finder.of_boxes(*boxes), min_confidence=0.0)
        errors = [
            float(headline_errors(face.points[None], target[None], visible[None], table.scheme)[0])
            for face in faces
        ]
        for face, error, about in zip(faces, errors, (True, False), strict=True):
            if np.isfinite(error):
                answers.append((face.score, error < RIGHT, about, half))
        progress(done, len(rows))
    scores, right, about_face, half_of = (np.array(each) for each in zip(*answers, strict=True))
    if not np.isfinite(scores).all() or np.ptp(scores) == 0:
        raise DataError(
            f"{predictor.name}: gives no scores that tell one face from another: it cannot be "
            "calibrated"
        )
    return Answers(scores, right, about_face, half_of)


def _halves(people: Sequence[str | None]) -> list[int]:
    """0 or 1 for each frame. People alternate in the order of their names; frames without a known
    person alternate in their own order."""
    halves = {person: i % 2 for i, person in enumerate(sorted({p for p in people if p}))}
    return [halves[person] if person else i % 2 for i, person in enumerate(people)]


def boxes_of(points: NDArray[np.floating], shape: tuple[int, ...], seed: int) -> tuple[Box, Box]:
    """A box about the face that has these points (M, 2), and one beside it, in a picture of this
    shape (height, width, ...)."""
    random = np.random.default_rng([seed, 0])
    face = points_box(points)
    return _off(face, random), _beside(face, shape, random)


def _off(face: Box, random: np.random.Generator) -> Box:
    """A face's box as a detector would give it: slightly off."""
    x0, y0, x1, y1 = face
    side = max(x1 - x0, y1 - y0)
    dx, dy, growth = random.uniform(-OFF, OFF, 3).tolist()
    return square_box((x0 + x1) / 2 + dx * side, (y0 + y1) / 2 + dy * side, side * (1 + growth))


def _beside(face: Box, shape: tuple[int, ...], random: np.random.Generator) -> Box:
    """A box of about the size of the face's, with its centre in the picture and almost no overlap
    with the face. Where the face fills the picture, it is the one of fifty boxes with the least
    overlap."""
    side = max(face[2] - face[0], face[3] - face[1])
    height, width = shape[:2]
    tried = []
    for _ in range(50):
        cx, cy = random.uniform((0, 0), (width, height)).tolist()
        box = square_box(cx, cy, side * random.uniform(0.4, 1.2))
        if iou(box, face) < BESIDE:
            return box
        tried.append(box)
    return min(tried, key=lambda box: iou(box, face))


def fit_and_test(answers: Answers) -> Calibrated:
    """Fit a curve to all answers, and test the curve of each half on the other half."""
    weights = _weights(answers.face)
    probabilities = np.zeros(len(answers.scores))
    for half in (0, 1):
        others = answers.half != half
        line = _fit(answers.scores[others], answers.right[others], weights[others])
        probabilities[~others] = _probabilities(line, answers.scores[~others])
    bins = tuple(_bins(probabilities, answers.right, weights))
    error = sum(each.count * abs(each.said - each.right) for each in bins) / len(probabilities)
    slope, intercept = _fit(answers.scores, answers.right, weights)
    curve = Calibration(
        slope=slope,
        intercept=intercept,
        faces=int(answers.face.sum()),
        others=int((~answers.face).sum()),
        error=round(error, 4),
    )
    passed = probabilities >= LIMIT
    return Calibrated(
        curve=curve,
        bins=bins,
        kept=_share(passed, answers.face & answers.right),
        dropped=_share(~passed, ~answers.face & ~answers.right),
    )


def _weights(face: NDArray[np.bool_]) -> Array:
    """Weights that give boxes of faces and boxes beside faces the same total weight."""
    share = max(face.mean(), 1e-9), max(1 - face.mean(), 1e-9)
    return np.asarray(np.where(face, 0.5 / share[0], 0.5 / share[1]), np.float64)


def _share(chosen: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return float(chosen[among].mean()) if among.any() else None


def _fit(scores: Array, right: NDArray[np.bool_], weights: Array) -> tuple[float, float]:
    """Slope and intercept of the logistic curve, by Newton's method. The targets are smoothed as in
    Platt scaling, so that scores which separate right from wrong answers have a curve too."""
    centre, spread = scores.mean(), max(float(scores.std()), 1e-9)
    columns = np.stack(((scores - centre) / spread, np.ones(len(scores))), axis=1)
    count = right.sum(), (~right).sum()
    target = np.where(right, (count[0] + 1) / (count[0] + 2), 1 / (count[1] + 2))
    line = np.zeros(2)
    for _ in range(50):
        probabilities = 0.5 + 0.5 * np.tanh(columns @ line / 2)
        gradient = columns.T @ (weights * (probabilities - target))
        variances = weights * probabilities * (1 - probabilities)
        hessian = (columns * variances[:, None]).T @ columns
        line = line - np.linalg.solve(hessian + 1e-6 * np.eye(2), gradient).clip(-2, 2)
    return float(line[0] / spread), float(line[1] - line[0] * centre / spread)


def _probabilities(line: tuple[float, float], scores: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh((line[0] * scores + line[1]) / 2), np.float64)


def _bins(probabilities: Array, right: NDArray[np.bool_], weights: Array) -> Iterator[Bin]:
    """Ten bins of the same width; empty ones are left out."""
    place = np.minimum((probabilities * 10).astype(np.int64), 9)
    for i in np.unique(place).tolist():
        here = place == i
        mean, share = (
            float(np.average(values[here], weights=weights[here]))
            for values in (probabilities, right)
        )
        yield Bin(i / 10, (i + 1) / 10, int(here.sum()), mean, share)
