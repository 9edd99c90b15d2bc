"""The comparison of two models on the same people: cases by hand, symmetries, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from board_samples import predict, record, save_run
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from zoo.api import DataError, UsageError
from zoo.evaluation.board.compare import compare
from zoo.evaluation.board.comparison import sentence
from zoo.evaluation.board.contestants import find_contestant
from zoo.evaluation.records import save_record

PEOPLE = [f"p{i}" for i in range(12)]
STEADY = {person: [0.05 + i / 500, 0.06 + i / 500] for i, person in enumerate(PEOPLE)}


def shifted(errors, by):
    return {person: [e + by for e in values] for person, values in errors.items()}


def against(a, b, split="val"):
    return compare(find_contestant(str(a), split), find_contestant(str(b), split), split)


def only_record(folder: Path, to: Path) -> Path:
    """Copy only the record of a run, as it is published."""
    save_record(json.loads((folder / "record.json").read_text()), to)
    return to


def test_a_steady_difference_has_no_width(tmp_path):
    a = save_run(tmp_path / "a", predict(STEADY), "a")
    b = save_run(tmp_path / "b", predict(shifted(STEADY, 0.012)), "b")
    c = against(a, b)
    assert c.error.a == pytest.approx(0.066, rel=1e-5)
    assert c.error.b == pytest.approx(0.078, rel=1e-5)
    assert c.error.difference == pytest.approx(-0.012, rel=1e-4)
    assert c.error.low == pytest.approx(-0.012, rel=1e-4)  # every person, so every draw
    assert c.error.high == pytest.approx(-0.012, rel=1e-4)
    assert c.significant
    assert sentence(c) == (
        "a-s0 is better than b-s0 by 1.20 points of NME inter-ocular [1.20, 1.20] and by 33.33 "
        "points of failures [16.67, 50.00]: both significant at 95% on 12 people; other people "
        "would hardly turn the order round."
    )
    assert sentence(against(b, a)).startswith("a-s0 is better than b-s0 by 1.20 points")
    assert (c.verdict, against(b, a).verdict, list(c.evidence)) == ("a", "b", ["nme_ioc", "fr_08"])


def test_two_people_by_hand(tmp_path):
    # a draw is (p, p), (p, q) or (q, q): 1/4, 1/2, 1/4. b is 4 points worse on p, which has three
    # frames, and 2 better on q, which has one: differences -4, (-12 + 2) / 4 and 2 points
    a = save_run(tmp_path / "a", predict({"p": [0.06] * 3, "q": [0.05]}), "a")
    b = save_run(tmp_path / "b", predict({"p": [0.10] * 3, "q": [0.03]}), "b")
    c = against(a, b)
    assert c.error.difference == pytest.approx(-0.025, rel=1e-5)
    assert c.error.low == pytest.approx(-0.04, rel=1e-4)
    assert c.error.high == pytest.approx(0.02, rel=1e-4)
    assert not c.significant
    assert sentence(c) == (
        "a-s0 and b-s0 cannot be told apart on these 2 people: they differ by 2.50 points of NME "
        "inter-ocular [-4.00, 2.00] and by 75.00 points of failures [-100.00, 0.00], and both "
        "intervals hold zero. With other people, the order might be the other way round."
    )
    assert c.verdict == "tied"
    assert (c.failures.a, c.failures.b) == (0, 0.75)
    assert (c.failures.low, c.failures.high) == (-1, 0)


def test_failures_alone_can_tell_two_apart_and_the_verdict_says_so(tmp_path):
    # b has half of its frames just above 8%; one very bad face hides this in the mean error
    errors = {person: [0.05, 0.079] for person in PEOPLE} | {"p0": [0.05, 1.0]}
    others = {person: [0.05, 0.083] for person in PEOPLE} | {"p0": [0.05, 0.9]}
    a = save_run(tmp_path / "a", predict(errors), "a")
    b = save_run(tmp_path / "b", predict(others), "b")
    c = against(a, b)
    assert not c.error.significant
    assert (c.verdict, list(c.evidence)) == ("a", ["fr_08"])
    assert c.to_dict()["evidence"] == ["fr_08"]
    text = sentence(c)
    assert text.startswith("a-s0 is better than b-s0 by 45.83 points of failures [")  # 11 of 24
    assert "Their mean errors alone do not tell them apart" in text


def test_one_model_can_have_the_smaller_error_and_the_other_fewer_failures(tmp_path):
    # a is 3 points better where both succeed; on the other frames a just fails and b just succeeds
    a = save_run(tmp_path / "a", predict({p: [0.02, 0.081] for p in PEOPLE}), "a")
    b = save_run(tmp_path / "b", predict({p: [0.05, 0.079] for p in PEOPLE}), "b")
    c = against(a, b)
    assert (c.verdict, list(c.evidence)) == ("mixed", ["nme_ioc", "fr_08"])
    assert sentence(c) == (
        "a-s0 has the smaller error, by 1.40 points of NME inter-ocular [1.40, 1.40], and b-s0 "
        "fewer failures, by 50.00 points of failures [50.00, 50.00]: both significant at 95% on 12 "
        "people. Which is better depends on which of the two counts."
    )


def test_the_draws_are_those_of_the_interval(tmp_path):
    # against a model without any error, the difference is the error, and so is its interval
    rng = np.random.default_rng(3)
    errors = {person: list(rng.uniform(0.02, 0.2, rng.integers(1, 5))) for person in PEOPLE}
    no_errors = {person: [0.0] * len(values) for person, values in errors.items()}
    a = save_run(tmp_path / "a", predict(errors), "a")
    c = against(a, save_run(tmp_path / "b", predict(no_errors), "b"))
    stored = json.loads((a / "record.json").read_text())["results"]["val"]
    assert c.error.difference == pytest.approx(stored["nme_ioc"])
    # a stored interval has its people in another order, so its bootstrap draws differ
    assert c.error.low == pytest.approx(stored["nme_ioc_low"], rel=0.03)
    assert c.error.high == pytest.approx(stored["nme_ioc_high"], rel=0.03)


frames = st.lists(st.floats(0, 0.3), min_size=1, max_size=4)


@given(st.lists(st.tuples(frames, st.integers(0, 10**6)), min_size=2, max_size=8))
@settings(max_examples=25, deadline=None)
def test_a_model_equals_itself_and_exchanging_models_flips_the_sign(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("runs")
    errors = {f"p{i}": values for i, (values, _) in enumerate(drawn)}
    other_errors = {
        f"p{i}": list(np.random.default_rng(seed).uniform(0, 0.3, len(values)))
        for i, (values, seed) in enumerate(drawn)
    }
    a = save_run(folder / "a", predict(errors), "a")
    b = save_run(folder / "b", predict(other_errors), "b")
    same = against(a, a)
    assert (same.error.difference, same.error.low, same.error.high) == (0, 0, 0)
    assert (same.failures.difference, same.failures.low, same.failures.high) == (0, 0, 0)
    assert not same.significant
    forward, backward = against(a, b), against(b, a)
    for one, other in ((forward.error, backward.error), (forward.failures, backward.failures)):
        assert one.difference == -other.difference
        assert one.low == pytest.approx(-other.high, rel=1e-9, abs=1e-15)
        assert one.high == pytest.approx(-other.low, rel=1e-9, abs=1e-15)
    assert forward.significant == backward.significant


def test_python_says_the_same(tmp_path):
    a = save_run(tmp_path / "a", predict(STEADY), "a")
    b = save_run(tmp_path / "b", predict(shifted(STEADY, 0.012)), "b")
    assert zoo.compare(a, str(b)) == against(a, b)


def test_records_alone_say_the_same(tmp_path):
    rng = np.random.default_rng(0)
    errors = {person: list(rng.uniform(0.02, 0.2, 3)) for person in PEOPLE}
    a = save_run(tmp_path / "a", predict(errors), "a")
    b = save_run(tmp_path / "b", predict(shifted(errors, 0.01)), "b")
    full = against(a, b)
    published = against(only_record(a, tmp_path / "a.json"), only_record(b, tmp_path / "b.json"))
    assert (full.source, published.source) == ("predictions", "records")
    for key in ("a", "b", "difference", "low", "high"):
        assert getattr(published.error, key) == pytest.approx(getattr(full.error, key), abs=1e-8)
        assert getattr(published.failures, key) == pytest.approx(
            getattr(full.failures, key), abs=1e-8
        )
    assert (published.people, published.faces) == (full.people, full.faces) == (12, 36)


def test_faces_that_one_missed_are_left_out_of_the_error_and_count_as_failures(tmp_path):
    errors = {person: [0.05, 0.05] for person in PEOPLE}
    half_missed = {person: [np.nan, 0.05] for person in PEOPLE}
    hard = {person: [0.30, 0.05] for person in PEOPLE}  # bad on the faces that the other misses
    a = save_run(tmp_path / "a", predict(half_missed), "a")
    b = save_run(tmp_path / "b", predict(hard), "b")
    c = against(a, b)
    assert c.error.difference == pytest.approx(0, abs=1e-9)  # equal on the faces that both found
    assert (c.faces, c.missed) == (12, 12)
    assert (c.failures.a, c.failures.b) == (0.5, 0.5)
    assert against(a, save_run(tmp_path / "c", predict(errors), "c")).failures.difference == 0.5
    # records cannot pair faces: each error is over the faces that its model found
    by_records = against(only_record(a, tmp_path / "a.json"), only_record(b, tmp_path / "b.json"))
    assert not by_records.paired
    assert by_records.error.b == pytest.approx(0.175)


def test_nothing_found_is_no_comparison(tmp_path):
    a = save_run(tmp_path / "a", predict({person: [np.nan] for person in PEOPLE}), "a")
    b = save_run(tmp_path / "b", predict({person: [0.05] for person in PEOPLE}), "b")
    with pytest.raises(DataError, match="no face that both found"):
        against(a, b)


def test_seeds_of_one_configuration_are_averaged(tmp_path):
    for seed, by in ((0, -0.01), (1, 0.03)):
        save_run(tmp_path / "runs" / f"a-s{seed}", predict(shifted(STEADY, by)), "a", seed)
    b = save_run(tmp_path / "b", predict(STEADY), "b")
    for target in (tmp_path / "runs", tmp_path / "runs" / "a-s*"):
        c = against(target, b)
        assert c.error.difference == pytest.approx(0.01, rel=1e-4)  # (-1 + 3) / 2 points
        assert (c.seeds_a, c.seeds_b) == (2, 1)
        assert c.a == "a a0123 (seeds 0, 1)"


def test_folds_are_concatenated(tmp_path):
    folder = {}
    for name, by in (("a", 0), ("b", 0.004)):
        for fold in range(5):
            people = {f"{fold}-{p}": own for p, own in shifted(STEADY, by + fold / 100).items()}
            data = {"protocol": "person-5fold/1", "fold": fold}
            folder[name] = tmp_path / name
            save_run(folder[name] / str(fold), predict(people), name, data=data, run=f"{fold}")
    c = against(folder["a"], folder["b"])
    assert (c.people, c.faces) == (60, 120)
    assert c.error.difference == pytest.approx(-0.004, rel=1e-4)
    with pytest.raises(DataError, match="folds 0, 1, 2, 3, 4 and 1"):
        against(folder["a"], folder["b"] / "1")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"protocol": "official/1"}, "protocol person/1 and official/1"),
        ({"fingerprint": "cafe" * 4}, "fingerprint of the data f00dbeef and cafecafecafe"),
        ({"dataset": "wflw"}, "data set drawn and wflw"),
        ({"region": "box"}, "region frame and box"),
        ({"metrics": 2}, "version of the metrics 1 and 2"),
    ],
)
def test_data_that_differs_is_refused_with_the_reason(tmp_path, data, what):
    a = save_run(tmp_path / "a", predict(STEADY), "a")
    b = save_run(tmp_path / "b", predict(STEADY), "b", data=data)
    with pytest.raises(DataError, match=f"do not compare: {what}"):
        against(a, b)


def test_other_frames_are_refused(tmp_path):
    a = save_run(tmp_path / "a", predict(STEADY), "a")
    b = save_run(tmp_path / "b", predict({p: STEADY[p] for p in PEOPLE[1:]}), "b")
    with pytest.raises(DataError, match="different frames: 2 of 24 and 0 of 22"):
        against(a, b)
    with pytest.raises(DataError, match="different frames, or on different people"):
        against(only_record(a, tmp_path / "a.json"), only_record(b, tmp_path / "b.json"))


def test_other_labels_are_refused(tmp_path):
    moved = predict(STEADY)
    moved = replace(moved, target=moved.target + 1, points=moved.points + 1)
    a = save_run(tmp_path / "a", predict(STEADY), "a")
    with pytest.raises(DataError, match="labels of their frames differ"):
        against(a, save_run(tmp_path / "b", moved, "b"))


def test_a_split_that_one_lacks_is_refused(tmp_path):
    a = save_run(tmp_path / "a", predict(STEADY), "a")
    b = save_run(tmp_path / "b", predict(STEADY), "b", split="test")
    with pytest.raises(DataError, match=r"no results on the val split, only on test.*--split val"):
        against(a, b)


def test_an_edited_record_is_refused(tmp_path):
    a = save_run(tmp_path / "a", predict(STEADY), "a", results={"nme_ioc": 0.01})
    b = save_run(tmp_path / "b", predict(STEADY), "b")
    with pytest.raises(DataError, match=r"a.record\.json: cannot be trusted: says nme_ioc = 0.01"):
        against(a, b)


def test_several_configurations_are_refused(tmp_path):
    save_run(tmp_path / "runs" / "a", predict(STEADY), "a")
    save_run(tmp_path / "runs" / "b", predict(STEADY), "b")
    with pytest.raises(UsageError, match=r"\(a a0123, linear, seed; b b0123, linear, seed\);"):
        against(tmp_path / "runs", tmp_path / "runs" / "a")


def test_an_old_record_without_predictions_says_what_to_do(tmp_path):
    old = record(predict(STEADY), "a")
    del old["results"]["val"]["by_person"]
    save_record(old, tmp_path / "a.json")
    b = save_run(tmp_path / "b", predict(STEADY), "b")
    with pytest.raises(DataError, match=r"a\.json: has no predictions.*zoo evaluate RUN"):
        against(tmp_path / "a.json", b)


def test_samples_without_people_are_called_samples(tmp_path):
    a = save_run(tmp_path / "a", predict({None: [0.05, 0.06, 0.07]}), "a")
    b = save_run(tmp_path / "b", predict({None: [0.06, 0.07, 0.08]}), "b")
    assert "on 3 samples; other samples would hardly" in sentence(against(a, b))
