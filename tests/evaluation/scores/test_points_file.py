"""Points of another program: the accepted formats, and the errors for the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.api import DataError
from zoo.evaluation.scores.points_file import read_points

IDS = ("a/1.png", "a/2.png", "b/1.png")
NAN = float("nan")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "points.csv"


def read(path: Path, *lines: str, count: int = 2) -> dict[str, list[list[float]]]:
    path.write_text("\n".join(lines) + "\n")
    return {id: p.tolist() for id, p in read_points(path, count, IDS).points.items()}


def test_rows_come_in_any_order_and_so_do_columns(path: Path) -> None:
    found = read(path, "y0,x0,id,x1,y1", "2,1,b/1.png,3,4.5", "20,10,a/1.png,30,-4")
    assert found == {"b/1.png": [[1, 2], [3, 4.5]], "a/1.png": [[10, 20], [30, -4]]}


def test_the_header_of_the_csv_data_sets_is_read_too(path: Path) -> None:
    header = "image_name,part_0_x,part_0_y,part_1_x,part_1_y"
    assert read(path, header, "a/1.png,1,2,3,4") == {"a/1.png": [[1, 2], [3, 4]]}


def test_points_that_were_not_found_are_empty_or_nan(path: Path) -> None:
    found = read(path, "id,x0,y0,x1,y1", "a/1.png,,,,", "a/2.png,nan,NaN,3, 4 ", "")
    assert np.isnan(found["a/1.png"]).all()
    assert found["a/2.png"][1] == [3, 4]
    assert np.isnan(found["a/2.png"][0]).all()


def test_points_are_put_in_the_order_of_the_frames(path: Path) -> None:
    path.write_text("id,x0,y0\nb/1.png,1,2\na/1.png,3,4\n")
    arranged = read_points(path, 1, IDS).arrange(["a/1.png", "a/2.png", "b/1.png"], 1)
    assert (arranged.shape, arranged.dtype) == ((3, 1, 2), np.float32)
    assert np.array_equal(arranged[:, 0], [[3, 4], [NAN, NAN], [1, 2]], equal_nan=True)
    assert read_points(path, 1, IDS).arrange([], 1).shape == (0, 1, 2)


def test_other_separators_encodings_and_decimal_commas_are_read(path: Path) -> None:
    path.write_bytes("sep=;\nid;x0;y0;;\na/1.png;1,5;NA\nb/1.png;;null\n".encode("utf-16"))
    with pytest.raises(DataError, match="row 3: x0 is there, but y0 is not"):
        read_points(path, 1, IDS)
    path.write_bytes("sep=;\nid;x0;y0;;\na/1.png;1,5;2\nb/1.png;NA;null\n".encode("utf-16"))
    points = read_points(path, 1, IDS).points
    assert points["a/1.png"].tolist() == [[1.5, 2]]
    assert np.isnan(points["b/1.png"]).all()


def test_a_byte_order_mark_and_other_columns_do_no_harm(path: Path) -> None:
    path.write_bytes("\ufeffid,image,x0,y0,sure\na/1.png,0.png,1,2,.5\n".encode())
    points = read_points(path, 1, IDS)
    assert points.unused == ("image", "sure")
    assert points.points["a/1.png"].tolist() == [[1, 2]]


INVALID = {
    "no file": (None, r"points\.csv: no such file"),
    "empty": ("", r"points\.csv: has no row of a table"),
    "no header": ("a/1.png,1,2,3,4\n", "has no header, its first row is a/1.png, 1, 2"),
    "no ids": ("x0,y0,x1,y1\n1,2,3,4\n", "row 1: expected the header id,"),
    "fewer points": ("id,x0,y0\n", "row 1: the data set has 2 points.*to x1, y1; here without x1"),
    "more points": ("id,x0,y0,x1,y1,x2,y2\n", "here x2 is one too many"),
    "column twice": ("id,x0,y0,x1,x0\n", "row 1: column 'x0' stands twice"),
    "two ids": ("id,image_name,x0,y0,x1,y1\n", "column 'image_name' stands twice"),
    "fewer cells": ("id,x0,y0,x1,y1\na/1.png,1,2,3\n", "row 2: 4 cells, the header has 5"),
    "more cells": ("id,x0,y0,x1,y1\n\na/1.png,1,2,3,4,5\n", "row 3: 6 cells"),
    "not a number": ("id,x0,y0,x1,y1\na/1.png,1,2,x,4\n", "row 2: x1 is 'x', no number"),
    "infinite": ("id,x0,y0,x1,y1\na/1.png,1,inf,3,4\n", "row 2: y0 is inf, no place in an image"),
    "huge": ("id,x0,y0,x1,y1\na/1.png,1,2,-1e300,4\n", "row 2: x1 is -1e300, no place"),
    "half a point": ("id,x0,y0,x1,y1\na/1.png,1,2,3,\n", "row 2: x1 is there, but y1 is not"),
    "unknown id": ("id,x0,y0,x1,y1\nc/9.png,1,2,3,4\n", "row 2: .* no frame 'c/9.png'; ids read"),
    "id of a file": ("id,x0,y0,x1,y1\n2.jpg,1,2,3,4\n", "no frame '2.jpg'; did you mean 'a/2.png'"),
    "id twice": (
        "id,x0,y0,x1,y1\na/1.png,1,2,3,4\nb/1.png,,,,\na/1.png,1,2,3,4\n",
        "row 4: id 'a/1.png' stands in row 2 already",
    ),
    "not text": (b"\xff\xfei\0d", r"points\.csv: not text in UTF-16"),
    "open quote": ('id,x0,y0,x1,y1\n"a/1.png,1\n2,3,4\n', "line 2: a quotation mark is opened"),
    "zero byte": ("id,x0,y0,x1,y1\na/1.png,1,2,3,\0\n", "is no text"),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_error_names_file_and_row(case: str, path: Path) -> None:
    content, words = INVALID[case]
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=words) as error:
        read_points(path, 2, IDS)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
