"""The One-Euro filter against values computed by hand, and the effect of its constants."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zoo.media.settings import OneEuro
from zoo.media.smoothing import PointFilter, smoothing_factor


def test_a_smoothing_factor_by_hand() -> None:
    # tau = 1 / (2 pi f) = 1 s at f = 1 / (2 pi): alpha = 1 / (1 + tau / dt)
    assert smoothing_factor(1 / (2 * math.pi), 1.0) == pytest.approx(0.5)
    assert smoothing_factor(1 / (2 * math.pi), 0.25) == pytest.approx(0.2)
    # 25 frames a second, 1 Hz: 1 / (1 + 25 / 6.28319)
    assert smoothing_factor(1.0, 0.04) == pytest.approx(0.20085, abs=1e-5)


def test_three_frames_by_hand() -> None:
    """One point at x = 0, 10, 10; one frame a second; all cutoffs 1 / (2 pi), so alpha is 1/2 where
    beta has no effect."""
    half = 1 / (2 * math.pi)
    still = PointFilter(OneEuro(half, 0.0, half))
    xs = [float(still(np.array([[x, 0.0]]), 1.0, 1.0)[0, 0]) for x in (0, 10, 10)]
    assert xs == pytest.approx([0, 5, 7.5])

    # beta 1/(2 pi), a face of 10 px. Second frame: velocity (10 - 0) low-passed to 5 px/s, .5
    # sizes/s; cutoff 1.5 / (2 pi), alpha = 1 / (1 + 1/1.5) = .6; x = 6. Third: the paper's velocity
    # is from the filtered place, 10 - 6 = 4, low-passed to 5 + (4 - 5) / 2 = 4.5; cutoff
    # 1.45 / (2 pi), alpha = 1.45 / 2.45; x = 6 + 4 * 1.45 / 2.45.
    quick = PointFilter(OneEuro(half, half, half))
    xs = [float(quick(np.array([[x, 0.0]]), 10.0, 1.0)[0, 0]) for x in (0, 10, 10)]
    assert xs == pytest.approx([0, 6, 6 + 4 * 1.45 / 2.45])


def test_the_first_points_come_back_and_still_points_stay() -> None:
    points = np.random.default_rng(0).uniform(0, 99, (68, 2))
    smooth = PointFilter()
    for _ in range(5):
        np.testing.assert_allclose(smooth(points, 80.0, 0.04), points)


def test_faces_of_any_size_and_speed_of_both_axes_are_smoothed_alike() -> None:
    """The same video at three times the size gives the same points at three times the size."""
    track = np.cumsum(np.random.default_rng(1).normal(0, 1, (30, 5, 2)), axis=0)
    small, large = PointFilter(), PointFilter()
    for points in track:
        a, b = small(points, 50.0, 0.04), large(3 * points, 150.0, 0.04)
        np.testing.assert_allclose(3 * a, b)


def test_quick_points_lag_less_than_slow_ones_by_the_same_filter() -> None:
    def behind(speed: float) -> float:
        """The final lag, in frames, of a point that moves at ``speed`` face sizes a second."""
        smooth = PointFilter()
        step = 100 * speed * 0.04
        for frame in range(200):
            found = smooth(np.array([[frame * step, 0.0]]), 100.0, 0.04)
        return float(199 - found[0, 0] / step)

    lags = [behind(speed) for speed in (0.01, 0.1, 1.0)]
    assert lags[0] > 1.2 * lags[1] > 1.2**2 * lags[2]
    assert lags[2] < 0.5


def test_noise_on_a_still_face_shrinks() -> None:
    random = np.random.default_rng(2)
    smooth = PointFilter()
    noise = random.normal(0, 0.6, (300, 68, 2))  # of a face of 100 px, 1% of its eye distance
    out = np.stack([smooth(50 + each, 100.0, 0.04) for each in noise]) - 50
    assert out[50:].std() < 0.5 * noise.std()


def test_the_frame_rate_changes_how_often_and_not_how_much() -> None:
    """A step at 25 and at 100 frames a second is at the same place half a second later."""
    places = []
    for rate in (25, 100):
        smooth = PointFilter(OneEuro(1.0, 0.0))
        smooth(np.zeros((1, 2)), 100.0, 1 / rate)
        for _ in range(rate // 2):
            found = smooth(np.array([[1.0, 0.0]]), 100.0, 1 / rate)
        places.append(float(found[0, 0]))
    # both near 1 - exp(-2 pi / 2)
    assert places[0] == pytest.approx(places[1], abs=0.03)
    assert places[1] == pytest.approx(1 - math.exp(-math.pi), abs=0.03)
