"""Every figure of the board, against small cases calculated by hand."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.api import IBUG68, LandmarkScheme, generic_scheme
from zoo.evaluation.scores.bootstrap import interval
from zoo.evaluation.scores.metrics import (
    METRICS,
    area_under_curve,
    baseline_points,
    board_losses,
    failure_rate,
    mean_shape,
    summarise,
)

SQUARE = LandmarkScheme(
    name="square",
    names=("a", "b", "c", "d"),
    eye_corners=(0, 1),
    pupils=((0, 2), (1, 3)),
    regions={"top": (0, 1), "bottom": (2, 3)},
)
CORNERS = np.array([[0.0, 0.0], [40.0, 0.0], [0.0, 90.0], [40.0, 90.0]])
"""Eye corners 40 apart; the box is 40 x 90, so sqrt(w h) = 60 and the diagonal 98.49."""


def face(shifts):
    """Predictions ``shifts`` (N, 4) pixels off the corners, the corners, and the visibility."""
    target = np.tile(CORNERS, (len(shifts), 1, 1))
    points = target + np.array(shifts, float)[..., None] * np.array([0.6, 0.8])
    return points, target, np.ones(target.shape[:2], bool)


def summary(points, target, visible, scheme=SQUARE, people=None):
    regions = np.tile([20.0, 45.0, 100.0], (len(points), 1))
    return summarise(points, target, visible, regions, scheme, people or [None] * len(points))


def test_nme_by_hand():
    # four points 1, 2, 3 and 6 pixels off: 3 on average
    result = summary(*face([[1, 2, 3, 6]]))
    assert result["nme_ioc"] == pytest.approx(3 / 40)
    assert result["nme_pupil"] == pytest.approx(3 / 40)
    assert result["nme_box"] == pytest.approx(3 / 60)
    assert result["nme_diag"] == pytest.approx(3 / np.hypot(40, 90))
    assert result["n"] == 1
    assert result["coverage"] == 1


def test_the_mean_is_over_faces_and_not_over_pooled_points():
    points, target, visible = face([[4, 4, 4, 4], [8, 8, 8, 8]])
    visible[0, 3] = False  # pooled over points this would be (3 * 4 + 4 * 8) / 7
    points[0, 3] = np.nan  # the prediction of an unlabelled point does not matter
    assert summary(points, target, visible)["nme_ioc"] == pytest.approx((4 / 40 + 8 / 40) / 2)


def test_points_on_a_line_are_measured_by_the_eyes_and_not_by_their_box():
    points, target, visible = face([[4, 4, 4, 4], [8, 8, 8, 8]])
    visible[0, 2:] = False
    result = summary(points, target, visible)
    assert (result["n"], result["unlabelled"], result["unmeasured"]) == (2, 0, 0)
    assert result["nme_ioc"] == pytest.approx((4 / 40 + 8 / 40) / 2)
    assert result["nme_box"] == pytest.approx(8 / 60)
    without_eyes = summary(points, target, visible, generic_scheme(4))
    assert (without_eyes["n"], without_eyes["unmeasured"]) == (1, 1)
    assert without_eyes["nme_box"] == pytest.approx(8 / 60)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 4])
def test_faces_without_size_have_no_error(count):
    """A scheme of one point, and points that all lie at one place."""
    target = np.full((2, count, 2), 7.0)
    result = summary(target + 1, target, np.ones((2, count), bool), generic_scheme(count))
    assert (result["n"], result["unlabelled"]) == (0, 2)
    names = ("nme_box", "nme_diag", "loss", "fr_08", "auc_08")
    assert [result[name] for name in names] == [None] * 5


def test_ibug_inter_ocular_is_points_36_and_45():
    target = np.random.default_rng(0).uniform(0, 100, (1, 68, 2))
    target[0, 36], target[0, 45] = (30, 50), (60, 90)  # 50 apart
    result = summary(target + np.array([3, 4]), target, np.ones((1, 68), bool), IBUG68)
    assert result["nme_ioc"] == pytest.approx(5 / 50)
    assert set(result["regions"]) == set(IBUG68.regions)
    assert result["regions"]["jaw"] == pytest.approx(5 / 50)


def test_the_error_of_a_region_is_over_its_own_points():
    result = summary(*face([[1, 3, 10, 20]]))
    assert result["regions"] == {"top": pytest.approx(2 / 40), "bottom": pytest.approx(15 / 40)}


def test_a_profile_divides_by_the_floor_and_is_counted():
    points, target, visible = face([[1, 1, 1, 1]])
    target[0, 1] = (1, 0)
    points[0] = target[0] + [0, 1]
    result = summary(points, target, visible)
    # eye corners 1 pixel apart, raised to .05 sqrt(40 * 90) = 3
    assert result["floored"] == 1
    assert result["nme_ioc"] == pytest.approx(1 / 3)


def test_faces_that_cannot_be_measured_are_left_out_and_counted():
    points, target, visible = face([[2] * 4, [9] * 4, [9] * 4])
    visible[1] = False
    visible[2, 0] = False  # an eye corner without a label
    result = summary(points, target, visible)
    assert (result["n"], result["unlabelled"], result["unmeasured"]) == (1, 1, 1)
    assert result["nme_ioc"] == pytest.approx(2 / 40)


def test_without_eye_corners_the_box_is_the_headline():
    points, target, visible = face([[6, 6, 6, 6], [3, 3, 3, 3]])
    result = summary(points, target, visible, generic_scheme(4), ["a", "b"])
    assert result["nme_ioc"] is None
    assert result["nme_ioc_low"] is None
    assert result["nme_box"] == pytest.approx((0.1 + 0.05) / 2)
    assert result["nme_box_low"] == pytest.approx(0.05)
    assert result["fr_08"] == 0.5


def test_failure_rate_and_auc_by_hand():
    errors = np.array([0.02, 0.08, 0.10, np.nan])
    assert failure_rate(errors, 0.08) == 0.5  # 8% itself is not above 8%; the missed face fails
    assert area_under_curve(errors, 0.08) == pytest.approx((0.75 + 0 + 0 + 0) / 4)
    assert area_under_curve(errors, 0.10) == pytest.approx((0.8 + 0.2 + 0 + 0) / 4)


def test_auc_is_the_area_below_the_cumulative_curve():
    errors = np.random.default_rng(0).uniform(0, 0.15, 500)
    grid = np.linspace(0, 0.08, 8001)
    curve = (errors[None] <= grid[:, None]).mean(1)
    assert area_under_curve(errors, 0.08) == pytest.approx(curve.mean(), abs=1e-3)


def test_missed_faces_fail_but_do_not_enter_the_nme():
    points, target, visible = face([[2] * 4, [2] * 4, [2] * 4, [2] * 4])
    points[1] = np.nan
    points[2, 3] = np.inf
    result = summary(points, target, visible)
    assert result["nme_ioc"] == pytest.approx(2 / 40)
    assert result["coverage"] == 0.5
    assert result["fr_08"] == 0.5
    assert result["auc_08"] == pytest.approx(0.5 * (1 - 0.05 / 0.08))
    assert result["n"] == 4


def test_nothing_found_has_no_nme_and_fails_everywhere():
    points, target, visible = face([[1] * 4])
    result = summary(points * np.nan, target, visible)
    assert (result["nme_ioc"], result["loss"], result["nme_ioc_low"]) == (None, None, None)
    assert (result["fr_08"], result["auc_08"], result["coverage"]) == (1, 0, 0)


def test_loss_by_hand():
    # In a region of 100 px a pixel is 224 / 100 / 50 = .0448 landmark units. Offsets of 10 and
    # 50 px are .448 and 2.24 units: SmoothL1 gives .448^2 / 2 and 2.24 - .5.
    target = np.zeros((1, 2, 2))
    points = np.array([[[10.0, 50.0], [7.0, 7.0]]])
    loss = board_losses(points, target, np.array([[True, False]]), np.array([[20.0, 45.0, 100.0]]))
    assert loss == pytest.approx([(0.448**2 / 2 + 2.24 - 0.5) / 2])


def test_loss_equals_the_loss_of_the_seed_as_torch_computes_it():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    points, target = rng.uniform(0, 1, (2, 3, 5, 2))
    regions = np.tile([0.5, 0.5, 1.0], (3, 1))  # so fractions of the region equal pixels
    units = [torch.tensor((224 * u - 100) / 50) for u in (points, target)]
    expected = torch.nn.functional.smooth_l1_loss(*units).item()
    losses = board_losses(points, target, np.ones((3, 5), bool), regions)
    assert losses.mean() == pytest.approx(expected)


def test_one_person_gives_an_interval_without_width():
    low, high = interval(np.array([0.1, 0.2, 0.6]), ["a"] * 3)
    assert low == pytest.approx(0.3)
    assert high == pytest.approx(0.3)


def test_equal_errors_give_an_interval_without_width():
    low, high = interval(np.full(30, 0.05), [f"p{i % 7}" for i in range(30)])
    assert low == pytest.approx(0.05)
    assert high == pytest.approx(0.05)


def test_two_people_bound_the_interval_between_their_means():
    # a draw is (a, a), (a, b) or (b, b): 1/4, 1/2, 1/4; frames weigh, so (a, b) gives 1 * .1 +
    # 3 * .5 over 4
    low, high = interval(np.array([0.1, 0.5, 0.5, 0.5]), ["a", "b", "b", "b"])
    assert low == pytest.approx(0.1)
    assert high == pytest.approx(0.5)
    middle = interval(np.array([0.1, 0.5, 0.5, 0.5]), ["a", "b", "b", "b"], level=0.2)
    assert middle == (pytest.approx(0.4), pytest.approx(0.4))


def test_repeated_people_widen_the_interval():
    errors = np.random.default_rng(1).normal(0.06, 0.02, 20).repeat(10)
    clustered = interval(errors, [f"p{i // 10}" for i in range(200)])
    single = interval(errors, [None] * 200)
    assert clustered[1] - clustered[0] > 2 * (single[1] - single[0])
    # the standard error of 20 independent people, times 2 * 1.96
    expected = 2 * 1.96 * errors[::10].std() / np.sqrt(20)
    assert clustered[1] - clustered[0] == pytest.approx(expected, rel=0.1)


def test_interval_is_the_same_every_time():
    errors = np.random.default_rng(2).uniform(0, 1, 50)
    people = [f"p{i % 9}" for i in range(50)]
    assert interval(errors, people) == interval(errors, people)


def test_the_mean_shape_is_over_visible_points():
    unit = np.array([[[0.2, 0.4], [0.0, 0.0], [9, 9]], [[0.4, 0.6], [0.5, 0.5], [9, 9]]])
    visible = np.array([[True, False, False], [True, True, False]])
    mean = mean_shape(unit, visible)
    assert mean[:2] == pytest.approx(np.array([[0.3, 0.5], [0.5, 0.5]]))
    assert mean[2] == pytest.approx(mean[:2].mean(0))  # visible in no face
    with pytest.raises(ValueError, match="at least one visible point"):
        mean_shape(unit, np.zeros_like(visible))


def test_floor_points_put_the_mean_shape_into_each_region():
    placed = baseline_points(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[10.0, 20.0, 8.0]]))
    assert placed == pytest.approx(np.array([[[10.0, 20.0], [6.0, 24.0]]]))


def test_metrics_know_whether_lower_is_better():
    assert METRICS["nme_ioc"].lower_is_better
    assert METRICS["fr_08"].lower_is_better
    assert not METRICS["auc_08"].lower_is_better
    assert not METRICS["images_per_second"].lower_is_better
    assert METRICS["nme_ioc"].percent
    assert not METRICS["loss"].percent
