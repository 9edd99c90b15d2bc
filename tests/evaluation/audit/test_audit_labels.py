"""Points out of frame, faces that cannot be measured, and labels on a grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo.api import generic_scheme
from zoo.evaluation.audit.labels import degenerate_faces, normaliser_facts, out_of_frame
from zoo.evaluation.audit.pictures import look_at
from zoo.evaluation.audit.quantisation import (
    ROUNDING,
    find_grid,
    quantised,
    rounding_error,
)
from zoo.evaluation.audit.subject import FrameNames
from zoo.evaluation.scores.metrics import summarise


def outside_findings(data):
    return out_of_frame(data, look_at(data), FrameNames(data, anonymous=False))


def degenerate_findings(data):
    return degenerate_faces(data, FrameNames(data, anonymous=False))


def move_point(data, row, point, place):
    points = data.points.copy()
    points[row, point] = place
    return replace(data, points=points)


@pytest.mark.parametrize(
    ("place", "beyond"),
    [
        ((-0.5, 40), None),  # the left edge of the first pixel belongs to the picture
        ((-0.75, 40), 0.25),
        ((40, 95.5), None),
        ((40, 97.5), 2.0),
        ((99.5, 40), 4.0),
    ],
)
def test_points_beyond_an_edge(clean, place, beyond):
    findings = outside_findings(move_point(clean, 3, 2, place))
    if beyond is None:
        assert findings == ()
        return
    [finding] = findings
    assert (finding.count, finding.unit, finding.severity) == (1, "faces", "note")
    assert finding.figures == {"points": 1, "mostly_outside": 0, "farthest_px": beyond}
    assert finding.examples == (f"{clean.ids[3]}: 1 point, up to {beyond:.1f} px",)


def test_the_edge_is_that_of_the_picture_of_the_frame(clean):
    narrow = clean.but(3, pictures=clean.pictures[3][:, :60])
    [finding] = outside_findings(narrow)
    assert finding.examples[0].startswith(f"{clean.ids[3]}: 2 points")


def test_a_hidden_point_or_an_unreadable_picture_is_not_outside(clean):
    data = move_point(clean, 3, 2, (500, 500))
    hidden = data.visible.copy()
    hidden[3, 2] = False
    assert outside_findings(replace(data, visible=hidden)) == ()
    assert outside_findings(data.but(3, pictures=None)) == ()


def test_labels_of_another_picture_are_a_warning(clean):
    points = clean.points.copy()
    points[3] += 80
    [finding] = outside_findings(replace(clean, points=points))
    assert finding.severity == "warning"
    assert finding.figures["mostly_outside"] == 1


def test_clean_faces_can_be_measured(clean):
    assert degenerate_findings(clean) == ()


def test_eye_corners_that_coincide_are_found(clean):
    [finding] = degenerate_findings(move_point(clean, 4, 0, clean.points[4, 1]))
    assert (finding.id, finding.count) == ("degenerate_normaliser", 1)
    assert finding.examples == (clean.ids[4],)


def test_the_limit_is_that_of_the_metrics(clean):
    """The box is 20 x 45 pixels: sqrt(w h) = 30, of which 5% are 1.5 pixels."""
    face = [[10.0, 10.0], [12.0, 10.0], [30.0, 30.0], [10.0, 55.0], [20.0, 55.0]]
    points = clean.points.copy()
    points[4] = face
    assert degenerate_findings(replace(clean, points=points)) == ()
    points[4, 1, 0] = 11.25
    assert [f.id for f in degenerate_findings(replace(clean, points=points))] == [
        "degenerate_normaliser"
    ]


def test_a_face_without_an_eye_corner_and_one_without_points(clean):
    visible = clean.visible.copy()
    visible[2, 0] = False
    visible[7] = False
    findings = {f.id: f.examples for f in degenerate_findings(replace(clean, visible=visible))}
    assert findings == {"no_eye_corners": (clean.ids[2],), "no_extent": (clean.ids[7],)}


def test_a_scheme_without_eye_corners_is_measured_by_its_box(clean):
    data = replace(clean, scheme=generic_scheme(5))
    assert degenerate_findings(data) == ()
    points = data.points.copy()
    points[4, :, 1] = 20  # all on a line
    assert [f.id for f in degenerate_findings(replace(data, points=points))] == ["no_extent"]
    assert normaliser_facts(data)["name"] == "box"


def test_normaliser_facts_by_hand(clean):
    points = clean.points.copy()
    points[:, 0], points[:, 1] = [20, 30], [60, 60]  # corners 50 pixels apart
    facts = normaliser_facts(replace(clean, points=points))
    assert facts == {"name": "ioc", "median_px": 50.0, "quartiles_px": [50.0, 50.0]}


@pytest.fixture
def places():
    """Labels that lie on no grid: 300 faces of 5 points."""
    return np.random.default_rng(0).uniform(0, 200, (300, 5, 2)).astype(np.float32)


ALL_VISIBLE = np.ones((300, 5), bool)


def test_labels_that_were_never_rounded_have_no_grid(places):
    assert find_grid(places, ALL_VISIBLE) is None


@pytest.mark.parametrize("pitch", [10.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.2, 0.1, 0.01])
@pytest.mark.parametrize("shift", [0.0, -0.5, 0.3])
def test_the_pitch_of_rounded_labels_is_found(places, pitch, shift):
    rounded = np.round(places / pitch) * pitch + shift
    grid = find_grid(rounded.astype(np.float32), ALL_VISIBLE)
    assert grid is not None
    assert grid.pitch == pitch
    assert grid.share == 1
    for phase in grid.phase:  # modulo the pitch: 0 and the pitch are the same phase
        difference = (phase - shift + pitch / 2) % pitch - pitch / 2
        assert difference == pytest.approx(0, abs=1e-4)


def test_the_axes_need_not_share_their_phase(places):
    grid = find_grid(np.round(places) + np.float32([0.5, 0.25]), ALL_VISIBLE)
    assert grid is not None
    assert grid.pitch == 1
    assert grid.phase == pytest.approx((0.5, 0.25), abs=1e-4)


def test_one_axis_alone_is_no_grid(places):
    places[..., 0] = np.round(places[..., 0])
    assert find_grid(places, ALL_VISIBLE) is None


def test_a_label_in_a_thousand_may_lie_beside_the_grid_but_not_one_in_ten(places):
    places = np.round(places)
    places[:1, 0] += 0.371234
    grid = find_grid(places, ALL_VISIBLE)
    assert grid is not None
    assert grid.pitch == 1
    assert grid.count == 2998
    places[:150, 0] += 0.371234
    assert find_grid(places, ALL_VISIBLE) is None


def test_hidden_labels_say_nothing_of_the_grid(places):
    places, visible = np.round(places), ALL_VISIBLE.copy()
    places[:, 2] += np.float32(0.371234)
    assert find_grid(places, visible) is None
    visible[:, 2] = False
    grid = find_grid(places, visible)
    assert grid is not None
    assert grid.pitch == 1


def test_too_few_places_are_no_grid(places):
    assert find_grid(np.round(places[:1]), ALL_VISIBLE[:1]) is None
    assert find_grid(np.full((300, 5, 2), 8.0), ALL_VISIBLE) is None


def test_rounding_is_the_mean_distance_from_the_centre_of_a_square():
    error = np.random.default_rng(0).uniform(-0.5, 0.5, (2_000_000, 2))
    assert np.hypot(*error.T).mean() == pytest.approx(ROUNDING, rel=1e-3)


@pytest.mark.parametrize("pitch", [1.0, 2.0])
def test_the_rounding_error_is_what_a_perfect_model_scores_on_rounded_labels(clean, pitch):
    rng = np.random.default_rng(1)
    true = np.tile(clean.points, (40, 1, 1)) + rng.uniform(-20, 20, (960, 1, 2))
    true *= rng.uniform(0.5, 2, (960, 1, 1))  # faces of many sizes
    labels = np.round(true / pitch) * pitch
    visible = np.ones((960, 5), bool)
    data = replace(clean, points=labels, visible=visible)
    results = summarise(
        true, labels, visible, np.tile([48.0, 48.0, 96.0], (960, 1)), clean.scheme, [None] * 960
    )
    assert rounding_error(data, pitch) == pytest.approx(results["nme_ioc"], rel=0.02)


def test_the_rounding_error_by_hand(clean):
    """Eye corners 40 and 20 pixels apart (more than 5% of the box): the mean of .3826 / d."""
    points = clean.points[:2].copy()
    points[0, :2], points[1, :2] = [[20, 30], [60, 30]], [[20, 30], [40, 30]]
    data = replace(clean, points=points, visible=clean.visible[:2])
    assert rounding_error(data, 1.0) == pytest.approx((0.38260 / 40 + 0.38260 / 20) / 2, rel=1e-4)
    unlabelled = replace(data, visible=np.zeros_like(data.visible))
    assert rounding_error(unlabelled, 1.0) is None


@pytest.mark.parametrize(("least", "severity"), [(0.0096, "warning"), (0.002, "note"), (1e-4, "")])
def test_a_grid_is_a_finding_where_it_can_be_seen_in_results(clean, least, severity):
    grid = find_grid(np.round(clean.points), clean.visible)
    assert [f.severity for f in quantised(grid, least)] == ([severity] if severity else [])
    assert quantised(None, None) == ()
