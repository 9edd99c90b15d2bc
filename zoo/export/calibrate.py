"""What a model's scores are worth: measured on faces and on boxes beside them, kept in its record.

Of each frame of the validation split the model is asked twice, as `zoo predict` would ask it: with
a box about the face that is somewhat off, as a detector's is, and with one beside it. An answer is
right where its points lie on the face. A logistic curve from the score to the probability of that
is fitted to all answers. How well it holds is measured on people that it was not fitted to: each
half of the people by the curve of the other half.
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
from ..runs.folder import RunFolder
from ..runs.own_data import own_source

MOST_FRAMES = 200
"""Frames that are asked, evenly spaced."""
OFF = 0.1
"""Largest shift of a face's box in its sides, and of its size as a fraction."""
BESIDE = 0.1
"""Largest overlap (IoU) of a box beside a face with the face's own."""
WAIT = 60.0
"""Seconds for which the result waits until another process has put its own into the record."""

DOUBT = Calibration(slope=0.0, intercept=-10.0)
"""Believes nothing, so that a prediction tries all quarter turns, and scores are of the best."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What a model says of N boxes."""

    scores: Array
    """(N,)"""
    right: NDArray[np.bool_]
    """(N,): whether the points are those of a face."""
    face: NDArray[np.bool_]
    """(N,): whether the box was about a face, and not beside it."""
    half: NDArray[np.int64]
    """(N,): 0 or 1, by the person who is shown."""


@dataclass(frozen=True)
class Bin:
    """The answers of which a curve says about the same."""

    low: float
    high: float
    count: int
    said: float
    """Their mean probability."""
    right: float
    """The share that is right. Boxes of faces and boxes beside them count the same in all."""


@dataclass(frozen=True)
class Calibrated:
    curve: Calibration
    bins: tuple[Bin, ...]
    """How the curve of each half of the people holds on the other half."""
    kept: float | None
    """Share of the right answers to boxes of faces that are kept by default; None: there is none.
    The curve is the other half's, as for the bins."""
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
    folder.read_record()  # of a finished run alone; that is said before the model is loaded
    predictor = TorchPredictor.of_run(folder.path, device)
    source = own_source(folder, data, strict, reporter)
    rows = source.measurable_rows("val")
    chosen = np.unique(np.linspace(0, len(rows) - 1, MOST_FRAMES).round().astype(np.int64))
    answers = ask(predictor, source.table, rows[chosen], partial(reporter.progress, "calibrating"))
    found = fit_and_test(answers)
    with folder.held(wait=WAIT):  # a split may be being scored
        record = folder.read_record().raw
        record["calibration"] = msgspec.to_builtins(found.curve)
        save_record(record, folder.record)
    return found


