"""The details of a record beside its figures: error curve, head turn and history."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.api import IBUG68, LandmarkScheme, generic_scheme
from zoo.datasets.drawn.model import Expression, Shape, build_face, landmarks, pose
from zoo.evaluation.scores.details import (
    TURNS,
    compact_history,
    error_curve,
    errors_by_turn,
    head_turn,
)
from zoo.evaluation.scores.metrics import failure_rate

TRIANGLE = LandmarkScheme(
    name="triangle", names=("l", "r", "n"), eye_corners=(0, 1), regions={"nose": (2,)}
)


def turn_of(*points, scheme=TRIANGLE, visible=None):
    target = np.array([points], float)
    labelled = np.ones(target.shape[:2], bool) if visible is None else np.array([visible])
    return head_turn(target, labelled, scheme)[0]


def test_the_curve_counts_faces_up_to_each_step():
    curve = error_curve(np.array([0.0, 0.0024, 0.0025, 0.1, 0.5, np.nan]))
    assert curve["step"] == 0.0025
    assert len(curve["values"]) == 61
    sixth = pytest.approx(1 / 6, abs=1e-6)
    assert curve["values"][0] == sixth  # the face without any error
    assert curve["values"][1] == pytest.approx(3 / 6)  # an error equal to a step counts
    assert curve["values"][39] == pytest.approx(3 / 6)
    assert curve["values"][40] == pytest.approx(4 / 6, abs=1e-6)  # 10%
    assert curve["values"][60] == pytest.approx(4 / 6, abs=1e-6)  # .5 is beyond, NaN never counts


def test_the_curve_agrees_with_the_failure_rates():
    errors = np.random.default_rng(0).uniform(0, 0.15, 1000).round(3)  # many at 8 and 10% exactly
    values = error_curve(errors)["values"]
    assert values[32] == pytest.approx(1 - failure_rate(errors, 0.08), abs=1e-9)
    assert values[40] == pytest.approx(1 - failure_rate(errors, 0.10), abs=1e-9)


def test_a_curve_of_nothing_is_flat():
    assert set(error_curve(np.array([]))["values"]) == {0.0}


def test_head_turn_by_hand():
    assert turn_of((0, 0), (40, 0), (20, 30)) == 0
    assert turn_of((0, 0), (40, 0), (24, 30)) == pytest.approx(0.1)  # towards the image's right
    assert turn_of((0, 0), (40, 0), (10, 30)) == pytest.approx(-0.25)


def test_rolling_shifting_and_scaling_the_head_changes_no_turn():
    face = np.array([(0, 0), (40, 0), (27, 30)], float)
    angle = np.radians(35)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rolled = 3 * face @ rotation.T + [100, 50]
    assert turn_of(*rolled) == pytest.approx(turn_of(*face))


def test_a_mirrored_head_turns_the_other_way():
    rng = np.random.default_rng(1)
    face = landmarks(build_face(Shape(), Expression()), pose(20, 5, 0, 6.0))
    face = face + rng.normal(0, 0.01, face.shape)
    mirrored = face[list(IBUG68.flip)] * [-1, 1]
    assert turn_of(*mirrored, scheme=IBUG68) == pytest.approx(-turn_of(*face, scheme=IBUG68))


def test_the_turn_grows_with_the_angle_of_a_drawn_head():
    face = build_face(Shape(), Expression())
    angles = (-40, -20, -5, 0, 5, 20, 40)
    turns = [turn_of(*landmarks(face, pose(a, 0, 0, 6.0)), scheme=IBUG68) for a in angles]
    assert turns == sorted(turns)
    assert turns[3] == pytest.approx(0, abs=1e-9)
    names = [b["name"] for t in turns for b in errors_by_turn(np.zeros(1), np.array([t])) if b["n"]]
    assert names[0] == "turned far left"
    assert names[3] == "facing the camera"
    assert names[-1] == "turned far right"


def test_an_unknown_head_turn_is_nan_or_none():
    assert np.isnan(turn_of((0, 0), (40, 0), (20, 30), visible=(True, True, False)))
    assert np.isnan(turn_of((5, 5), (5, 5), (20, 30)))  # no line between the eyes
    ones = np.ones((1, 3), bool)
    assert head_turn(np.zeros((1, 3, 2)), ones, generic_scheme(3)) is None
    noseless = LandmarkScheme(name="e", names=("l", "r", "n"), eye_corners=(0, 1))
    assert head_turn(np.zeros((1, 3, 2)), ones, noseless) is None


def test_bins_hold_every_face_once_and_means_are_over_found_faces():
    turn = np.array([-0.5, -0.15, -0.06, 0.0, 0.06, 0.15, np.nan])
    errors = np.array([0.1, 0.2, 0.3, 0.5, 0.4, np.nan, 0.9])
    bins = errors_by_turn(errors, turn)
    assert [b["n"] for b in bins] == [1, 1, 2, 1, 1]  # a bin holds its lower edge
    assert [b["nme"] for b in bins] == [0.1, 0.2, pytest.approx(0.4), 0.4, None]
    edges = [(b["low"], b["high"]) for b in bins]
    assert [low for low, _ in edges[1:]] == [high for _, high in edges[:-1]]
    assert edges[0][0] is None
    assert edges[-1][1] is None
    assert len({name for name, _, _ in TURNS}) == 5


def test_a_history_is_read_from_numbers_and_from_text():
    rows = [{"epoch": "2", "train_loss": "0.123456789", "val_loss": "nan", "lr": "", "seconds": 3}]
    assert compact_history(rows) == [
        {"epoch": 2, "train_loss": 0.123457, "val_loss": None, "val_nme": None, "lr": None}
    ]
    assert compact_history([{"epoch": "", "val_loss": 1.0}]) == []
