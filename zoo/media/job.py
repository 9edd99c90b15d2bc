"""What `zoo predict` is asked to do, and what came of it."""

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
    """What is said of a picture or video without one."""
    form: Format = "csv"
    pts: bool = False
    crops: bool = False
    """Write an aligned crop of each face."""
    draw: bool = True
    uncertainty: bool = False
    """Draw where each point may be, too."""
    tracking: Tracking | None = field(default_factory=Tracking)
    """None: each frame of a video for itself."""
    smoothing: OneEuro | None = field(default_factory=OneEuro)
    """Smoothing of tracks; None: points as the model gives them."""
    batch: int = 16
    """Pictures, or frames that are not tracked, that go through the model together."""
    min_confidence: float | None = None
    """Confidence below which a box holds no face; None: the model's own default."""
    rate: float = RATE
    """Frames a second of a sequence of pictures, which do not say."""
    overwrite: bool = False
    """Replace what an earlier run wrote, instead of giving new files a number."""
    keep: bool = False
    """Collect what was marked, for who asks for JSON."""


@dataclass
class PredictOutcome:
    """What came of it."""

    faces: int = 0
    dropped: int = 0
    """Boxes that the detector found, and of which the model says that they hold no face."""
    failures: list[str] = field(default_factory=list)
    """One line each: what could not be read, and where no face was found."""
    kept: list[dict[str, Any]] = field(default_factory=list)
    """What JSON says of pictures and frames with faces."""
    points: Path | None = None
    """The file of points, where one was written."""
    missing: str = ""
    """What was not done, where the work ended early."""
