"""Protocols: the split of each frame, no person in two splits, and errors."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.api import DataError, UsageError
from zoo.evaluation.scores.protocols import PROTOCOLS, applicable, assign, find_protocol

people_of_frames = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=60)


def split_by_people(protocol, people, releases=None, fold=0):
    ids = [f"{i}.jpg" for i in range(len(people))]
    return assign(protocol, ids, people, releases or [None] * len(people), fold)


@given(people_of_frames)
def test_person_puts_no_person_into_two_splits(people):
    splits = split_by_people("person", people)
    for person in people:
        assert len({s for s, p in zip(splits, people, strict=True) if p == person}) == 1


@given(people_of_frames)
def test_person_follows_the_hash_of_the_name(people):
    for split, person in zip(split_by_people("person", people), people, strict=True):
        number = crc32(person.encode("utf-8")) % 100
        assert split == ("test" if number < 15 else "val" if number < 25 else "train")


@given(people_of_frames, st.integers(0, 4))
def test_a_fold_shares_no_person_between_its_splits(people, fold):
    splits = split_by_people("person-5fold", people, fold=fold)
    for person in people:
        assert len({s for s, p in zip(splits, people, strict=True) if p == person}) == 1


@given(people_of_frames)
def test_every_frame_is_scored_by_exactly_one_fold(people):
    scored = sum((split_by_people("person-5fold", people, fold=k) == "test") for k in range(5))
    assert (np.asarray(scored) == 1).all()


def test_folds_and_their_val_people_are_balanced():
    people = [f"Person_{i}" for i in range(5000)]
    for fold in range(5):
        splits = split_by_people("person-5fold", people, fold=fold)
        assert (splits == "test").mean() == pytest.approx(0.2, abs=0.02)
        assert (splits == "val").mean() == pytest.approx(0.08, abs=0.015)


def test_official_takes_its_test_from_the_release_and_val_from_training_frames():
    people = ["a", "b", "c", "d", "e", "f"] * 2
    releases = ["train"] * 6 + ["test"] * 6
    splits = split_by_people("official", people, releases)
    assert (splits[6:] == "test").all()
    for split, person in zip(splits[:6], people, strict=False):
        val = 15 <= crc32(person.encode()) % 100 < 25
        assert split == ("val" if val else "train")


def test_official_has_val_people_among_enough_people():
    people = [f"p{i}" for i in range(300)]
    splits = split_by_people("official", people, ["train"] * 300)
    assert set(splits) == {"train", "val"}


def test_official_says_that_it_leaks():
    assert "same people, same videos" in PROTOCOLS["official"].heading


def test_release_takes_a_tenth_of_training_by_id_and_needs_no_people():
    ids = [f"{i:05}.jpg" for i in range(2000)]
    releases = ["test" if i % 4 == 0 else "train" for i in range(2000)]
    splits = assign("release", ids, [None] * 2000, releases)
    assert all((s == "test") == (r == "test") for s, r in zip(splits, releases, strict=True))
    for split, name, release in zip(splits, ids, releases, strict=True):
        if release == "train":
            assert (split == "val") == (crc32(name.encode()) % 10 == 0)
    assert (splits == "val").sum() == pytest.approx(150, abs=40)


def test_a_sample_keeps_its_split_when_others_are_added():
    few = split_by_people("person", ["a", "b", "c"])
    many = split_by_people("person", ["x", "a", "y", "b", "c", "z"])
    assert list(few) == [many[1], many[3], many[4]]


def test_missing_people_name_the_sample_and_a_protocol_that_applies():
    with pytest.raises(DataError, match=r"'1\.jpg' names no person; use --protocol release"):
        split_by_people("person", ["a", None], ["train", "test"])


def test_release_split_missing_names_the_protocols_that_apply():
    with pytest.raises(DataError, match="no release split; use --protocol person or person-5fold"):
        split_by_people("official", ["a", "b"])


def test_no_protocol_at_all_says_so():
    with pytest.raises(DataError, match="no protocol applies"):
        split_by_people("person", [None])


def test_a_release_split_of_another_name_is_the_adapters_mistake():
    with pytest.raises(DataError, match="'validation'"):
        split_by_people("release", ["a"], ["validation"])


def test_unknown_protocol_gets_close_matches():
    with pytest.raises(UsageError, match="did you mean person"):
        split_by_people("persn", ["a"])


@pytest.mark.parametrize(("protocol", "fold"), [("person-5fold", 5), ("person", 1)])
def test_unknown_fold_is_wrong_usage(protocol, fold):
    with pytest.raises(UsageError, match=f"no fold {fold}"):
        split_by_people(protocol, ["a"], fold=fold)


def test_records_find_their_protocol_by_label_and_never_another_version():
    assert find_protocol("person/1") is PROTOCOLS["person"]
    assert PROTOCOLS["person"].label == "person/1"
    with pytest.raises(UsageError, match="person/1 only"):
        find_protocol("person/2")


def test_applicable_depends_on_people_and_release():
    assert [p.id for p in applicable(["a"], ["train"])] == list(PROTOCOLS)
    assert [p.id for p in applicable([None], ["train"])] == ["release"]
    assert applicable([None], [None]) == []