def ask(
    predictor: Predictor,
    table: SampleTable,
    rows: NDArray[np.int64],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Answers:
    """What a model says of two boxes of each of these frames; frames that cannot be read, or whose
    face has no size, are left out. The same boxes every time."""
    predictor.calibration = DOUBT
    halves = _halves([table.people[row] for row in rows.tolist()])
    answers: list[tuple[float, bool, bool, int]] = []
    for done, (row, half) in enumerate(zip(rows.tolist(), halves, strict=True), start=1):
        target, visible = table.points[row], table.visible[row]
        try:
            image = table.images[row]()
        except DataError:
            continue
        asked = boxes_of(target[visible], image.shape, row)
        faces = predictor.predict(image, Finder.of_boxes(*asked), min_confidence=0.0)
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
    """0 or 1 of each frame, by its person: every second one in the order of their names; frames of
    nobody known take turns."""
    place = {person: i % 2 for i, person in enumerate(sorted({p for p in people if p}))}
    return [place[person] if person else i % 2 for i, person in enumerate(people)]


def boxes_of(points: NDArray[np.floating], shape: tuple[int, ...], seed: int) -> tuple[Box, Box]:
    """A box about the face that has these points (M, 2), and one beside it, in a picture of this
    shape (height, width, ...)."""
    random = np.random.default_rng([seed, 0])
    own = points_box(points)
    return _off(own, random), _beside(own, shape, random)


def _off(own: Box, random: np.random.Generator) -> Box:
    """A face's box as a detector would give it: somewhat off."""
    x0, y0, x1, y1 = own
    side = max(x1 - x0, y1 - y0)
    dx, dy, growth = random.uniform(-OFF, OFF, 3).tolist()
    return square_box((x0 + x1) / 2 + dx * side, (y0 + y1) / 2 + dy * side, side * (1 + growth))


def _beside(own: Box, shape: tuple[int, ...], random: np.random.Generator) -> Box:
    """A box of about the size of the face, whose centre is in the picture and which has next to
    nothing of the face; where a face fills the picture, of fifty boxes the one that has least."""
    side = max(own[2] - own[0], own[3] - own[1])
    height, width = shape[:2]
    tried = []
    for _ in range(50):
        cx, cy = random.uniform((0, 0), (width, height)).tolist()
        box = square_box(cx, cy, side * random.uniform(0.4, 1.2))
        if iou(box, own) < BESIDE:
            return box
        tried.append(box)
    return min(tried, key=lambda box: iou(box, own))


def fit_and_test(answers: Answers) -> Calibrated:
    """The curve of all answers, and how that of each half holds on the other."""
    weights = _weights(answers.face)
    said = np.zeros(len(answers.scores))
    for half in (0, 1):
        others = answers.half != half
        of_others = _fit(answers.scores[others], answers.right[others], weights[others])
        said[~others] = _said(of_others, answers.scores[~others])
    bins = tuple(_bins(said, answers.right, weights))
    error = sum(each.count * abs(each.said - each.right) for each in bins) / len(said)
    slope, intercept = _fit(answers.scores, answers.right, weights)
    curve = Calibration(
        slope=slope,
        intercept=intercept,
        faces=int(answers.face.sum()),
        others=int((~answers.face).sum()),
        error=round(error, 4),
    )
    passed = said >= LIMIT
    return Calibrated(
        curve=curve,
        bins=bins,
        kept=_share(passed, answers.face & answers.right),
        dropped=_share(~passed, ~answers.face & ~answers.right),
    )


def _weights(face: NDArray[np.bool_]) -> Array:
    """So that boxes of faces and boxes beside them count the same in all."""
    part = max(face.mean(), 1e-9), max(1 - face.mean(), 1e-9)
    return np.asarray(np.where(face, 0.5 / part[0], 0.5 / part[1]), np.float64)


def _share(those: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return float(those[among].mean()) if among.any() else None


def _fit(scores: Array, right: NDArray[np.bool_], weights: Array) -> tuple[float, float]:
    """Slope and intercept by Newton's method. Both kinds of answers are taken to be wrong about
    one more of theirs (Platt), so that scores which part them perfectly have a curve too."""
    centre, spread = scores.mean(), max(float(scores.std()), 1e-9)
    columns = np.stack(((scores - centre) / spread, np.ones(len(scores))), axis=1)
    count = right.sum(), (~right).sum()
    target = np.where(right, (count[0] + 1) / (count[0] + 2), 1 / (count[1] + 2))
    known = np.zeros(2)
    for _ in range(50):
        said = 0.5 + 0.5 * np.tanh(columns @ known / 2)
        slope = columns.T @ (weights * (said - target))
        curvature = (columns * (weights * said * (1 - said))[:, None]).T @ columns
        known = known - np.linalg.solve(curvature + 1e-6 * np.eye(2), slope).clip(-2, 2)
    return float(known[0] / spread), float(known[1] - known[0] * centre / spread)


def _said(curve: tuple[float, float], scores: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh((curve[0] * scores + curve[1]) / 2), np.float64)


def _bins(said: Array, right: NDArray[np.bool_], weights: Array) -> Iterator[Bin]:
    """Ten of the same width; those without an answer are left out."""
    place = np.minimum((said * 10).astype(np.int64), 9)
    for i in np.unique(place).tolist():
        here = place == i
        mean, share = (float(np.average(of[here], weights=weights[here])) for of in (said, right))
        yield Bin(i / 10, (i + 1) / 10, int(here.sum()), mean, share)
