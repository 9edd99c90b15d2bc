"""A second face in a frame: the size from which it counts, and when it is nearer to the middle of
the frame than the labelled face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo.evaluation.audit.other_faces import Detected

NONE = np.empty((0, 5))


def box(cx: float, cy: float, side: float) -> np.ndarray:
    return np.array([[cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2, 0.9]])


def findings_of(data, first):
    """Findings of an audit whose detector finds the boxes ``first`` (M, 5) in the first frame."""
    boxes = [first, *[NONE] * (len(data.ids) - 1)]
    audit = data.audit("person", detected=Detected("seer", boxes))
    return [f for f in audit.findings if f.id == "other_face"]


@pytest.fixture
def faces(clean):
    """Data whose first frame (96 x 96 pixels) has a face of 40 x 40 pixels centred at (50, 48)."""
    square = np.float32([[30, 28], [70, 28], [50, 48], [30, 68], [70, 68]])
    return clean.but(0, points=square)


@pytest.mark.parametrize(
    ("boxes", "finding"),
    [
        (NONE, None),
        (box(50, 48, 40), None),  # the labelled face
        (box(69, 48, 40), None),  # an inaccurate box of the labelled face
        (box(85, 48, 19), None),  # too small to count
        (box(85, 48, 21), "note"),
        (np.concatenate([box(50, 48, 40), box(10, 10, 30)]), "note"),
        (box(48, 70, 30), "note"),  # 22.5 px from the middle, which is (47.5, 47.5)
    ],
)
def test_another_face_is_large_and_beside_the_labelled_one(faces, boxes, finding):
    assert [f.severity for f in findings_of(faces, boxes)] == ([finding] if finding else [])


def test_another_face_nearer_to_the_middle_is_a_warning(clean):
    aside = np.float32([[4, 4], [30, 4], [15, 15], [4, 30], [30, 30]])
    [finding] = findings_of(clean.but(0, points=aside), box(50, 48, 40))
    assert (finding.severity, finding.count) == ("warning", 1)
    assert finding.examples == (clean.ids[0],)
    assert finding.figures == {"detector": "seer", "nearer_to_middle": 1}


def test_frames_without_a_labelled_face_a_picture_or_detections_are_left_out(faces):
    hidden = replace(faces, visible=faces.visible & (np.arange(len(faces.ids)) > 0)[:, None])
    assert findings_of(hidden, box(85, 48, 40)) == []
    assert findings_of(faces.but(0, pictures=None), box(85, 48, 40)) == []
    audit = faces.audit("person")
    assert not [f for f in audit.findings if f.id == "other_face"]
