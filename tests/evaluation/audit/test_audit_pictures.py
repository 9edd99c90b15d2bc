"""Copies are found however they were saved; different pictures are not reported as copies."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from zoo.evaluation.audit.pictures import look_at
from zoo.evaluation.audit.similarity import find_copies, signatures
from zoo.registry import registry


def copies(data):
    return find_copies(look_at(data))


def jpeg(image, quality):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def only_pair(data, row, **changes):
    """Make ``row`` of clean data a copy of row 0, and return the only pair that is found."""
    pairs = copies(data.but(row, **changes))
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0], [row])
    return pairs


def test_unlike_pictures_have_no_copies(clean):
    assert len(copies(clean)) == 0


def test_the_same_pixels_are_an_identical_pair(clean):
    pairs = only_pair(clean, 5, pictures=clean.pictures[0].copy())
    assert pairs.identical.tolist() == [True]
    assert pairs.mirrored.tolist() == [False]


def test_the_same_bytes_in_another_shape_are_another_picture(clean):
    flat = clean.pictures[0].reshape(48, 192, 3)
    assert len(copies(clean.but(5, pictures=flat))) == 0


@pytest.mark.parametrize(
    "save",
    [
        lambda p: jpeg(p, 95),
        lambda p: jpeg(p, 30),
        lambda p: cv2.resize(p, (48, 48), interpolation=cv2.INTER_AREA),
        lambda p: cv2.resize(p, (192, 192), interpolation=cv2.INTER_CUBIC),
        lambda p: np.clip(p * 1.2 + 10, 0, 255).astype(np.uint8),
        lambda p: (p * 0.6).astype(np.uint8),
        lambda p: cv2.GaussianBlur(p, (0, 0), 1.5),
        lambda p: np.repeat(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
    ],
    ids=["jpeg 95", "jpeg 30", "half", "double", "brighter", "darker", "blurred", "grey"],
)
def test_a_picture_that_was_saved_again_is_a_near_copy(clean, save):
    again = save(clean.pictures[0])
    scale = again.shape[0] / 96
    moved = (clean.points[0] + 0.5) * scale - 0.5
    pairs = only_pair(clean, 5, pictures=again, points=moved)
    assert pairs.identical.tolist() == [False]
    assert pairs.distance[0] <= 32


def test_a_copy_with_other_labels_is_found_by_its_frame(clean):
    other_labels = clean.points[0] * 0.6 + 3
    only_pair(clean, 5, pictures=jpeg(clean.pictures[0], 90), points=other_labels)


def test_a_copy_that_was_cropped_is_found_by_its_face(clean):
    crop = clean.pictures[0][15:, 12:90]
    only_pair(clean, 5, pictures=crop, points=clean.points[0] - [12, 15])


def test_a_mirrored_copy_is_found_and_called_so(clean):
    mirrored = clean.pictures[0][:, ::-1].copy()
    moved = clean.points[0][list(clean.scheme.flip)] * [-1, 1] + [95, 0]
    pairs = only_pair(clean, 5, pictures=mirrored, points=moved)
    assert pairs.mirrored.tolist() == [True]


def test_three_copies_are_three_pairs_closest_first(clean):
    data = clean.but(4, pictures=clean.pictures[0]).but(9, pictures=jpeg(clean.pictures[0], 40))
    data = replace(data, points=data.points.copy())
    data.points[[4, 9]] = data.points[0]
    pairs = copies(data)
    ends = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert ends == {(0, 4), (0, 9), (4, 9)}
    assert pairs.identical.tolist() == [True, False, False]


def test_empty_pictures_are_no_copies_of_each_other(clean):
    """All their coefficients are zero, so equal signatures mean nothing."""
    data = clean.but(0, pictures=np.full((96, 96, 3), 7, np.uint8))
    data = data.but(5, pictures=np.full((90, 90, 3), 200, np.uint8))
    assert len(copies(data)) == 0


def test_different_drawn_people_are_no_copies(made):
    """Drawn faces resemble each other far more than the patterns of the other tests."""
    drawn = registry("dataset").get("synthetic").open(None, people=40, videos=1, frames=1)
    samples = list(drawn.samples())
    pictures = look_at(
        replace(
            made(people=40, frames=1),
            points=np.stack([s.points for s in samples]),
            visible=np.stack([s.visible for s in samples]),
            pictures=tuple(s.image() for s in samples),
        )
    )
    assert len(find_copies(pictures)) == 0
    bits = (255 - signatures(pictures.faces) @ signatures(pictures.faces).T) / 2
    assert bits[np.triu_indices(len(samples), 1)].min() > 32


def test_the_signature_of_a_mirror_image_is_computed_from_the_picture(clean):
    thumbnails = look_at(clean).frames
    expected = signatures(np.ascontiguousarray(thumbnails[:, :, ::-1]))
    assert (signatures(thumbnails, mirrored=True) == expected).mean() > 0.99


def test_unreadable_pictures_are_named_and_not_compared(clean):
    data = clean.but(3, pictures=None).but(8, pictures=None)
    progress = []
    pictures = look_at(data, lambda done, total: progress.append((done, total)))
    assert [row for row, _ in pictures.problems] == [3, 8]
    assert pictures.problems[0][1] == f"{clean.ids[3]}: the image cannot be decoded"
    assert np.flatnonzero(~pictures.readable).tolist() == [3, 8]
    assert pictures.sizes[3].tolist() == [0, 0]
    assert len(find_copies(pictures)) == 0
    assert progress[-1] == (24, 24)


@pytest.mark.parametrize(
    "strange",
    [
        np.zeros((5, 2)),
        np.full((5, 2), 1e30),
        np.array([[0, 0], [1e6, 0], [0, 1e6], [1e6, 1e6], [5, 5]]),
        np.tile([40.0, 40.0], (5, 1)),
    ],
    ids=["origin", "huge", "far", "one place"],
)
def test_labels_without_a_region_still_leave_the_frame_to_compare(clean, strange):
    only_pair(clean, 5, pictures=jpeg(clean.pictures[0], 90), points=strange)


def test_a_large_picture_gives_the_face_of_a_small_one(clean):
    large = cv2.resize(clean.pictures[0], (960, 960), interpolation=cv2.INTER_CUBIC)
    data = clean.but(5, pictures=large, points=(clean.points[0] + 0.5) * 10 - 0.5)
    faces = look_at(data).faces.astype(float)
    assert np.abs(faces[0] - faces[5]).mean() < 3
    assert np.abs(faces[0] - faces[6]).mean() > 20


def test_a_single_frame_has_no_copies_even_if_unreadable(made):
    one = made(people=1, frames=1)
    assert len(copies(one)) == 0
    assert len(copies(one.but(0, pictures=None))) == 0


def test_a_reader_may_return_a_view_with_reversed_channels(clean):
    """As OpenCV readers do: they turn BGR to RGB by a slice with a negative stride."""
    view = clean.pictures[0][..., ::-1].copy()[..., ::-1]
    assert only_pair(clean, 5, pictures=view).identical.tolist() == [True]
