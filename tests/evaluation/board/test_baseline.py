"""A model that is no better than the mean shape is marked in every format, and never ranked."""

from __future__ import annotations

import csv
import io
import json

import pytest
from board_samples import predict, record, save_run, sources

from zoo.evaluation.board.baseline import has_learned
from zoo.evaluation.board.compare import compare
from zoo.evaluation.board.comparison import sentence
from zoo.evaluation.board.contestants import find_contestant
from zoo.evaluation.board.leaderboard import build, sort_keys
from zoo.evaluation.board.render import to_csv, to_frame, to_json, to_markdown
from zoo.evaluation.page import to_html

PEOPLE = [f"p{i}" for i in range(12)]
BASELINE = {"nme_ioc": 0.28, "nme_ioc_low": 0.25, "nme_ioc_high": 0.31, "nme_box": 0.16}
OF_BOX = {"nme_box": 0.16, "nme_box_low": 0.15, "nme_box_high": 0.17}


def entry(name, error, baseline=BASELINE, **changes):
    """The record of a run whose errors by person spread over about two points around ``error``."""
    errors = {person: [error + (i - 5.5) / 600] for i, person in enumerate(PEOPLE)}
    results = {"floor": dict(baseline)} | changes.pop("results", {})
    return record(predict(errors), name, results=results, **changes)


def board(*records, **options):
    [group] = build(sources(records), **options)
    return group


def learned(group):
    return {row.backbone: row.learned for row in group.rows}


def ranked(group):
    return [row.backbone for row in group.rows if row.tied or row.pareto]


@pytest.mark.parametrize(
    ("figures", "baseline", "expected"),
    [
        ({"nme_ioc": 0.24}, BASELINE, True),
        ({"nme_ioc": 0.25}, BASELINE, False),  # on the bound is not below it
        ({"nme_ioc": 0.27}, BASELINE, False),
        ({"nme_ioc": 0.40}, BASELINE, False),  # worse than the baseline
        # no interval of the baseline: the model's own must lie below
        ({"nme_ioc": 0.26, "nme_ioc_high": 0.27}, {"nme_ioc": 0.28}, True),
        ({"nme_ioc": 0.26, "nme_ioc_high": 0.29}, {"nme_ioc": 0.28}, False),
        # no interval at all
        ({"nme_ioc": 0.27}, {"nme_ioc": 0.28}, True),
        ({"nme_ioc": 0.28, "nme_ioc_high": None}, {"nme_ioc": 0.28, "nme_ioc_low": None}, False),
        # no error, or no baseline, to compare
        ({"nme_ioc": None}, BASELINE, None),
        ({"nme_ioc": 0.05}, {}, None),
    ],
)
def test_a_model_has_learned_below_the_baselines_interval(figures, baseline, expected):
    assert has_learned(figures, baseline, "nme_ioc") is expected


@pytest.mark.parametrize("sort", sort_keys())
def test_a_row_that_has_not_learned_comes_last_whatever_the_board_is_sorted_by(sort):
    cheap = {"model": {"parameters": 1, "gmacs": 0.001}, "cost": {"images_per_second": 1e6}}
    stuck = entry("stuck", 0.27, results={"loss": 1e-6, "fr_08": 0.0, "auc_08": 1.0}, **cheap)
    for sums in ("by_person", "ced"):  # they would contradict the edited rates
        del stuck["results"]["val"][sums]
    group = board(stuck, entry("good", 0.06), entry("fair", 0.09), sort=sort)
    assert [row.backbone for row in group.rows][-1] == "stuck"
    assert learned(group) == {"good": True, "fair": True, "stuck": False}
    assert "stuck" not in ranked(group)
    assert "good" in ranked(group)


def test_where_no_row_has_learned_none_is_marked_and_the_notes_say_why():
    group = board(entry("a", 0.27), entry("b", 0.29))
    assert ranked(group) == []
    [note] = group.notes
    assert note == (
        "not learned, so not ranked: its NME inter-ocular is not below the interval of the "
        "baseline, 28.00% [25.00, 31.00]"
    )


