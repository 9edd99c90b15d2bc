"""A planted fault is found, alone, beside clean data in which nothing is found."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from zoo.api import DataError, Problem, UsageError
from zoo.evaluation.scores.protocols import person_hash


def jpeg(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1)


def ids(found):
    return [(f.id, f.protocol, f.severity) for f in found.findings]


def row_of(data, protocol, split, skip=0):
    """A row of that split."""
    splits = {
        "person": lambda i: (
            "test" if (h := person_hash(data.people[i])) < 15 else "val" if h < 25 else "train"
        ),
        "release": lambda i: data.release_splits[i],
    }[protocol]
    return [i for i in range(len(data.ids)) if splits(i) == split][skip]


def test_clean_data_has_no_finding_under_any_protocol(clean):
    found = clean.audit()
    assert found.findings == ()
    assert found.leaks == []
    assert list(found.protocols) == ["person", "official", "person-5fold", "release"]
    assert len(found.protocols["person-5fold"]["folds"]) == 5
    sizes = found.protocols["official"]["splits"]
    assert sizes["test"] == {"frames": 6, "people": 3}


def test_a_shared_person_is_found_where_the_protocol_shares_it(clean):
    """Somebody of train is named in a frame of the release's test split as well."""
    row, name = row_of(clean, "release", "test"), clean.people[row_of(clean, "person", "train")]
    found = clean.but(row, people=name, videos="another").audit()
    assert found.leaks == ["official", "release"]
    assert ids(found) == [
        ("shared_people", "official/1", "error"),
        ("shared_people", "release/1", "error"),
    ]
    finding = found.findings[0]
    assert (finding.kind, finding.count, finding.unit) == ("leak", 1, "people")
    # the other frame of the person that was renamed stays in test
    assert finding.figures["test"] == {"shared": 1, "of": 4}
    assert finding.figures["val"]["shared"] == 0
    assert finding.sentence.startswith("1 of 4 people of test is in train too: ")
    assert finding.examples == (f"{name}: 2 train frames and 1 test frame",)


def test_a_shared_video_is_found_where_people_are_not_named(clean):
    nobody = (None,) * len(clean.ids)
    row = row_of(clean, "release", "test")
    data = replace(clean, people=nobody)
    assert ids(data.audit()) == [("unnamed_frames", None, "note")]
    found = data.but(row, videos=clean.videos[0]).audit()
    assert found.leaks == ["release"]
    finding, note = found.findings
    assert (finding.id, finding.count, finding.unit) == ("shared_videos", 1, "videos")
    assert "only whether they share videos and pictures" in note.sentence


def test_every_test_person_is_called_all_of_them(clean):
    split = tuple("test" if i % 2 else "train" for i in range(len(clean.ids)))
    found = replace(clean, release_splits=split).audit("official")
    people, videos = found.findings
    assert people.figures["test"] == {"shared": 12, "of": 12}
    assert "all 12 people of test are in train" in people.sentence
    assert "all 12 videos of test are in train" in videos.sentence


def test_a_person_in_two_folds_is_found_in_its_fold_alone(clean):
    """No name can be: the hash decides. So the splits of one fold are altered by hand."""
    from zoo.evaluation.audit.pictures import look_at
    from zoo.evaluation.audit.report import assignments, audit, choose_protocols

    folds = assignments(clean, choose_protocols(clean, ["person-5fold"])[0])
    altered = folds[2].splits.copy()
    row = int(np.flatnonzero(altered == "train")[0])
    altered[row] = "test"
    folds[2] = replace(folds[2], splits=altered)
    found = audit(clean, [folds], look_at(clean))
    assert [(f.id, f.protocol, f.fold) for f in found.findings] == [
        ("shared_people", "person-5fold/1", 2),
        ("shared_videos", "person-5fold/1", 2),
    ]
    assert found.leaks == ["person-5fold"]


@pytest.mark.parametrize(
    ("save", "id", "within"),
    [
        (lambda p: p, "identical_across_splits", "identical_pictures"),
        (jpeg, "near_across_splits", "near_copies"),
    ],
    ids=["copied", "saved anew"],
)
def test_a_picture_of_train_in_test_leaks_under_another_name(clean, save, id, within):
    train, test = row_of(clean, "release", "train"), row_of(clean, "release", "test")
    found = clean.but(test, pictures=save(clean.pictures[train]), points=clean.points[train])
    found = found.audit("release")
    assert found.leaks == ["release"]
    assert ids(found) == [(id, "release/1", "error"), (within, None, "warning")]
    finding = found.findings[0]
    assert (finding.kind, finding.count, finding.unit) == ("duplicate", 1, "pairs")
    assert finding.figures["different_people"] == 1
    assert finding.figures["test_frames"] == {"copied": 1, "of": 6}
    assert f"train {clean.ids[train]} = test {clean.ids[test]}" in finding.examples[0]
    assert "1 of different people" in finding.sentence


def test_a_copy_within_a_split_is_a_finding_and_no_leak(clean):
    train, other = (row_of(clean, "release", "train", skip) for skip in (0, 4))
    found = clean.but(other, pictures=clean.pictures[train]).audit("release")
    assert found.leaks == []
    assert ids(found) == [("identical_pictures", None, "warning")]
    # one person's own copy is only to be known
    found = clean.but(1, pictures=clean.pictures[0]).audit("release")
    assert ids(found) == [("identical_pictures", None, "note")]


def test_alike_frames_of_one_video_are_its_nature(clean):
    found = clean.but(1, pictures=jpeg(clean.pictures[0])).audit("person")
    assert found.findings == ()
    assert found.measures["copies"]["pairs"]["same_video"] == {
        "identical": 0,
        "near": 1,
        "mirrored": 0,
    }


