"""Which rows are tied with the best, and which are on the Pareto front: cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from board_samples import predict, record, sources

from zoo.evaluation.board.leaderboard import build
from zoo.evaluation.board.render import to_csv, to_json, to_markdown
from zoo.evaluation.board.significance import sides

PEOPLE = [f"p{i}" for i in range(20)]


def board(*records, **options):
    [group] = build(sources(records), **options)
    return group


def marks(group, mark="tied"):
    return {row.backbone: getattr(row, mark) for row in group.rows}


def planted(shift=0.0, noise=0.0, seed=0):
    """Predictions for 20 people with two frames each; ``shift`` and noise change each error."""
    rng = np.random.default_rng(seed)
    hard = np.linspace(0.03, 0.12, 20)  # people differ much more than models do
    return predict(
        {
            person: [h + shift + noise * rng.normal(), h + shift + noise * rng.normal()]
            for person, h in zip(PEOPLE, hard, strict=True)
        }
    )


def test_a_small_but_steady_difference_is_real():
    # each person is half a point worse, and people differ by nine points: only pairs show it
    group = board(record(planted(), "best"), record(planted(0.005), "worse"))
    best, worse = group.rows
    assert worse.nme_ioc_low < best.nme_ioc < worse.nme_ioc < best.nme_ioc_high
    assert marks(group) == {"best": True, "worse": False}
    assert "paired bootstrap over 20 people" in group.notes[0]


def test_a_difference_that_comes_from_one_person_is_not_real():
    errors = {person: [0.05] for person in PEOPLE}
    one_bad = errors | {"p3": [0.25]}  # a whole point of NME, all of it from one person
    group = board(record(predict(errors), "best"), record(predict(one_bad), "unlucky"))
    assert marks(group) == {"best": True, "unlucky": True}


def test_the_same_predictions_are_tied_though_floats_differ():
    same = {person: [0.05 + i / 1000] for i, person in enumerate(PEOPLE)}
    rows = [record(predict(same), f"model{i}") for i in range(5)]
    assert all(marks(board(*rows)).values())


def test_failures_tell_apart_what_one_bad_face_hides_from_the_mean():
    # both have one very bad face of p0, which decides the mean. "coarse" also fails narrowly on a
    # third of the people: this changes the mean by .2 points and the failures by 33
    fine = {person: [0.05] for person in PEOPLE} | {"p0": [1.2]}
    coarse = {p: [0.081 if i % 3 == 1 else 0.05] for i, p in enumerate(PEOPLE)} | {"p0": [0.6]}
    group = board(record(predict(fine), "fine"), record(predict(coarse), "coarse"))
    assert [row.backbone for row in group.rows] == ["coarse", "fine"]  # by .02 points of 8
    assert [row.fr_08 for row in group.rows] == pytest.approx([0.4, 0.05])
    assert marks(group) == {"coarse": True, "fine": False}
    assert "fine fails less often than the best row" in " ".join(group.notes)
    assert [row.nme_median for row in group.rows] == pytest.approx([0.05, 0.05], abs=0.0025)


def test_one_person_is_not_enough_to_rank():
    group = board(
        record(predict({"p": [0.05, 0.05]}), "a"), record(predict({"p": [0.2, 0.2]}), "b")
    )
    assert marks(group) == {"a": True, "b": True}


def test_the_best_is_the_lowest_error_whatever_the_table_is_sorted_by():
    quick = record(planted(0.05), "quick", cost={"images_per_second": 900.0})
    group = board(record(planted(), "good"), quick, sort="images_per_second")
    assert [row.backbone for row in group.rows] == ["quick", "good"]
    assert marks(group) == {"good": True, "quick": False}


def test_seeds_are_averaged_before_they_are_compared():
    # each seed of "moody" differs from "steady", one up and one down; their mean does not
    steady = [record(planted(0.0, 0.001, seed=1), "steady", s) for s in (0, 1)]
    moody = [
        record(planted(-0.01), "moody", 0),
        record(planted(0.0105, 0.001, seed=2), "moody", 1),
    ]
    assert all(marks(board(*steady, *moody)).values())
    assert marks(board(*steady, moody[1])) == {"steady": True, "moody": False}


def test_rows_on_other_frames_are_compared_by_their_intervals_and_a_note_says_so():
    fewer = {person: [0.07, 0.09] for person in PEOPLE[:-1]}
    far = predict({person: [0.5, 0.5] for person in PEOPLE[:-1]})
    group = board(record(planted(), "a"), record(predict(fewer), "b"), record(far, "far"))
    assert marks(group) == {"a": True, "b": True, "far": False}
    assert "by their own intervals" in group.notes[0]
    assert "2 rows were scored on other frames than the best" in group.notes


def test_without_sums_intervals_decide_and_steady_differences_stay_hidden():
    old = [record(planted(shift), name) for shift, name in ((0, "a"), (0.005, "b"), (0.2, "c"))]
    for each in old:
        del each["results"]["val"]["by_person"]
    group = board(*old)
    assert marks(group) == {"a": True, "b": True, "c": False}
    assert "paired" not in group.notes[0]


def test_a_row_without_the_error_is_never_tied():
    missed = predict({person: [np.nan] for person in PEOPLE})
    group = board(
        record(predict({person: [0.05] for person in PEOPLE}), "a"), record(missed, "none")
    )
    assert marks(group) == {"a": True, "none": False}


def test_the_fast_sign_test_agrees_with_the_quantiles():
    rng = np.random.default_rng(0)
    draws = rng.normal(rng.uniform(-4, 4, 500), 1.0, (2000, 500))
    draws[:, :40] = draws[:, :40] - np.sort(draws[:, :40], axis=0)[49:51].mean(0)  # zero between
    draws[:, 40:50] = np.abs(draws[:, 40:50]) * (rng.uniform(size=(2000, 10)) < 0.5)  # many zeros
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    signs = sides(draws.T)
    assert signs.tolist() == ((low > 0).astype(int) - (high < 0)).tolist()
    assert set(signs.tolist()) == {-1, 0, 1}


def test_a_draw_that_is_not_a_number_cannot_be_told_apart():
    draws = np.ones((2000, 2))
    draws[7, 1] = np.nan
    assert sides(draws.T).tolist() == [1, 0]


def test_the_front_by_hand():
    def at(name, nme, gmacs):
        return record(
            predict({"p": [nme], "q": [nme]}), name, model={"parameters": 1, "gmacs": gmacs}
        )

    rows = [
        at("small", 0.09, 0.1),
        at("middle", 0.07, 0.5),
        at("dear", 0.08, 0.6),  # middle beats it in both
        at("same cost", 0.071, 0.5),  # middle beats it at the same cost
        at("big", 0.05, 2.0),
        at("same error", 0.05, 3.0),
        at("unknown cost", 0.01, None),
    ]
    front = marks(board(*rows), "pareto")
    assert sorted(name for name, on in front.items() if on) == ["big", "middle", "small"]
    twins = board(at("x", 0.05, 1.0), at("y", 0.05, 1.0))
    assert marks(twins, "pareto") == {"x": True, "y": True}  # neither is better in anything


def test_marks_stand_in_every_format():
    group = board(record(planted(), "best"), record(planted(0.01), "worse"))
    text = to_markdown([group])
    lines = [line for line in text.splitlines() if line.startswith(("| best", "| worse"))]
    assert [line.split(" | ")[2].strip() for line in lines] == ["=\\*", ""]
    assert "Best (=): no other row is tied with it at 95%" in text
    assert "best" in to_csv([group]).splitlines()[1]
    assert '"tied": true' in to_json([group])
    assert '"sources"' not in to_json([group])


def fold(k, errors, backbone="a", seed=0):
    people = {f"fold{k}-{person}": values for person, values in errors.items()}
    return record(
        predict(people),
        backbone,
        seed,
        data={"protocol": "person-5fold/1", "fold": k},
        run=f"{backbone}-{k}-s{seed}",
    )


def folds(shift, backbone):
    return [
        fold(k, {p: [0.04 + k / 50 + i / 500 + shift] for i, p in enumerate(PEOPLE)}, backbone)
        for k in range(5)
    ]


def test_folds_are_bootstrapped_over_the_people_of_all_of_them():
    records = folds(0, "a")
    [row] = board(*records).rows
    errors = [0.04 + k / 50 + i / 500 for k in range(5) for i in range(20)]
    assert row.nme_ioc == pytest.approx(np.mean(errors), rel=1e-5)
    # the 100 people are resampled together, so the spread between folds widens the interval
    standard = np.std(errors) / 10
    assert row.nme_ioc_high - row.nme_ioc_low == pytest.approx(2 * 1.96 * standard, rel=0.08)
    for each in records:
        del each["results"]["val"]["by_person"]
    [apart] = board(*records).rows
    assert apart.nme_ioc_high - apart.nme_ioc_low < 0.8 * (row.nme_ioc_high - row.nme_ioc_low)


def test_rows_of_folds_are_compared_over_all_their_people():
    group = board(*folds(0, "a"), *folds(0.001, "b"))
    assert marks(group) == {"a": True, "b": False}
    assert "over 100 people" in group.notes[0]
