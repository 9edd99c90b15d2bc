"""The Udacity release: ids, people, labels, and one line for every row that cannot be used."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.api import DataError, Sample, UsageError
from zoo.datasets import youtube_udacity
from zoo.datasets.youtube_faces import youtube_faces
from zoo.datasets.youtube_udacity import UdacityFrames

HEADER = ["", *map(str, range(136))]
TRAINING, TEST = "training_frames_keypoints.csv", "test_frames_keypoints.csv"


def _points(start: float = 10.0) -> list[str]:
    return [str(start + i) for i in range(136)]


def _image(path: Path, width: int = 12, height: int = 9) -> None:
    """As in the release: RGBA PNG bytes under a .jpg name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA", (width, height), (200, 100, 50, 0)).save(path, format="PNG")


def _table(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two people in training; one of them is in test too, with the same file name."""
    rows = {TRAINING: ["Ann_Lee_00.jpg", "Ann_Lee_12.jpg", "Bo_El-Din_51.jpg"]}
    rows[TEST] = ["Ann_Lee_00.jpg"]
    for name, folder in ((TRAINING, "training"), (TEST, "test")):
        for file in rows[name]:
            _image(tmp_path / folder / file)
        _table(tmp_path / name, [[file, *_points()] for file in rows[name]])
    _image(tmp_path / "test" / "Unlabelled_00.jpg")
    return tmp_path


def _read(root: Path) -> tuple[list[Sample], list[str]]:
    dataset = youtube_faces.open(root)
    return list(dataset.samples()), [str(problem) for problem in dataset.problems]


def test_ids_people_videos_and_splits(root: Path) -> None:
    samples, problems = _read(root)
    assert problems == []
    assert [(s.id, s.person, s.video, s.release_split) for s in samples] == [
        ("training/Ann_Lee_00.jpg", "Ann_Lee", "Ann_Lee_0", "train"),
        ("training/Ann_Lee_12.jpg", "Ann_Lee", "Ann_Lee_1", "train"),
        ("training/Bo_El-Din_51.jpg", "Bo_El-Din", "Bo_El-Din_5", "train"),
        ("test/Ann_Lee_00.jpg", "Ann_Lee", "Ann_Lee_0", "test"),
    ]


def test_labels_move_from_edges_to_pixel_centres(root: Path) -> None:
    sample = _read(root)[0][0]
    assert sample.points.shape == (68, 2)
    assert sample.points.dtype == np.float32
    np.testing.assert_array_equal(sample.points[:2], [[9.5, 10.5], [11.5, 12.5]])
    assert sample.visible.all()
    assert sample.bytes == (root / sample.id).stat().st_size
    assert youtube_faces.open(root).label_offset == (0.009, 0.0)


def test_images_of_any_aspect_come_as_rgb(root: Path) -> None:
    _image(root / "training" / "Ann_Lee_00.jpg", width=53, height=100)
    _image(root / "training" / "Ann_Lee_12.jpg", width=246, height=100)
    first, second, *_ = _read(root)[0]
    assert first.image().shape == (100, 53, 3)
    assert second.image().shape == (100, 246, 3)
    assert first.image()[0, 0].tolist() == [200, 100, 50]


def test_unreadable_image_raises_when_it_is_decoded(root: Path) -> None:
    (root / "training" / "Ann_Lee_00.jpg").write_bytes(b"broken")
    samples, problems = _read(root)
    assert problems == []
    with pytest.raises(DataError, match=r"training/Ann_Lee_00\.jpg: not an image"):
        samples[0].image()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["Cy_00.jpg", *_points()[:-1]], "136 columns instead of 137"),
        (["Cy_00.jpg", *_points(), "1"], "138 columns instead of 137"),
        (["Cy_00.jpg", "nan", *_points()[1:]], "Cy_00.jpg: column 1 is there, but column 0 is not"),
        (["Cy_00.jpg", *_points()[:-1], "1e99"], "Cy_00.jpg: column 135 is 1e99, no place"),
        (["Cy_00.jpg", "", *_points()[1:]], "Cy_00.jpg: column 1 is there, but column 0 is not"),
        (["Cy_99.jpg", *_points()], "training/Cy_99.jpg: no such image file"),
        (["../Cy_00.jpg", *_points()], "'training/../Cy_00.jpg' is no path below"),
        (["sub/Cy_00.jpg", *_points()], "does not read <person>_"),
        (["Cy.jpg", *_points()], "does not read <person>_"),
        (["Ann_Lee_12.jpg", *_points()], "was labelled in row 3 already"),
    ],
)
def test_row_that_cannot_be_used_is_left_out_by_name(
    root: Path, row: list[str], reason: str
) -> None:
    for name in ("training/Cy_00.jpg", "Cy_00.jpg", "training/sub/Cy_00.jpg", "training/Cy.jpg"):
        _image(root / name)
    with (root / TRAINING).open("a", newline="") as file:
        csv.writer(file).writerows([row, ["Cy_00.jpg", *_points()]])

    samples, problems = _read(root)

    assert len(problems) == 1
    assert problems[0].startswith("training_frames_keypoints.csv row 5: ")
    assert reason in problems[0]
    assert [s.id for s in samples][3:] == ["training/Cy_00.jpg", "test/Ann_Lee_00.jpg"]


def test_problems_are_counted_afresh_each_time(root: Path) -> None:
    (root / "training" / "Ann_Lee_00.jpg").unlink()
    dataset = youtube_faces.open(root)
    for _ in range(2):
        assert len(list(dataset.samples())) == 3
        assert len(dataset.problems) == 1


@pytest.mark.parametrize("header", [HEADER[:-1], [*HEADER, "136"]])
def test_header_of_another_width_is_fatal(root: Path, header: list[str]) -> None:
    _table(root / TRAINING, [["Ann_Lee_00.jpg", *_points()]], header)
    with pytest.raises(DataError, match=rf"{TRAINING}: its header has {len(header)} columns"):
        _read(root)


def test_a_file_without_its_header_is_said_to_have_none(root: Path) -> None:
    _table(root / TRAINING, [["Ann_Lee_00.jpg", *_points()]], [])
    with pytest.raises(DataError, match="has no header, its first row is that of Ann_Lee_00"):
        _read(root)


def test_file_that_is_no_text_is_fatal(root: Path) -> None:
    (root / TEST).write_bytes(b"\x00\xfe\x00" * 100)
    with pytest.raises(DataError, match=f"{TEST}: is no text"):
        _read(root)


def test_missing_table_is_a_problem_not_silence(root: Path) -> None:
    (root / TEST).unlink()
    samples, problems = _read(root)
    assert len(samples) == 3
    assert len(problems) == 1
    assert problems[0].startswith(f"{TEST}: no such file")


def test_released_compares_with_the_manifest(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert UdacityFrames(root).released() is False

    manifest = tmp_path_factory.mktemp("manifest") / "manifest.csv"
    names = [TRAINING, TEST, "training/Ann_Lee_00.jpg", "test/Ann_Lee_00.jpg"]
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "bytes", "sha256"])
        for name in names:
            content = (root / name).read_bytes()
            writer.writerow([name, len(content), hashlib.sha256(content).hexdigest()])
    monkeypatch.setattr(youtube_udacity, "MANIFEST", manifest)
    assert UdacityFrames(root).released() is True

    table = root / TRAINING  # the same size, another label
    table.write_text(table.read_text().replace("10.0", "10.1"))
    assert UdacityFrames(root).released() is False


def test_shipped_manifest_is_that_of_the_release() -> None:
    entries = {e.path: e for e in youtube_udacity.read_manifest(youtube_udacity.MANIFEST)}
    folders = [path.partition("/")[0] for path in entries if "/" in path]
    assert (folders.count("training"), folders.count("test"), len(entries)) == (3462, 770, 4234)
    assert entries[TRAINING].sha256.startswith("9f3d1213")
    assert entries[TEST].sha256.startswith("348e5e1a")


def test_repository_root_will_do(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    repository = tmp_path_factory.mktemp("repository")
    (repository / "data").symlink_to(root, target_is_directory=True)
    assert len(_read(repository)[0]) == 4


def test_nothing_recognised_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        youtube_faces.open(tmp_path)
    for words in (
        str(tmp_path),
        TRAINING,
        "youtube_faces_with_keypoints_full.csv",
        "zoo data fetch",
    ):
        assert words in str(caught.value)


def test_two_releases_under_one_root_are_refused(root: Path) -> None:
    (root / "frame_images_DB").mkdir()
    with pytest.raises(DataError, match="more than one release"):
        youtube_faces.open(root)


def test_thinning_does_not_apply_to_single_frames(root: Path) -> None:
    with pytest.raises(UsageError, match="frames_per_video"):
        youtube_faces.open(root, frames_per_video=3)


def test_unlabelled_frames_are_those_that_no_row_names(root: Path) -> None:
    for file in ("training/Cy_20.jpg", "test/Ann_Lee_12.jpg", "test/nobody.jpg"):
        _image(root / file)
    dataset = UdacityFrames(root)
    unlabelled = list(dataset.unlabelled())
    assert [(s.id, s.person, s.video, s.release_split) for s in unlabelled] == [
        ("training/Cy_20.jpg", "Cy", "Cy_2", "train"),
        # the file of this name in training is labelled, and this one in test is not
        ("test/Ann_Lee_12.jpg", "Ann_Lee", "Ann_Lee_1", "test"),
        ("test/Unlabelled_00.jpg", "Unlabelled", "Unlabelled_0", "test"),
    ]
    assert not any(sample.visible.any() for sample in unlabelled)
    assert unlabelled[0].image().shape == (9, 12, 3)
    assert not {s.id for s in dataset.samples()} & {s.id for s in unlabelled}


def test_a_row_that_cannot_be_used_makes_no_unlabelled_frame(root: Path) -> None:
    _image(root / "test" / "Dee_30.jpg")
    _table(root / TEST, [["Dee_30.jpg", *_points()[:-1], "nan"]])
    assert "test/Dee_30.jpg" not in {s.id for s in UdacityFrames(root).unlabelled()}