def test_two_people_are_told_first_among_many_pairs(clean):
    """Examples are few: frames of one video must not hide the pair that matters."""
    test = [row_of(clean, "release", "test", k) for k in range(6)]
    data = clean
    for row in test[:2]:
        data = data.but(row, pictures=jpeg(clean.pictures[0]), points=clean.points[0])
        data = data.but(row, people=clean.people[0], videos=clean.videos[0])
    data = data.but(test[2], pictures=jpeg(clean.pictures[4]), points=clean.points[4])
    near = next(f for f in data.audit("release").findings if f.id == "near_across_splits")
    assert near.figures["different_people"] == 1
    assert near.figures["same_video"] == 2
    assert clean.ids[test[2]] in near.examples[0]


def test_eye_corners_that_coincide(clean):
    points = clean.points.copy()
    points[4, 0] = points[4, 1]
    found = replace(clean, points=points).audit("person")
    assert ids(found) == [("degenerate_normaliser", None, "warning")]


def test_a_point_outside(clean):
    points = clean.points.copy()
    points[4, 3] = [-5, 40]
    assert ids(replace(clean, points=points).audit("person")) == [
        ("points_out_of_frame", None, "note")
    ]


def test_rounded_labels(clean):
    found = replace(clean, points=np.round(clean.points)).audit("person")
    assert ids(found) == [("quantised_labels", None, "warning")]
    assert found.measures["quantisation"]["pitch_px"] == 1
    assert found.findings[0].figures["floor"] == pytest.approx(0.3826 / 38.4, rel=0.05)
    assert "whole numbers" in found.findings[0].sentence


def test_an_unreadable_picture_and_a_skipped_row(clean):
    found = clean.but(4, pictures=None).audit("person")
    assert ids(found) == [("unreadable_files", None, "warning")]
    assert found.findings[0].examples[0].endswith("cannot be decoded")
    data = replace(clean, problems=(Problem("faces.csv row 7", "3 columns instead of 11"),))
    found = data.audit("person")
    assert ids(found) == [("skipped_rows", None, "warning")]
    assert found.findings[0].examples == ("faces.csv row 7: 3 columns instead of 11",)


def test_frames_of_nobody_are_a_note(clean):
    nothing = (None,) * len(clean.ids)
    found = replace(clean, people=nothing, videos=nothing).audit()
    assert list(found.protocols) == ["release"]
    assert ids(found) == [("unnamed_frames", None, "note")]
    assert found.findings[0].count == 24
    assert found.findings[0].sentence.startswith("no frame names a person")
    some = clean.but(3, people=None).audit("release")
    assert some.findings[0].sentence.startswith("1 frame without a person")
    assert found.protocols["release"]["splits"]["test"]["people"] is None


def everything_wrong(clean):
    """All faults at once, each of which names somebody."""
    train, test = row_of(clean, "release", "train"), row_of(clean, "release", "test")
    points = np.round(clean.points)
    points[4, 0] = points[4, 1]
    points[5, 3] = [-9, 40]
    data = replace(
        clean,
        points=points,
        problems=(Problem("Person7_Surname.csv row 2", "Person7_Surname: no such file"),),
    )
    data = data.but(test, people=clean.people[train], videos=clean.videos[train])
    data = data.but(test + 2, pictures=jpeg(clean.pictures[train]), points=points[train])
    data = data.but(test + 3, pictures=clean.pictures[train + 2])
    return data.but(6, pictures=None)


def test_no_name_is_left_in_an_anonymous_audit(clean):
    data = everything_wrong(clean)
    named, anonymous = data.audit(), data.audit(anonymous=True)
    assert ids(named) == ids(anonymous)
    assert {f.id for f in named.findings} == {
        *("shared_people", "shared_videos", "identical_across_splits", "near_across_splits"),
        *("identical_pictures", "near_copies", "degenerate_normaliser", "points_out_of_frame"),
        *("quantised_labels", "unreadable_files", "skipped_rows"),
    }
    assert json.dumps(named.to_dict()).count("Surname") > 20
    text = json.dumps(anonymous.to_dict(), allow_nan=False)
    assert "Surname" not in text
    assert "Person" not in text
    # a number leads who holds the data to the frame
    outside = next(f for f in anonymous.findings if f.id == "points_out_of_frame")
    assert outside.examples == ("frame 5: 1 point, up to 8.5 px",)


def test_the_worst_comes_first(clean):
    severities = [f.severity for f in everything_wrong(clean).audit().findings]
    order = ["error", "warning", "note"]
    assert severities == sorted(severities, key=order.index)
    assert set(severities) == set(order)


def test_protocols_are_chosen_by_name(clean):
    assert list(clean.audit("person", "official/1", "person").protocols) == ["person", "official"]
    with pytest.raises(UsageError, match="person-5fold"):
        clean.audit("persons")
    nobody = replace(clean, people=(None,) * len(clean.ids))
    with pytest.raises(DataError, match="names no person"):
        nobody.audit("person")


def test_what_is_hidden_and_what_frames_are_like_is_reported(clean):
    told = tuple(
        {"blur": row % 2 == 0, "camera": "xy"[row % 3 == 0], "yaw": float(row)} for row in range(24)
    )
    measures = replace(clean, attributes=told).audit("person").measures
    assert measures["hidden"] == {"frames": 23, "with_hidden": 23, "share": pytest.approx(0.2)}
    assert measures["attributes"] == {
        "blur": {"frames": 24, "true": 12},
        "camera": {"frames": 24, "values": {"x": 16, "y": 8}},
        "yaw": {"frames": 24, "low": 0.0, "high": 23.0},
    }
    hushed = replace(clean, attributes=told).audit("person", anonymous=True).measures
    assert hushed["attributes"]["camera"] == {"frames": 24, "different": 2}