def test_the_only_row_that_has_learned_is_said_to_be_the_best():
    group = board(entry("a", 0.27), entry("b", 0.07))
    assert ranked(group) == ["b"]
    assert group.notes[0] == "best (=): the only row that has learned"


def test_seeds_count_by_their_mean_and_one_that_failed_is_named():
    group = board(entry("a", 0.06), entry("a", 0.30, seed=1), entry("a", 0.07, seed=2))
    assert learned(group) == {"a": True}
    assert "a: 1 of its 3 runs did not learn: a-s1" in group.notes
    group = board(entry("a", 0.20), entry("a", 0.30, seed=1), entry("a", 0.29, seed=2))
    assert learned(group) == {"a": False}


def test_folds_have_one_baseline_whose_half_widths_add_in_squares():
    def fold(k, error):
        return entry("a", error, run=f"a-f{k}", data={"protocol": "person-5fold/1", "fold": k})

    # five equal folds make the interval narrower by the root of five: 28 - 3 / sqrt(5)
    for error, expected in ((0.262, True), (0.270, False)):
        group = board(*(fold(k, error) for k in range(5)))
        assert group.baseline["nme_ioc_low"] == pytest.approx(0.28 - 0.03 / 5**0.5)
        assert learned(group) == {"a": expected}


def test_an_older_record_is_compared_with_the_baseline_interval_of_a_newer_one():
    old = entry("old", 0.26, baseline={"nme_ioc": 0.28})
    assert learned(board(old)) == {"old": True}  # its own interval ends below .28
    assert learned(board(old, entry("new", 0.06))) == {"old": False, "new": True}


def test_an_external_row_can_be_no_better_than_the_baseline():
    group = board(entry("theirs", 0.30, external=True, seed=None), entry("ours", 0.06))
    assert learned(group) == {"ours": True, "theirs": False}


def test_without_eye_corners_the_box_decides():
    no_ioc = dict.fromkeys(("nme_ioc", "nme_ioc_low", "nme_ioc_high"))

    def of_box(name, error):
        one = entry(name, 0.05, OF_BOX, results=no_ioc | {"nme_box": error})
        del one["results"]["val"]["by_person"]
        return one

    group = board(of_box("a", 0.155), of_box("b", 0.10))
    assert learned(group) == {"b": True, "a": False}
    assert ranked(group) == ["b"]
    assert (
        "its NME box is not below the interval of the baseline, 16.00% [15.00, 17.00]"
        in (group.notes[-1])
    )


def test_every_format_has_it():
    group = board(entry("good", 0.06), entry("stuck", 0.27))
    assert [row["learned"] for row in json.loads(to_json([group]))[0]["rows"]] == [True, False]
    lines = list(csv.DictReader(io.StringIO(to_csv([group]))))
    assert [line["learned"] for line in lines] == ["True", "False", ""]
    frame = to_frame([group])
    assert frame["learned"].tolist()[:2] == [True, False]
    assert frame["learned"].isna().tolist() == [False, False, True]
    assert "| stuck (not learned) |" in to_markdown([group])
    assert "stuck, not learned" in to_html([group])  # in the part for browsers without scripts


def test_a_comparison_says_when_nothing_was_learned(tmp_path):
    def run(name, error):
        errors = {person: [error + (i - 5.5) / 600] for i, person in enumerate(PEOPLE)}
        save_run(tmp_path / name, predict(errors), name, results={"floor": BASELINE})
        return find_contestant(str(tmp_path / name), "val")

    good, stuck, worse = run("good", 0.06), run("stuck", 0.27), run("worse", 0.29)
    both = compare(stuck, worse, "val")
    assert both.to_dict()["learned_a"] is False
    assert both.to_dict()["baseline"]["nme_ioc_low"] == 0.25
    assert sentence(both) == (
        "Neither stuck-s0 nor worse-s0 has learned: each one's NME inter-ocular is not below the "
        "interval of the baseline, 28.00% [25.00, 31.00]. Which of them is ahead says nothing."
    )
    one = compare(good, stuck, "val")
    assert (one.learned_a, one.learned_b) == (True, False)
    assert sentence(one).startswith("good-s0 is better than stuck-s0")
