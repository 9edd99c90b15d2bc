"""An oracle and its mirrored predictions recover a label offset, whatever the oracle learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo.evaluation.audit.offset import (
    Mirrored,
    _resampled_medians,
    _weighted_median,
    measure_offset,
    offset_finding,
)
from zoo.geometry import label_scale


def shift_labels(data, offset):
    """The data with its labels shifted by ``offset`` in units of sqrt(w h), and the true points."""
    true = data.points.astype(float)
    scale = label_scale(true, data.visible)[:, None, None]
    return replace(data, points=(true + np.array(offset) * scale).astype(np.float32)), true


def oracle(data, true, learned=(0.0, 0.0), noise=0.0, trained_here=True):
    """A model that predicts the true points plus the offset ``learned``, on pictures and on their
    mirror images. Mirrored back, the horizontal offset has the opposite sign."""
    scale = label_scale(true, data.visible)[:, None, None]
    rng = np.random.default_rng(0)
    across, down = learned
    return Mirrored(
        model="oracle",
        frames="all of them",
        rows=np.arange(len(true)),
        plain=true + np.array([across, down]) * scale + noise * rng.normal(size=true.shape),
        back=true + np.array([-across, down]) * scale + noise * rng.normal(size=true.shape),
        trained_here=trained_here,
    )


@pytest.mark.parametrize("learned", [0.0, 0.02, -0.07])
def test_dx_is_recovered_whatever_horizontal_offset_the_model_learned(clean, learned):
    data, true = shift_labels(clean, (0.02, 0.0))
    measured = measure_offset(data, oracle(data, true, (learned, 0.0)))
    # shifted labels keep the scale of the true points, because all points move together
    assert measured["offset"][0] == pytest.approx(0.02, abs=1e-6)
    assert measured["before_mirroring"]["offset"][0] == pytest.approx(0.02 - learned, abs=1e-6)


def test_dy_is_what_the_model_has_not_learned(clean):
    data, true = shift_labels(clean, (0.0, 0.03))
    unbiased = measure_offset(data, oracle(data, true))
    assert unbiased["offset"][1] == pytest.approx(0.03, abs=1e-6)
    biased = measure_offset(data, oracle(data, true, (0.0, 0.03)))
    assert biased["offset"][1] == pytest.approx(0.0, abs=1e-6)


def test_clean_labels_have_no_offset_and_no_finding(clean):
    measured = measure_offset(clean, oracle(clean, clean.points.astype(float), (0.05, 0.0)))
    assert measured["verdict"] == "agrees"
    assert offset_finding(measured) == ()
    assert offset_finding(None) == ()


def test_a_declared_offset_that_is_there_is_no_finding(clean):
    data, true = shift_labels(clean, (0.02, 0.0))
    data = replace(data, label_offset=(0.02, 0.0))
    measured = measure_offset(data, oracle(data, true, noise=0.3))
    assert measured["verdict"] == "agrees"
    assert measured["declared"] == [0.02, 0.0]
    assert offset_finding(measured) == ()


@pytest.mark.parametrize(("declared", "planted_dx"), [(0.0, 0.02), (0.02, 0.0), (0.02, -0.02)])
def test_a_declared_offset_that_is_not_there_is_a_warning(clean, declared, planted_dx):
    data, true = shift_labels(clean, (planted_dx, 0.0))
    data = replace(data, label_offset=(declared, 0.0))
    measured = measure_offset(data, oracle(data, true, noise=0.3))
    [finding] = offset_finding(measured)
    assert (finding.kind, finding.severity, finding.count) == ("label", "warning", 24)
    assert finding.figures["dx_low"] < planted_dx < finding.figures["dx_high"]


def test_a_negligible_offset_is_no_finding(clean):
    data, true = shift_labels(clean, (0.0015, 0.0))
    assert measure_offset(data, oracle(data, true))["verdict"] == "agrees"


def test_a_weak_model_cannot_tell_the_declared_offset_from_none(clean):
    data, true = shift_labels(clean, (0.02, 0.0))
    data = replace(data, label_offset=(0.02, 0.0))
    measured = measure_offset(data, oracle(data, true, noise=15.0))
    assert measured["low"][0] < 0 < 0.02 < measured["high"][0]
    assert measured["verdict"] == "unclear"
    assert measured["nme"] > 0.1


def test_hidden_points_and_faces_without_extent_are_left_out(clean):
    data, true = shift_labels(clean, (0.02, 0.0))
    visible = data.visible.copy()
    visible[:, 2] = False
    visible[5] = False
    true[:, 2] += 1000
    measured = measure_offset(replace(data, visible=visible), oracle(data, true))
    assert measured["offset"][0] == pytest.approx(0.02, rel=0.01)
    assert measured["frames"] == 23


def test_rows_pick_the_frames_of_the_model(clean):
    data, true = shift_labels(clean, (0.02, 0.0))
    data.points[:10] += 50  # frames on which the model does not predict
    full = oracle(data, true)
    subset = replace(full, rows=full.rows[10:], plain=full.plain[10:], back=full.back[10:])
    measured = measure_offset(data, subset)
    assert measured["offset"][0] == pytest.approx(0.02, abs=1e-6)
    assert (measured["frames"], measured["people"]) == (14, 7)


def test_no_usable_face_measures_nothing(clean):
    data = replace(clean, visible=np.zeros_like(clean.visible))
    measured = measure_offset(data, oracle(data, data.points.astype(float)))
    assert (measured["offset"], measured["nme"], measured["verdict"]) == (None, None, "unclear")
    assert offset_finding(measured) == ()


def test_a_weighted_median_is_that_of_repeated_values():
    rng = np.random.default_rng(0)
    values = rng.normal(size=17)
    times = rng.integers(0, 4, size=(50, 17)).astype(float)
    times[:, 0] += 1  # at least one value in every draw
    expected = [np.median(np.repeat(values, t.astype(int))) for t in times]
    assert _weighted_median(values, times) == pytest.approx(expected)


def test_people_are_drawn_with_all_their_faces():
    """Two people with two faces each: a draw takes both people once, or one of them twice."""
    values = np.array([[0.0, 1.0], [2.0, 1.0], [10.0, 1.0], [30.0, 1.0]])
    draws = _resampled_medians(values, ["Ann", "Ann", "Bob", "Bob"])
    assert set(draws[:, 0].tolist()) == {1.0, 6.0, 20.0}
    assert set(draws[:, 1].tolist()) == {1.0}
    unnamed = _resampled_medians(values, [None] * 4)
    assert len(set(unnamed[:, 0].tolist())) > 3
