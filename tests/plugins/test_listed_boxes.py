"""boxes and labelled_faces: boxes are looked up by the path of a picture."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from zoo.api import DataError, UsageError
from zoo.cli import app
from zoo.plugins.detectors.boxes import boxes
from zoo.plugins.detectors.labelled_faces import labelled_faces
from zoo.prediction import Finder
from zoo.testing import pictures

PICTURE = np.zeros((50, 60, 3), np.uint8)


def write(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    return str(path)


def test_the_longest_end_of_a_path_that_is_named_counts(tmp_path: Path) -> None:
    file = write(
        tmp_path / "b.csv",
        "image_name,x0,y0,x1,y1,score\n1.jpg,1,1,2,2,0.5\na/1.jpg,3,3,4,4,0.5\n"
        "a/1.jpg,5,5,6,6,0.9\n./set/c/2.jpg,7,7,8,9,\n",
    )
    finder = Finder.of("landmark-zoo/boxes", file=file)
    assert finder.boxes(PICTURE, "/x/a/1.jpg")[:, 0].tolist() == [5, 3]  # the highest score first
    assert finder.boxes(PICTURE, Path("/x/b/1.jpg"))[:, 0].tolist() == [1]
    np.testing.assert_array_equal(finder.boxes(PICTURE, "set/c/2.jpg"), [[7, 7, 8, 9, 1]])
    assert finder.boxes(PICTURE, "c/2.jpg").shape == (0, 5)  # the set is not known
    assert finder.boxes(PICTURE, "other.jpg").dtype == np.float32


def test_a_path_counts_from_the_folder_that_one_works_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "b.csv", "image_name,x0,y0,x1,y1\nfaces/1.jpg,1,2,3,4\n")
    (tmp_path / "faces").mkdir()
    monkeypatch.chdir(tmp_path / "faces")
    assert len(Finder.of("boxes", file=file).boxes(PICTURE, "1.jpg")) == 1


def test_what_predict_wrote_is_read(tmp_path: Path) -> None:
    file = write(
        tmp_path / "points.csv",
        "image_name,face,box_x0,box_y0,box_x1,box_y1,box_score,part_0_x\na.png,0,1,2,30,40,17,9\n",
    )
    found = Finder.of("boxes", file=file).boxes(PICTURE, "a.png")
    np.testing.assert_array_equal(found, [[1, 2, 30, 40, 17]])


def test_a_file_of_boxes_may_be_what_a_spreadsheet_saves(tmp_path: Path) -> None:
    text = "sep=;\nimage_name;x0;y0;x1;y1;score\nZo\u00eb.jpg;1,5;2;30;40;NA\n"
    (tmp_path / "b.csv").write_bytes(text.encode("latin-1"))
    find = boxes.build(file=str(tmp_path / "b.csv"))
    found = find.for_picture(np.zeros((50, 50, 3), np.uint8), "set/Zoe\u0308.jpg")
    np.testing.assert_array_equal(found, [[1.5, 2, 30, 40, 1]])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image,x0,y0,x1,y1\n", r"b.csv: needs the columns image_name, .*it has image, x0"),
        ("", r"b.csv: has no row of a table"),
        ("image_name,x0,y0,x1,y1\na,1,2,3\n", r"b.csv line 2: 4 cells, the header has 5"),
        ("image_name,x0,y0,x1,y1\na,1,2,3,4\nb,9,2,3,4\n", r"line 3: 9, 2, 3, 4 is no box"),
        ("image_name,x0,y0,x1,y1\na,1,nan,3,4\n", r"line 2: .*is no box"),
        ("image_name,x0,y0,x1,y1\na,1,2,3,wide\n", r"line 2: could not convert .*'wide'"),
        ("image_name,x0,y0,x1,y1\n,1,2,3,4\n", r"line 2: names no picture"),
        ("a.jpg,1,2,3,4\n", r"it has no header, its first row is a.jpg, 1"),
    ],
)
def test_a_file_of_boxes_that_is_wrong_is_named_with_its_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        boxes.build(file=write(tmp_path / "b.csv", text))


def test_detectors_that_need_a_file_ask_for_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match=r"boxes needs a CSV file .*--set detector.file=PATH"):
        boxes.build()
    with pytest.raises(UsageError, match=r"labelled_faces needs .*--set detector.root=PATH"):
        labelled_faces.build()
    for build, option in ((boxes.build, "file"), (labelled_faces.build, "root")):
        with pytest.raises(UsageError, match="gone: no such file or folder"):
            build(**{option: str(tmp_path / "gone")})


def test_boxes_without_a_path_say_how_one_is_given(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", "image_name,x0,y0,x1,y1\na,1,2,3,4\n")
    with pytest.raises(UsageError, match=r"predict\(image, path=\.\.\.\)"):
        Finder.of("boxes", file=file).boxes(PICTURE)


@pytest.mark.parametrize("root", ["", "frame_images_DB", "frame_images_DB/Ann.labeled_faces.txt"])
def test_the_release_is_read_from_its_root_its_folder_or_a_file(tmp_path: Path, root: str) -> None:
    write(
        tmp_path / "frame_images_DB" / "Ann.labeled_faces.txt",
        "Ann\\0\\0.555.jpg,0,100,80,40,30,0,1\n\nAnn\\1\\1.2.jpg,0,10,10,4,4,0,1\n",
    )
    finder = Finder.of("labelled_faces", root=str(tmp_path / root))
    found = finder.boxes(PICTURE, tmp_path / "frame_images_DB/Ann/0/0.555.jpg")
    np.testing.assert_array_equal(found, [[80, 65, 120, 95, 1]])


@pytest.mark.parametrize(
    ("line", "reason"),
    [("a,1,2", "3 columns instead of 8"), ("a,0,1,1,0,3,0,1", "1,1,0,3 is no box")],
)
def test_a_line_of_the_release_that_is_wrong_is_named(
    tmp_path: Path, line: str, reason: str
) -> None:
    write(tmp_path / "Ann.labeled_faces.txt", f"a,0,5,5,2,2,0,1\n{line}\n")
    with pytest.raises(DataError, match=f"Ann.labeled_faces.txt line 2: {reason}"):
        labelled_faces.build(root=str(tmp_path))
    with pytest.raises(DataError, match=r"neither it nor its frame_images_DB holds a \*\.labeled"):
        labelled_faces.build(root=os.fspath(tmp_path / ".."))


def test_the_kit_asks_for_the_file_that_a_detector_needs(tmp_path: Path) -> None:
    run = CliRunner()
    for plugin in ("boxes", "labelled_faces"):
        refused = run.invoke(app, ["check", plugin, "--only", "gives_boxes"])
        assert refused.exit_code == 2, refused.output
        assert "--set detector." in refused.output
    x0, y0, x1, y1 = pictures.FACE
    file = write(
        tmp_path / "b.csv", f"image_name,x0,y0,x1,y1\nphotograph.png,{x0},{y0},{x1},{y1}\n"
    )
    passed = run.invoke(
        app, ["check", "boxes", "--only", "finds_a_face", "--set", f"detector.file={file}"]
    )
    assert passed.exit_code == 0, passed.output
    assert "finds_a_face" in passed.output
