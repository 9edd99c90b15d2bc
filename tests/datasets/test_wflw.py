"""WFLW lists: what is read, what is skipped and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.api import DataError
from zoo.datasets.wflw import wflw

LISTS = "list_98pt_rect_attr_train_test"
NAME = "37--Soccer/37_Soccer_45.jpg"


def face(name: str = NAME, start: float = 0.0, rect: str = "3 4 30 40") -> str:
    points = " ".join(f"{start + k:.6f}" for k in range(196))
    return f"{points} {rect} 0 1 0 0 1 0 {name}"


def build(root: Path, train: list[str], test: list[str] | None, folder: str = LISTS) -> Path:
    image = root / "WFLW_images" / NAME
    image.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (50, 60)).save(image)
    (root / folder).mkdir(parents=True, exist_ok=True)
    for split, lines in (("train", train), ("test", test)):
        if lines is not None:
            path = root / folder / f"list_98pt_rect_attr_{split}.txt"
            path.write_text("\n".join(lines) + "\n")
    return root


def test_faces_are_read_with_box_and_split(tmp_path: Path):
    data = wflw.open(build(tmp_path, [face(), face(start=5)], [face()]))
    samples = list(data.samples())
    assert data.problems == []
    assert [s.id for s in samples] == [
        f"train/0001/{NAME}",
        f"train/0002/{NAME}",
        f"test/0001/{NAME}",
    ]
    assert [s.release_split for s in samples] == ["train", "train", "test"]
    assert np.array_equal(samples[1].points, np.arange(5, 201, dtype=np.float32).reshape(98, 2))
    assert samples[0].box == (3, 4, 30, 40)
    assert samples[0].person is None
    assert samples[0].image().shape == (60, 50, 3)
    assert samples[0].attributes == {
        "pose": False,
        "expression": True,
        "illumination": False,
        "make-up": False,
        "occlusion": True,
        "blur": False,
    }
    assert data.scheme.name == "wflw98"
    assert data.released() is None
    assert wflw.default_protocol == "release"


@pytest.mark.parametrize("folder", [f"WFLW_annotations/{LISTS}", "."])
def test_lists_are_found_as_unpacked_and_loose(tmp_path: Path, folder: str):
    assert len(list(wflw.open(build(tmp_path, [face()], [face()], folder)).samples())) == 2


def test_a_missing_list_is_a_problem_not_silence(tmp_path: Path):
    data = wflw.open(build(tmp_path, [face()], None))
    assert len(list(data.samples())) == 1
    assert [str(p) for p in data.problems] == [
        "list_98pt_rect_attr_test.txt: no such file, so its faces are left out"
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1 2 3 gone.jpg", "4 fields instead of 207"),
        (face("gone.jpg"), "WFLW_images/gone.jpg: no such image file"),
        (face("../list.txt"), "'../list.txt' is no path below"),
        (face("/etc/passwd"), "'/etc/passwd' is no path below"),
        (face().replace("7.000000", "seven", 1), "field 8 is 'seven', no number"),
        (face().replace("7.000000", "nan", 1), "field 7 is there, but field 8 is not"),
        (face().replace("7.000000", "1e300", 1), "field 8 is 1e300"),
        (face(rect="30 4 3 40"), "rectangle 30 4 3 40 is empty"),
    ],
)
def test_a_bad_line_is_left_out_by_file_line_and_reason(tmp_path: Path, line: str, reason: str):
    data = wflw.open(build(tmp_path, [face(), line], [face()]))
    for _ in range(2):  # problems start afresh with every reading
        assert len(list(data.samples())) == 2
        assert len(data.problems) == 1
    assert str(data.problems[0]).startswith("list_98pt_rect_attr_train.txt line 2: ")
    assert reason in str(data.problems[0])


def test_nothing_found_says_what_was_looked_for(tmp_path: Path):
    with pytest.raises(DataError, match=r"looked for list_98pt_rect_attr_train\.txt and"):
        wflw.open(tmp_path)
    with pytest.raises(DataError, match="--data"):
        wflw.open(None)
    (tmp_path / "list_98pt_rect_attr_train.txt").write_text(face())
    with pytest.raises(DataError, match="no folder WFLW_images"):
        wflw.open(tmp_path)


def test_bytes_that_are_no_text_are_fatal(tmp_path: Path):
    root = build(tmp_path, [face()], [face()])
    (root / LISTS / "list_98pt_rect_attr_train.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(DataError, match="not text in UTF-16"):
        list(wflw.open(root).samples())


def test_a_name_may_hold_blanks(tmp_path: Path):
    root = build(tmp_path, [face("0--Parade/a b.jpg")], [face()])
    picture = root / "WFLW_images" / "0--Parade" / "a b.jpg"
    picture.parent.mkdir()
    Image.new("RGB", (50, 60)).save(picture)
    data = wflw.open(root)
    assert next(sample.id for sample in data.samples()) == "train/0001/0--Parade/a b.jpg"
    assert data.problems == []
