"""Clean data has no finding, and data with one planted fault has the finding of that fault only."""

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


def ids(report):
    return [(f.id, f.protocol, f.severity) for f in report.findings]


def row_of(data, protocol, split, skip=0):
    """The index of a frame of ``split``: the first after ``skip`` others."""
    splits = {
        "person": lambda i: (
            "test" if (h := person_hash(data.people[i])) < 15 else "val" if h < 25 else "train"
        ),
        "release": lambda i: data.release_splits[i],
    }[protocol]
    return [i for i in range(len(data.ids)) if splits(i) == split][skip]


def test_clean_data_has_no_finding_under_any_protocol(clean):
    report = clean.audit()
    assert report.findings == ()
    assert report.leaks == []
    assert list(report.protocols) == ["person", "official", "person-5fold", "release"]
    assert len(report.protocols["person-5fold"]["folds"]) == 5
    sizes = report.protocols["official"]["splits"]
    assert sizes["test"] == {"frames": 6, "people": 3}


def test_a_shared_person_is_found_where_the_protocol_shares_it(clean):
    """One frame of the release's test split names a person of train."""
    row, name = row_of(clean, "release", "test"), clean.people[row_of(clean, "person", "train")]
    report = clean.but(row, people=name, videos="another").audit()
    assert report.leaks == ["official", "release"]
    assert ids(report) == [
        ("shared_people", "official/1", "error"),
        ("shared_people", "release/1", "error"),
    ]
    finding = report.findings[0]
    assert (finding.kind, finding.count, finding.unit) == ("leak", 1, "people")
    # the renamed person's other frame stays in test
    assert finding.figures["test"] == {"shared": 1, "of": 4}
    assert finding.figures["val"]["shared"] == 0
    assert finding.sentence.startswith("1 of 4 people of test is in train too: ")
    assert finding.examples == (f"{name}: 2 train frames and 1 test frame",)


def test_a_shared_video_is_found_where_people_are_not_named(clean):
    unnamed = (None,) * len(clean.ids)
    row = row_of(clean, "release", "test")
    data = replace(clean, people=unnamed)
    assert ids(data.audit()) == [("unnamed_frames", None, "note")]
    report = data.but(row, videos=clean.videos[0]).audit()
    assert report.leaks == ["release"]
    finding, note = report.findings
    assert (finding.id, finding.count, finding.unit) == ("shared_videos", 1, "videos")
    assert "only whether they share videos and pictures" in note.sentence


def test_when_every_test_person_is_shared_the_sentence_says_all(clean):
    split = tuple("test" if i % 2 else "train" for i in range(len(clean.ids)))
    report = replace(clean, release_splits=split).audit("official")
    people, videos = report.findings
    assert people.figures["test"] == {"shared": 12, "of": 12}
    assert "all 12 people of test are in train" in people.sentence
    assert "all 12 videos of test are in train" in videos.sentence


def test_a_person_in_two_splits_of_a_fold_is_found_in_that_fold_only(clean):
    """The hash of a name gives one fold, so the test changes the splits of a fold by hand."""
    from zoo.evaluation.audit.pictures import look_at
    from zoo.evaluation.audit.report import assignments, audit, choose_protocols

    folds = assignments(clean, choose_protocols(clean, ["person-5fold"])[0])
    altered = folds[2].splits.copy()
    row = int(np.flatnonzero(altered == "train")[0])
    altered[row] = "test"
    folds[2] = replace(folds[2], splits=altered)
    report = audit(clean, [folds], look_at(clean))
    assert [(f.id, f.protocol, f.fold) for f in report.findings] == [
        ("shared_people", "person-5fold/1", 2),
        ("shared_videos", "person-5fold/1", 2),
    ]
    assert report.leaks == ["person-5fold"]


@pytest.mark.parametrize(
    ("save", "id", "within"),
    [
        (lambda p: p, "identical_across_splits", "identical_pictures"),
        (jpeg, "near_across_splits", "near_copies"),
    ],
    ids=["copied", "saved again"],
)
def test_a_picture_of_train_in_test_leaks_under_another_name(clean, save, id, within):
    train, test = row_of(clean, "release", "train"), row_of(clean, "release", "test")
    data = clean.but(test, pictures=save(clean.pictures[train]), points=clean.points[train])
    report = data.audit("release")
    assert report.leaks == ["release"]
    assert ids(report) == [(id, "release/1", "error"), (within, None, "warning")]
    finding = report.findings[0]
    assert (finding.kind, finding.count, finding.unit) == ("duplicate", 1, "pairs")
    assert finding.figures["different_people"] == 1
    assert finding.figures["test_frames"] == {"copied": 1, "of": 6}
    assert f"train {clean.ids[train]} = test {clean.ids[test]}" in finding.examples[0]
    assert "1 of different people" in finding.sentence


