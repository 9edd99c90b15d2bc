"""The comparison of two models by metrics of plugins, which need not be installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from board_samples import predict, record, save_run

from zoo.evaluation.board.compare import compare
from zoo.evaluation.board.comparison import MetricDifference
from zoo.evaluation.board.contestants import find_contestant
from zoo.evaluation.scores.results import results_of

if TYPE_CHECKING:
    from conftest import Plant

KEY = "stranger/off"
PEOPLE = {f"p{i}": [0.05] for i in range(12)}


def run_with(folder: Path, name: str, people: Any, sums: list[float] | None, **figure: Any) -> Path:
    """A run whose record has a figure of a metric that is not installed, with ``sums`` by person
    in the order of the record's people."""
    predictions = predict(people)
    by_person = record(predictions)["results"]["val"]["by_person"]
    metric = {"title": "off", "unit": "px", "version": "1.0", **figure}
    if sums is not None:
        metric["by_person"] = {"key": by_person["key"], "sum": sums, "n": by_person["n"]}
        metric.setdefault("value", sum(sums) / sum(by_person["n"]))
    return save_run(folder / name, predictions, name, results={"metrics": {KEY: metric}})


def metric_of(a: Path, b: Path) -> MetricDifference:
    sides = (find_contestant(str(each), "val") for each in (a, b))
    [metric] = compare(*sides, "val").metrics
    return metric


def test_two_people_by_hand(tmp_path: Path) -> None:
    # a draw is (p, p), (p, q) or (q, q): b is 4 px worse on p, which has three frames, and 2 px
    # better on q, which has one: differences of -4, (-12 + 2) / 4 and 2
    people = {"p": [0.05] * 3, "q": [0.05]}
    p_first = record(predict(people))["results"]["val"]["by_person"]["n"] == [3, 1]
    sums = [([18.0, 5.0], [30.0, 3.0]), ([5.0, 18.0], [3.0, 30.0])][not p_first]
    a, b = (run_with(tmp_path, name, people, s) for name, s in zip("ab", sums, strict=True))
    found = metric_of(a, b)
    assert (found.a, found.b) == (23 / 4, 33 / 4)
    assert found.paired is not None
    assert found.paired.difference == pytest.approx(-2.5)
    assert (found.paired.low, found.paired.high) == pytest.approx((-4, 2))
    assert found.better == ""


@pytest.mark.parametrize(("lower", "better"), [(True, "b"), (False, "a")])
def test_the_direction_of_the_metric_says_who_is_better(
    lower: bool, better: str, tmp_path: Path
) -> None:
    a = run_with(tmp_path, "a", PEOPLE, [5.0 + i for i in range(12)], lower_is_better=lower)
    b = run_with(tmp_path, "b", PEOPLE, [-1.0 + i for i in range(12)], lower_is_better=lower)
    found = metric_of(a, b)
    assert found.paired is not None
    assert (found.paired.low, found.paired.high) == pytest.approx((6, 6))
    assert found.better == better
    assert metric_of(b, a).better == {"a": "b", "b": "a"}[better]


def test_one_person_is_not_enough_to_decide(tmp_path: Path) -> None:
    one = {"p": [0.05, 0.06]}
    found = metric_of(*(run_with(tmp_path, n, one, [s]) for n, s in (("a", 2.0), ("b", 8.0))))
    assert found.paired is not None
    assert (found.paired.difference, found.better) == (-3, "")


@pytest.mark.parametrize(
    ("sums", "figure"),
    [(None, {"value": 3.0}), ([3.0] * 12, {"version": "2.0"})],
    ids=["no sums", "another version"],
)
def test_what_does_not_pair_is_shown_without_a_difference(
    sums: Any, figure: Any, tmp_path: Path
) -> None:
    a = run_with(tmp_path, "a", PEOPLE, [2.0] * 12)
    found = metric_of(a, run_with(tmp_path, "b", PEOPLE, sums, **figure))
    assert (found.a, found.b, found.paired, found.better) == (2.0, 3.0, None, "")


def test_a_metric_that_one_record_has_is_shown(tmp_path: Path) -> None:
    a = run_with(tmp_path, "a", PEOPLE, [2.0] * 12)
    found = metric_of(a, save_run(tmp_path / "b", predict(PEOPLE), "b"))
    assert (found.a, found.b, found.paired) == (2.0, None, None)


def test_a_metric_that_is_measured_is_summed_over_the_people_of_the_record(plant: Plant) -> None:
    source = """
import numpy as np
from zoo.api import Metric

def measure(face):
    off = float(np.linalg.norm(face.points - face.target, axis=1).max())
    return float("nan") if off > 30 else -off

off = Metric(measure=measure, unit="px")
"""
    plant("stranger", {"zoo.metrics": {"off": "off"}}, source)
    # errors of .1, .2 and .5 of 40 px are 4, 8 and 20 px; 1.0 is 40 px, which is not measured
    results = results_of(predict({"p": [0.1, 0.2], "q": [0.5, 1.0], "r": [1.0]}))
    sums, by_person = results["metrics"][KEY]["by_person"], results["by_person"]
    assert sums["key"] == by_person["key"]
    order = np.argsort(np.array(by_person["sum"]) / np.array(by_person["n"]))  # p, q, r
    assert np.array(sums["sum"])[order].tolist() == pytest.approx([-12, -20, 0], abs=1e-4)
    assert np.array(sums["n"])[order].tolist() == [2, 1, 0]
