"""The table of labels checks the adapter's contract, and its fingerprint covers what matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zoo.api import DataError, Problem, Sample, generic_scheme
from zoo.data.table import read_table

Make = Callable[..., Sample]


def test_columns_come_in_the_adapters_order(sample: Make, dataset: Any) -> None:
    samples = [sample(5), sample(2, box=(1, 2, 3, 4)), sample(9, person=None)]
    table = read_table(dataset(samples, label_offset=(0.01, 0.0)))
    assert len(table) == 3
    assert table.ids == ("005.png", "002.png", "009.png")
    assert table.people == ("p2", "p2", None)
    assert table.points.shape == (3, 4, 2)
    assert table.points.dtype == np.float32
    np.testing.assert_array_equal(table.points[1], samples[1].points)
    np.testing.assert_array_equal(table.boxes[1], [1, 2, 3, 4])
    assert np.isnan(table.boxes[[0, 2]]).all()
    assert table.bytes.tolist() == [105, 102, 109]
    assert table.label_offset == (0.01, 0.0)
    np.testing.assert_array_equal(table.images[0](), samples[0].image())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"points": np.zeros((5, 2), np.float32)}, r"points \(5, 2\).* has 4 points"),
        ({"points": np.zeros((4, 3), np.float32)}, r"points \(4, 3\).* has 4 points"),
        ({"visible": np.ones(3, bool)}, r"visible \(3,\).* has 4 points"),
        ({"points": np.full((4, 2), np.nan, np.float32)}, "a point is not finite"),
        ({"points": np.full((4, 2), np.inf, np.float32)}, "a point is not finite"),
        ({"id": "001.png"}, "001.png: two samples have this id"),
    ],
)
def test_a_sample_that_breaks_the_contract_is_named(
    sample: Make, dataset: Any, changes: dict[str, Any], reason: str
) -> None:
    samples = [sample(1), sample(2, **changes), sample(3)]
    with pytest.raises(DataError, match=f"{samples[1].id}.*{reason}|^{reason}"):
        read_table(dataset(samples))


def test_rows_left_out_are_kept_as_problems_or_fatal(sample: Make, dataset: Any) -> None:
    problems = [Problem("labels.csv row 7", "no such image"), Problem("labels.csv row 9", "NaN")]
    assert read_table(dataset([sample(1)], problems)).problems == tuple(problems)
    with pytest.raises(DataError, match=r"labels.csv row 7: no such image \(--strict.* 2 in all"):
        read_table(dataset([sample(1)], problems), strict=True)


def test_a_data_set_without_a_usable_frame_says_why(dataset: Any) -> None:
    with pytest.raises(DataError, match=r"hand-made: not one usable .* it lists no frame$"):
        read_table(dataset([]))
    with pytest.raises(DataError, match="the first of 1 rows left out: row 2: NaN"):
        read_table(dataset([], [Problem("row 2", "NaN")]))


def test_the_fingerprint_does_not_depend_on_the_order(sample: Make, dataset: Any) -> None:
    samples = [sample(i) for i in range(6)]
    forwards = read_table(dataset(samples)).fingerprint
    assert read_table(dataset(samples[::-1])).fingerprint == forwards
    assert len(forwards) == 64


def test_the_fingerprint_covers_ids_points_visibility_sizes_turns_and_number(
    sample: Make, dataset: Any
) -> None:
    moved = sample(1).points + np.float32(0.01)
    hidden = np.array([True, True, False, True])
    versions = [
        [sample(0), sample(1)],
        [sample(0), sample(1, id="other.png")],
        [sample(0), sample(1, points=moved)],
        [sample(0), sample(1, visible=hidden)],
        [sample(0), sample(1, bytes=7)],
        [sample(0), sample(1, orientation=6)],
        [sample(0), sample(1, orientation=8)],
        [sample(0)],
        [sample(0), sample(1), sample(2)],
    ]
    fingerprints = [read_table(dataset(samples)).fingerprint for samples in versions]
    other_scheme = generic_scheme(4)
    object.__setattr__(other_scheme, "name", "four")
    fingerprints.append(read_table(dataset(versions[0], scheme=other_scheme)).fingerprint)
    assert len(set(fingerprints)) == len(fingerprints)


def test_the_fingerprint_ignores_how_pixels_are_got(sample: Make, dataset: Any) -> None:
    """It is made from labels alone: no image is decoded for it."""

    def never() -> Any:
        raise AssertionError("decoded")

    plain = read_table(dataset([sample(0)])).fingerprint
    assert read_table(dataset([sample(0, image=never)])).fingerprint == plain
