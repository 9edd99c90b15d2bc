"""Sums by person contain all that a comparison needs, and no names."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from zoo.evaluation.records.schema import PersonSums
from zoo.evaluation.scores.clusters import MOST, average, cluster, concatenate

IDS = ("b/0", "b/1", "a/0", "c/0")
PEOPLE = ("Bo", "Bo", "Ann", "Cy")
ERRORS = np.array([0.02, 0.09, 0.04, np.nan])


def by_size(clusters):
    """The lists of the clusters, sorted by total error: an order that is known to the test."""
    order = np.argsort(clusters.total)
    return [
        getattr(clusters, name)[order].tolist() for name in ("total", "found", "failed", "missed")
    ]


def test_sums_by_hand():
    total, found, failed, missed = by_size(cluster(IDS, PEOPLE, ERRORS))
    assert total == pytest.approx([0, 0.04, 0.11])  # Cy, Ann, Bo
    assert found == [0, 1, 2]
    assert failed == [1, 0, 1]  # the missed face is a failure; .09 is above 8%
    assert missed == [1, 0, 0]


def test_the_order_of_frames_changes_nothing():
    back = cluster(IDS[::-1], PEOPLE[::-1], ERRORS[::-1])
    there = cluster(IDS, PEOPLE, ERRORS)
    assert there.key == back.key
    assert by_size(there) == by_size(back)


@pytest.mark.parametrize(
    ("ids", "people"),
    [
        (("b/0", "b/1", "a/0", "c/1"), PEOPLE),  # another frame
        (IDS, ("Bo", "Bo", "Ann", "Di")),  # another person
        (IDS, ("Bo", "Ann", "Ann", "Cy")),  # a frame that belongs to another person
        (IDS, (None, None, None, None)),
    ],
)
def test_the_key_depends_on_the_people_and_frames(ids, people):
    assert cluster(ids, people, ERRORS).key != cluster(IDS, PEOPLE, ERRORS).key


def test_the_key_does_not_depend_on_the_model():
    assert cluster(IDS, PEOPLE, ERRORS).key == cluster(IDS, PEOPLE, 2 * ERRORS[::-1]).key


def test_a_sample_without_a_person_stands_for_itself():
    clusters = cluster(IDS, (None,) * 4, ERRORS)
    assert len(clusters) == 4
    assert clusters.found.max() == 1


def test_a_sample_is_not_taken_for_a_person_of_its_name():
    assert cluster(("x",), (None,), ERRORS[:1]).key != cluster(("x",), ("x",), ERRORS[:1]).key


def test_a_record_keeps_them_and_no_name():
    clusters = cluster(IDS, PEOPLE, ERRORS)
    stored = json.loads(json.dumps(clusters.to_record()))
    assert set(stored) == {"key", "sum", "n", "failed", "missed"}
    assert not any(name in json.dumps(stored) for name in (*PEOPLE, *IDS))
    back = msgspec.convert(stored, PersonSums).clusters()
    assert back.key == clusters.key
    assert by_size(back) == by_size(clusters)
    assert "missed" not in cluster(IDS[:3], PEOPLE[:3], ERRORS[:3]).to_record()


def test_the_order_by_hash_does_not_reveal_the_alphabetical_order():
    people = [f"{letter}" for letter in "abcdefghijklmnop"]
    clusters = cluster(people, people, np.arange(16) / 100)
    assert clusters.total.tolist() != sorted(clusters.total)


def test_too_many_are_not_kept():
    ids = [str(i) for i in range(MOST + 1)]
    assert cluster(ids[:-1], [None] * MOST, np.zeros(MOST)).to_record() is not None
    assert cluster(ids, [None] * (MOST + 1), np.zeros(MOST + 1)).to_record() is None


def test_seeds_are_averaged_and_folds_are_concatenated():
    one, other = cluster(IDS, PEOPLE, ERRORS), cluster(IDS, PEOPLE, np.full(4, 0.1))
    both = average([one, other])
    assert both.total == pytest.approx((one.total + other.total) / 2)
    assert both.missed.sum() == 0.5  # missed by one of two seeds
    assert average([one, cluster(IDS[:3], PEOPLE[:3], ERRORS[:3])]) is None
    folds = concatenate([one, cluster(("d/0",), ("Di",), np.array([0.5]))])
    assert len(folds) == 4
    assert folds.total[-1] == 0.5
    assert folds.key != one.key
    assert folds.nme == pytest.approx((0.02 + 0.09 + 0.04 + 0.5) / 4)
