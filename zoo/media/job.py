"""A job of `zoo predict`, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.prediction import Finder, Predictor
from zoo.videos import RATE

from .settings import OneEuro, Tracking
from .writers import Format


@dataclass(frozen=True)
class PredictJob:
    """What to do with every source."""

    predictor: Predictor
    finder: Finder
    out: Path
    no_face: str = "no face found"
    """Message for a picture or video without a face."""
    form: Format = "csv"
    pts: bool = False
    crops: bool = False
    """Write an aligned crop of each face."""
    draw: bool = True
    uncertainty: bool = False
    """Also draw where each point may be."""
    tracking: Tracking | None = field(default_factory=Tracking)
    """None: each frame of a video is predicted by itself."""
    smoothing: OneEuro | None = field(default_factory=OneEuro)
    """Smoothing of tracks; None: points as the model gives them."""
    batch: int = 16
    """Number of pictures, or of frames without tracking, that go through the model together."""
    min_confidence: float | None = None
    """Confidence below which a box holds no face; None: the model's own default."""
    rate: float = RATE
    """Frames a second of a sequence of pictures."""
    overwrite: bool = False
    """Replace what an earlier run wrote, instead of giving new files a number."""
    keep: bool = False
    """Collect the faces in ``PredictOutcome.kept``, for output as JSON."""


@dataclass
class PredictOutcome:
    """The results of a job."""

    faces: int = 0
    dropped: int = 0
    """Boxes of the detector that the model rejected: they hold no face."""
    failures: list[str] = field(default_factory=list)
    """One line each: what could not be read, and where no face was found."""
    kept: list[dict[str, Any]] = field(default_factory=list)
    """The pictures and frames with faces, as JSON holds them."""
    points: Path | None = None
    """The file of points, where one was written."""
    missing: str = ""
    """The part that was not done, where the work ended early."""