def test_a_copy_within_a_split_is_a_finding_and_no_leak(clean):
    train, other = (row_of(clean, "release", "train", skip) for skip in (0, 4))
    report = clean.but(other, pictures=clean.pictures[train]).audit("release")
    assert report.leaks == []
    assert ids(report) == [("identical_pictures", None, "warning")]
    # two equal pictures of one person are only a note
    report = clean.but(1, pictures=clean.pictures[0]).audit("release")
    assert ids(report) == [("identical_pictures", None, "note")]


def test_similar_frames_of_one_video_are_no_finding(clean):
    report = clean.but(1, pictures=jpeg(clean.pictures[0])).audit("person")
    assert report.findings == ()
    assert report.measures["copies"]["pairs"]["same_video"] == {
        "identical": 0,
        "near": 1,
        "mirrored": 0,
    }


def test_pairs_of_different_people_are_the_first_examples(clean):
    """Findings list only a few examples. Pairs of one video must not displace others."""
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
    report = replace(clean, points=points).audit("person")
    assert ids(report) == [("degenerate_normaliser", None, "warning")]


def test_a_point_outside(clean):
    points = clean.points.copy()
    points[4, 3] = [-5, 40]
    assert ids(replace(clean, points=points).audit("person")) == [
        ("points_out_of_frame", None, "note")
    ]


def test_rounded_labels(clean):
    report = replace(clean, points=np.round(clean.points)).audit("person")
    assert ids(report) == [("quantised_labels", None, "warning")]
    assert report.measures["quantisation"]["pitch_px"] == 1
    assert report.findings[0].figures["floor"] == pytest.approx(0.3826 / 38.4, rel=0.05)
    assert "whole numbers" in report.findings[0].sentence


def test_an_unreadable_picture_and_a_skipped_row(clean):
    report = clean.but(4, pictures=None).audit("person")
    assert ids(report) == [("unreadable_files", None, "warning")]
    assert report.findings[0].examples[0].endswith("cannot be decoded")
    data = replace(clean, problems=(Problem("faces.csv row 7", "3 columns instead of 11"),))
    report = data.audit("person")
    assert ids(report) == [("skipped_rows", None, "warning")]
    assert report.findings[0].examples == ("faces.csv row 7: 3 columns instead of 11",)


def test_frames_without_a_person_are_a_note(clean):
    unnamed = (None,) * len(clean.ids)
    report = replace(clean, people=unnamed, videos=unnamed).audit()
    assert list(report.protocols) == ["release"]
    assert ids(report) == [("unnamed_frames", None, "note")]
    assert report.findings[0].count == 24
    assert report.findings[0].sentence.startswith("no frame names a person")
    partly_named = clean.but(3, people=None).audit("release")
    assert partly_named.findings[0].sentence.startswith("1 frame without a person")
    assert report.protocols["release"]["splits"]["test"]["people"] is None


def everything_wrong(clean):
    """Data with all faults at once, each of which names a person."""
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
    # with the number, the owner of the data can find the frame
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
    unnamed = replace(clean, people=(None,) * len(clean.ids))
    with pytest.raises(DataError, match="names no person"):
        unnamed.audit("person")


def test_hidden_points_and_attributes_are_reported(clean):
    attributes = tuple(
        {"blur": row % 2 == 0, "camera": "xy"[row % 3 == 0], "yaw": float(row)} for row in range(24)
    )
    measures = replace(clean, attributes=attributes).audit("person").measures
    assert measures["hidden"] == {"frames": 23, "with_hidden": 23, "share": pytest.approx(0.2)}
    assert measures["attributes"] == {
        "blur": {"frames": 24, "true": 12},
        "camera": {"frames": 24, "values": {"x": 16, "y": 8}},
        "yaw": {"frames": 24, "low": 0.0, "high": 23.0},
    }
    anonymous = replace(clean, attributes=attributes).audit("person", anonymous=True).measures
    assert anonymous["attributes"]["camera"] == {"frames": 24, "different": 2}
