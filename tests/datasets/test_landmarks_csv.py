"""Any CSV of labelled images: what is read, what is skipped and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.api import DataError, UsageError
from zoo.datasets.landmarks_csv import landmarks_csv
from zoo.evaluation.scores.protocols import assign


def header(points: int, *extra: str) -> str:
    names = ["image_name", *(f"part_{k}_{axis}" for k in range(points) for axis in "xy"), *extra]
    return ",".join(names)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (200, 100, 50)).save(path)


def write(folder: Path, head: str, *rows: str, name: str = "faces.csv") -> Path:
    for image in ("a.png", "sub/b.png"):
        picture(folder / image)
    path = folder / name
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def read(root: Path, **options: Any):
    data = landmarks_csv.open(root, **options)
    return data, list(data.samples())


def only_problem(root: Path) -> str:
    data, samples = read(root)
    assert samples == []
    assert len(data.problems) == 1
    return str(data.problems[0])


def test_the_tutorials_format(tmp_path: Path):
    numbers = ",".join(str(k) for k in range(136))
    path = write(tmp_path, header(68), f"a.png,{numbers}", f"sub/b.png,{numbers}")
    data, samples = read(path)
    assert [s.id for s in samples] == ["a.png", "sub/b.png"]
    assert data.scheme.name == "ibug68"
    assert np.array_equal(samples[0].points, np.arange(136, dtype=np.float32).reshape(68, 2))
    assert samples[0].visible.all()
    assert samples[0].person is None
    assert samples[0].release_split == "train"
    assert samples[0].image().shape == (30, 40, 3)
    assert samples[0].bytes == (tmp_path / "a.png").stat().st_size
    assert data.released() is None
    assert landmarks_csv.default_protocol == "release"


@pytest.mark.parametrize(("points", "scheme"), [(2, "points2"), (98, "wflw98")])
def test_the_number_of_points_chooses_the_scheme(tmp_path: Path, points: int, scheme: str):
    data = landmarks_csv.open(write(tmp_path, header(points)))
    assert data.scheme.name == scheme
    assert len(data.scheme) == points


def test_columns_may_stand_in_any_order_and_name_person_video_and_split(tmp_path: Path):
    head = "part_0_y,split,video,part_0_x,image_name,person,age"
    data, samples = read(write(tmp_path, head, "7,test,v1,5,a.png,Ann,33", "7,,,5,sub/b.png,,"))
    first, second = samples
    assert first.points.tolist() == [[5, 7]]
    assert (first.person, first.video, first.release_split) == ("Ann", "v1", "test")
    assert (second.person, second.video, second.release_split) == (None, None, None)
    assert "age" in data.notes


def test_a_byte_order_mark_and_blanks_in_the_header_do_no_harm(tmp_path: Path):
    path = write(tmp_path, "\ufeffimage_name, part_0_x, part_0_y", "a.png, 1, 2")
    assert read(path)[1][0].points.tolist() == [[1, 2]]


@pytest.mark.parametrize("cells", [",", "nan,NaN", " , "])
def test_a_point_without_a_label_is_invisible_and_finite(tmp_path: Path, cells: str):
    _, samples = read(write(tmp_path, header(2), f"a.png,1,2,{cells}"))
    assert samples[0].visible.tolist() == [True, False]
    assert np.isfinite(samples[0].points).all()


def test_a_second_face_in_an_image_has_its_own_id(tmp_path: Path):
    _, samples = read(write(tmp_path, header(1), "a.png,1,2", "a.png,3,4"))
    assert [s.id for s in samples] == ["a.png", "a.png#2"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png,1,2,3", "4 columns instead of 5"),
        ("a.png,1,2,3,4,5", "6 columns instead of 5"),
        ("a.png,1,2,x,4", "part_1_x is 'x', no number"),
        ("a.png,1,2,,4", "part_1_y is there, but part_1_x is not"),
        ("a.png,1,nan,3,4", "part_0_x is there, but part_0_y is not"),
        ("a.png,1,inf,3,4", "part_0_y is inf"),
        ("a.png,1,1e39,3,4", "part_0_y is 1e39"),
        ("a.png,,,,", "not one of its 2 points"),
        ("gone.png,1,2,3,4", "gone.png: no such image file"),
        ("../secret.png,1,2,3,4", "'../secret.png' is no path below"),
        ("/etc/passwd,1,2,3,4", "'/etc/passwd' is no path below"),
        (",1,2,3,4", "'' is no path below"),
    ],
)
def test_a_bad_row_is_left_out_by_file_row_and_reason(tmp_path: Path, row: str, reason: str):
    path = write(tmp_path, header(2), row)
    picture(tmp_path.parent / "secret.png")
    problem = only_problem(path)
    assert problem.startswith("faces.csv row 2: ")
    assert reason in problem


def test_a_split_that_is_neither_train_nor_test_is_a_problem(tmp_path: Path):
    assert "'dev'" in only_problem(write(tmp_path, header(1, "split"), "a.png,1,2,dev"))


def test_problems_start_afresh_with_every_reading(tmp_path: Path):
    data = landmarks_csv.open(write(tmp_path, header(1), "a.png,1", "a.png,1,2"))
    for _ in range(2):
        assert len(list(data.samples())) == 1
        assert len(data.problems) == 1


def test_an_unreadable_image_raises_when_it_is_decoded(tmp_path: Path):
    path = write(tmp_path, header(1), "a.png,1,2")
    (tmp_path / "a.png").write_bytes(b"no image")
    _, samples = read(path)
    with pytest.raises(DataError, match=r"a\.png"):
        samples[0].image()


def test_a_folder_with_one_such_file_will_do(tmp_path: Path):
    write(tmp_path, header(1), "a.png,1,2")
    (tmp_path / "prices.csv").write_text("item,price\n")
    assert len(read(tmp_path)[1]) == 1


def test_of_several_files_one_must_be_chosen(tmp_path: Path):
    write(tmp_path, header(1), "a.png,1,2", name="one.csv")
    write(tmp_path, header(2), "a.png,1,2,3,4", name="two.csv")
    with pytest.raises(DataError, match=r"two\.csv; choose one: --set dataset\.csv=one\.csv"):
        landmarks_csv.open(tmp_path)
    assert len(landmarks_csv.open(tmp_path, csv="two.csv").scheme) == 2
    with pytest.raises(DataError, match=r"three\.csv: no such CSV file"):
        landmarks_csv.open(tmp_path, csv="three.csv")
    with pytest.raises(DataError, match="no path below"):
        landmarks_csv.open(tmp_path, csv="../one.csv")


def test_nothing_found_says_what_was_looked_for(tmp_path: Path):
    with pytest.raises(DataError, match=r"\(\*\.csv, .*reads image_name, part_0_x.*no such file"):
        landmarks_csv.open(tmp_path)
    with pytest.raises(DataError, match="no such CSV file or folder"):
        landmarks_csv.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match="--data"):
        landmarks_csv.open(None)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("", "has no row of a table"),
        ("image_name,age", "lacks 'part_0_x'"),
        ("part_0_x,part_0_y", "lacks 'image_name'"),
        ("image_name,part_0_x,part_0_y,part_2_x,part_2_y", "lacks 'part_1_x'"),
        ("image_name,part_0_x,part_0_y,part_1_x", "has 'part_1_x' and lacks 'part_1_y'$"),
        ("image_name,part_0_x,part_0_y,part_b", "'part_b' does not fit: .* from 0 to 0$"),
        ("file,part_0_x,part_0_y", "lacks 'image_name' and has 'file', which may be meant; it"),
        ("image_name,point_0_x,point_0_y", "lacks 'part_0_x' and has 'point_0_x', which"),
        ("image_name,part_0_x,part_0_y,part_0_x", "'part_0_x' stands in its header twice"),
    ],
)
def test_a_header_that_does_not_fit_is_fatal(tmp_path: Path, head: str, reason: str):
    with pytest.raises(DataError, match=reason):
        landmarks_csv.open(write(tmp_path, head))


def test_bytes_that_are_no_text_are_fatal(tmp_path: Path):
    path = write(tmp_path, header(1), "a.png,1,2")
    path.write_bytes(path.read_bytes() + b"\0\xfe\n")
    with pytest.raises(DataError, match=r"faces\.csv: is no text"):
        list(landmarks_csv.open(path).samples())


def test_without_people_and_splits_every_row_is_one_to_train_on(tmp_path: Path):
    """So a user's first file works with a protocol; about a tenth of its rows goes to val."""
    rows = [f"a.png,{k},2" for k in range(40)]
    _, samples = read(write(tmp_path, header(1), *rows))
    splits = assign("release", [s.id for s in samples], [None] * 40, ["train"] * 40)
    assert {s.release_split for s in samples} == {"train"}
    assert set(splits) == {"train", "val"}
    _, [known] = read(write(tmp_path, header(1, "person"), "a.png,1,2,Ann"))
    assert known.release_split is None, "whose splits are by people"


