"""Every check of the list for metrics finds the one thing that is wrong with a metric."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zoo.testing import Outcome, checks

pytestmark = pytest.mark.usefixtures("quick_children")

KIND, GROUP = "metric", "zoo.metrics"

SOURCE = """
import numpy as np

from zoo.api import Metric


def distance(face):
    return np.linalg.norm(face.points - face.target, axis=1)[face.visible]


def worst(face):
    return distance(face).max() / face.length


def of(measure, **facts):
    return Metric(measure=measure, **facts)


healthy = of(worst, title="worst point", unit="%")
counted = of(lambda face: float((distance(face) < 4).mean()), lower_is_better=False)
no_unit = of(worst, unit=None)
two_faces = of(lambda face, other: 0.0)
a_list = of(lambda face: [1.0, 2.0])
calls = []


def counting(face):
    calls.append(face)
    return worst(face) + len(calls)


remembers = of(counting)
wrong_way = of(worst, lower_is_better=False)
every_point = of(lambda face: np.nanmean(np.linalg.norm(face.points - face.target, axis=1)))


def spread(face):
    with np.errstate(divide="ignore"):
        return distance(face).mean() / (face.visible.sum() > 1)


divides = of(spread)


def in_place(face):
    np.subtract(face.points, face.target, out=face.points)
    return np.abs(face.points[face.visible]).max()


writes = of(in_place)
"""

BROKEN = {
    "no_unit": ("declares_valid_facts", "Metric.unit is None: a text is wanted"),
    "two_faces": ("takes_one_face", "it cannot be called with a face alone"),
    "a_list": ("gives_a_number", "it gives a list, no number"),
    "remembers": ("gives_the_same_value_twice", "the same face measures"),
    "wrong_way": ("is_best_where_the_points_are_right", "with lower_is_better = False"),
    "every_point": ("ignores_points_without_a_label", "points without a label it measures"),
    "divides": ("takes_a_face_with_one_label", "measures inf; NaN is for those"),
    "writes": ("leaves_the_face_alone", "it changes the points that it was given"),
}


@pytest.mark.parametrize("plugin", ["healthy", "counted"])
def test_a_healthy_metric_passes_all(outcomes: Callable[..., list[Outcome]], plugin: str) -> None:
    found = outcomes(plugin)
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []
    assert len(found) == 10


@pytest.mark.parametrize("plugin", BROKEN)
def test_a_broken_metric_fails_the_check_that_is_about_it(
    failures: Callable[..., dict[str, str]], plugin: str
) -> None:
    check, words = BROKEN[plugin]
    found = failures(plugin)
    assert check in found
    assert words in found[check]
    if plugin not in ("remembers", "two_faces", "writes"):  # what they do shows elsewhere too
        assert list(found) == [check]


def test_each_check_has_a_metric_that_fails_it() -> None:
    elsewhere = {"found_through_metadata", "import_leaves_no_trace"}  # in test_kit
    named = [check.name for check in checks("healthy", KIND)]
    assert {check for check, _ in BROKEN.values()} | elsewhere == set(named)
