"""Jitter and lag: cases by hand, and data with known noise and delay."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.evaluation.scores.jitter import interocular, jitter, lag


def track(*xs: float) -> np.ndarray:
    """A track (frames, 1, 2) of one point that moves along x."""
    return np.array([[[x, 0.0]] for x in xs])


def wander(frames: int = 200, points: int = 8) -> np.ndarray:
    """Smooth random paths (frames, points, 2), different for each point."""
    random = np.random.default_rng(0)
    time = np.arange(frames)[:, None, None] / 25
    speed, phase = random.uniform(1, 4, (1, points, 2)), random.uniform(0, 6, (1, points, 2))
    return 50 + 20 * np.sin(speed * time + phase)


def test_jitter_by_hand() -> None:
    # second differences of 0 0 3 0 0: 3, -6, 3; their mean square is 54 / 3
    assert jitter(track(0, 0, 3, 0, 0), 10.0) == pytest.approx(np.sqrt(18) / 10)
    assert jitter(track(0, 2, 4, 6, 8), 10.0) == pytest.approx(0)  # a steady motion
    both = np.concatenate([track(0, 0, 3, 0, 0), track(1, 1, 1, 1, 1)], axis=1)
    assert jitter(both, 10.0) == pytest.approx(np.sqrt(9) / 10)


def test_jitter_of_normal_errors_is_what_the_formula_says() -> None:
    noise = np.random.default_rng(1).normal(0, 0.5, (4000, 4, 2))
    assert jitter(noise, 20.0) == pytest.approx(np.sqrt(12) * 0.5 / 20, rel=0.02)


def test_with_known_points_motion_is_no_jitter() -> None:
    known = wander()
    assert jitter(known, 40.0) > 0.005
    assert jitter(known + 7, 40.0, known) == pytest.approx(0)
    noise = np.random.default_rng(1).normal(0, 0.5, known.shape)
    assert jitter(known + noise, 40.0, known) == pytest.approx(jitter(noise, 40.0))


@pytest.mark.parametrize("late", [-3, 0, 1, 5])
def test_a_delay_of_whole_frames_is_found(late: int) -> None:
    path = wander(220)
    known, predicted = path[10:210], path[10 - late : 210 - late]
    assert lag(predicted, known) == pytest.approx(late, abs=0.02)


@pytest.mark.parametrize("late", [0.3, 1.5, 2.75])
def test_a_delay_between_frames_is_found(late: float) -> None:
    random = np.random.default_rng(0)
    time = np.arange(200)[:, None, None] / 25
    speed, phase = random.uniform(1, 4, (1, 8, 2)), random.uniform(0, 6, (1, 8, 2))
    known = np.sin(speed * time + phase)
    predicted = np.sin(speed * (time - late / 25) + phase)
    assert lag(predicted, known) == pytest.approx(late, abs=0.05)


def test_noise_hardly_moves_the_lag() -> None:
    path = wander(204)
    noise = np.random.default_rng(1).normal(0, 0.2, (200, 8, 2))
    assert lag(path[:200] + noise, path[2:202]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize(
    ("measure", "reason"),
    [
        (lambda: jitter(track(1, 2), 1.0), "three frames in a row, these are 2"),
        (lambda: lag(wander(20), wander(20)), "lag needs 48"),
        (lambda: lag(wander(100), wander(90)), "100 and 90 frames"),
        (lambda: lag(wander(60), np.zeros((60, 8, 2))), "do not move"),
    ],
)
def test_what_cannot_be_measured_is_refused(measure, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        measure()


def test_interocular_is_the_mean_over_frames() -> None:
    known = np.array([[[0.0, 0], [3, 4]], [[0, 0], [0, 15]]])
    assert interocular(known, (0, 1)) == pytest.approx(10)