def test_pairs_and_eyes_say_what_a_mirror_does_and_what_errors_are_divided_by(tmp_path: Path):
    path = write(tmp_path, header(5), "a.png,1,2,3,4,5,6,7,8,9,10")
    assert read(path)[0].scheme.flip is None
    scheme = read(path, pairs=[[0, 1], [3, 4]], eyes=[0, 1])[0].scheme
    assert scheme.flip == (1, 0, 2, 4, 3)
    assert scheme.eye_corners == (0, 1)
    assert read(path, pairs=[])[0].scheme.flip == (0, 1, 2, 3, 4), "all in the middle"
    assert read(path, eyes=[0, 1])[0].scheme.flip is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pairs": [[0, 5]]}, r"dataset.pairs: \[0, 5\] is no pair of two points of 0 to 4"),
        ({"pairs": [0, 1]}, "dataset.pairs: 0 is no pair"),
        ({"pairs": [[0, 1], [1, 2]]}, "a point stands in two pairs"),
        ({"eyes": [2, 2]}, r"dataset.eyes: \[2, 2\] is no pair"),
        ({"eyes": [0, 1.0]}, "is no pair"),
    ],
)
def test_pairs_that_make_no_sense_are_refused(tmp_path: Path, options: Any, words: str):
    path = write(tmp_path, header(5), "a.png,1,2,3,4,5,6,7,8,9,10")
    with pytest.raises(UsageError, match=words):
        read(path, **options)


def test_points_of_a_turned_photograph_are_those_of_what_a_viewer_shows(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "turned.jpg", exif=exif)
    Image.new("RGB", (40, 30)).save(tmp_path / "plain.jpg")
    header = "image_name," + ",".join(f"part_{k}_{axis}" for k in range(3) for axis in "xy")
    rows = [f"{name}.jpg,1,2,9,4,5,16" for name in ("turned", "plain")]
    (tmp_path / "points.csv").write_text("\n".join([header, *rows]))

    shown, plain = landmarks_csv.open(tmp_path).samples()
    assert shown.image().shape == (40, 30, 3)
    assert (shown.orientation, plain.orientation) == (6, 1)
    stored, _ = landmarks_csv.open(tmp_path, as_stored=True).samples()
    assert stored.image().shape == (30, 40, 3)
    assert stored.orientation == 1
