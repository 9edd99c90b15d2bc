"""A model's error by condition of the picture: points change with it, and cards show the errors."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from coloured_spots import Brightest, Constant, predictor, spots
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_card import Spots

from zoo.data.table import read_table
from zoo.evaluation.records import Record
from zoo.evaluation.scores.calibration import Calibration
from zoo.export.card import _confidence, _shown
from zoo.export.conditions import PLAIN, Shown, by_condition, conditions, shrink, turn

TRUE = np.array([[40.0, 50.0], [80.0, 50.0], [60.0, 82.0]])
PLAINLY = Shown(spots(120, 140, TRUE), TRUE, (40.0, 46.0, 80.0, 86.0))


def centres(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Where the spots of a picture are, (3, 2)."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    mass = image.astype(np.float64).sum((0, 1))
    return np.stack([(image * each[..., None]).sum((0, 1)) / mass for each in (x, y)], -1)


@settings(max_examples=25, deadline=None)
@given(st.floats(-180, 180))
def test_points_turn_with_the_picture_and_the_box_stays_as_large(degrees: float) -> None:
    shown = turn(PLAINLY, degrees)
    np.testing.assert_allclose(centres(shown.image), shown.points, atol=0.1)
    corner, opposite = np.array(shown.box).reshape(2, 2)
    np.testing.assert_allclose(opposite - corner, 40, atol=1e-6)
    distances = np.linalg.norm(shown.points[:, None] - shown.points, axis=-1)
    np.testing.assert_allclose(distances, np.linalg.norm(TRUE[:, None] - TRUE, axis=-1), atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.floats(12, 60))
def test_a_smaller_copy_has_a_face_of_that_size(side: float) -> None:
    shown = shrink(PLAINLY, side)
    expected = min(side, 40)
    assert shown.box[2] - shown.box[0] == pytest.approx(expected, rel=0.02)
    assert np.ptp(shown.points[:, 0]) == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(centres(shown.image), shown.points, atol=0.15)


def test_a_blind_model_is_told_from_one_that_sees() -> None:
    table = read_table(Spots())
    seeing, blind = (
        by_condition(predictor(model), table, np.array([0])) for model in (Brightest(), Constant())
    )
    assert seeing["frames"] == blind["frames"] == 1
    assert list(seeing["conditions"]) == list(conditions())
    compressed = seeing["conditions"].pop("JPEG of quality 10")  # which smears spots that small
    assert compressed["nme"] > 0.05
    assert all(row["nme"] < 0.05 for row in seeing["conditions"].values())
    # its points stay those of an upright face: 40 px apart, and swapped by a half turn
    assert blind["conditions"]["turned by 180°"]["nme"] > 0.5
    assert blind["conditions"][PLAIN]["kept"] is None


def card_of(rows: Mapping[str, tuple[float, float | None]]) -> str:
    found = {name: {"nme": nme, "kept": kept} for name, (nme, kept) in rows.items()}
    return _shown({"split": "val", "frames": 9, "conditions": found})


def test_a_card_names_what_a_model_is_bad_at() -> None:
    text = card_of({PLAIN: (0.04, 1.0), "dark": (0.059, 0.5), "turned": (0.061, None)})
    assert "| as it is | 4.00% | 100.00% |\n| dark | 5.90% | 50.00% |\n" in text
    assert "| turned | 6.10% |  |" in text
    assert "more than 1.5 times that of the first row: turned. On 9 frames of val" in text
    even = card_of({PLAIN: (0.04, 1.0), "dark": (0.05, 1.0)})
    assert "In no row is its error more than 1.5 times that of the first." in even
    assert _shown(None) == ""


def test_a_card_says_what_confidence_means() -> None:
    curve = Calibration(slope=1.0, intercept=0.0, faces=200, others=180, error=0.031)
    record = cast(Record, SimpleNamespace(calibration=curve))
    words = " ".join(_confidence(record).split())
    assert "their NME is below 10%. It was fitted to 200 boxes of faces and 180 boxes" in words
    assert "was off by 3.10% on average" in words
    nothing: Any = SimpleNamespace(calibration=None)
    assert _confidence(nothing) == ""
