"""300-W and 300-VW .pts folders: what is read, what is skipped and what is refused."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from zoo.api import DataError, UsageError
from zoo.data.table import read_table
from zoo.datasets import video_frames
from zoo.datasets.ibug_pts import ibug_pts
from zoo.videos import VideoFile

FRAMES = 6


def pts(points: int = 68, start: float = 1.0) -> str:
    body = "\n".join(f"{start + k:.3f} {start + 2 * k:.3f}" for k in range(points))
    return f"version: 1\nn_points: {points}\n{{\n{body}\n}}\n"


def still(root: Path, name: str, suffix: str = ".jpg", text: str | None = None) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".pts").write_text(pts() if text is None else text)
    Image.new("RGB", (50, 60), (10, 20, 30)).save(path.with_suffix(suffix))


def video(root: Path, person: str, labelled: int = FRAMES) -> None:
    """A video whose frame k has red value 30 k + 20."""
    folder = root / person
    (folder / "annot").mkdir(parents=True)
    size = (64, 48)
    writer = cv2.VideoWriter(str(folder / "vid.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    assert writer.isOpened()
    for k in range(FRAMES):
        writer.write(np.full((48, 64, 3), (0, 0, 30 * k + 20), np.uint8))
    writer.release()
    for k in range(labelled):
        (folder / "annot" / f"{k + 1:06d}.pts").write_text(pts(start=1 + k))


def read(root: Path):
    data = ibug_pts.open(root)
    return data, list(data.samples())


def test_stills_are_read_from_one_based_points(tmp_path: Path):
    still(tmp_path, "helen/testset/b_1")
    still(tmp_path, "helen/testset/a_1", ".png")
    data, samples = read(tmp_path)
    assert [s.id for s in samples] == ["helen/testset/a_1.png", "helen/testset/b_1.jpg"]
    assert np.array_equal(samples[0].points[:3], [[0, 0], [1, 2], [2, 4]])
    assert samples[0].points.dtype == np.float32
    assert samples[0].person is None
    assert samples[0].image().shape == (60, 50, 3)
    assert data.scheme.name == "ibug68"
    assert data.problems == []
    assert data.released() is None


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("helen/trainset", "train"),
        ("lfpw/testset", "test"),
        ("afw", "train"),
        ("ibug", "test"),
        ("300W/01_Indoor", "test"),
        ("300W/02_Outdoor", "test"),
        ("test/helen/trainset", "train"),
        ("mine", None),
    ],
)
def test_folders_of_300w_say_the_split(tmp_path: Path, folder: str, split: str | None):
    still(tmp_path, f"{folder}/x")
    still(tmp_path, "zz/afw/y")
    assert read(tmp_path)[1][0].release_split == split


def test_stills_outside_300w_are_to_train_on(tmp_path: Path):
    for name in ("a", "mine/b"):
        still(tmp_path, name)
    assert [sample.release_split for sample in read(tmp_path)[1]] == ["train", "train"]
    video(tmp_path, "001", labelled=1)
    assert read(tmp_path)[1][0].release_split is None, "frames of a video stay together"


def test_the_test_split_of_300w_has_its_subsets(tmp_path: Path):
    for name in ("helen/testset/a", "lfpw/testset/b", "ibug/c", "300w/01_indoor/d", "afw/e"):
        still(tmp_path, name)
    found = {s.id[:-4]: s.attributes for s in ibug_pts.open(tmp_path).samples()}
    common = {"common": True, "challenging": False, "full": True}
    assert found == {
        "helen/testset/a": common,
        "lfpw/testset/b": common,
        "ibug/c": {"common": False, "challenging": True, "full": True},
        "300w/01_indoor/d": {},
        "afw/e": {},
    }


def test_the_root_and_the_files_name_say_nothing_of_the_split(tmp_path: Path):
    root = tmp_path / "testset"
    still(root, "mine/train")
    still(root, "zz/afw/y")
    assert read(root)[1][0].release_split is None


def test_video_frames_are_those_of_their_number(tmp_path: Path):
    video(tmp_path, "001")
    video(tmp_path, "002", labelled=2)
    data, samples = read(tmp_path)
    assert data.problems == []
    assert len(samples) == FRAMES + 2
    assert samples[1].id == "001/annot/000002"
    assert (samples[1].person, samples[1].video) == ("001", "001")
    assert samples[1].points[0].tolist() == [1, 1]
    assert samples[1].bytes == 48 * 64 * 3
    for order in (range(FRAMES), reversed(range(FRAMES)), (0, 3, 3, 1)):
        for k in order:
            image = samples[k].image()
            assert image.shape == (48, 64, 3)
            assert abs(int(image[20, 20, 0]) - (30 * k + 20)) < 8
            assert image[20, 20, 2] < 20, "RGB, not BGR"


def test_frames_may_be_read_from_several_threads(tmp_path: Path):
    video(tmp_path, "001")
    video(tmp_path, "002")
    _, samples = read(tmp_path)
    chosen = [samples[k % len(samples)] for k in range(0, 60, 7)]
    with ThreadPoolExecutor(4) as pool:
        reds = list(pool.map(lambda sample: int(sample.image()[20, 20, 0]), chosen))
    expected = [30 * (int(sample.id[-6:]) - 1) + 20 for sample in chosen]
    assert np.allclose(reds, expected, atol=8)


def test_threads_that_go_through_videos_together_open_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(video_frames, "at_once", lambda: 4)
    for name in ("001", "002", "003"):
        video(tmp_path, name, labelled=FRAMES)
    samples = read(tmp_path)[1]
    opened: list[Path] = []
    real_opened = video_frames._opened

    def counted(path: Path) -> VideoFile:
        opened.append(path)
        return real_opened(path)

    monkeypatch.setattr(video_frames, "_opened", counted)
    videos = [samples[i * FRAMES : (i + 1) * FRAMES] for i in range(3)]
    swapped = [[v[i ^ 1] for i in range(FRAMES - FRAMES % 2)] for v in videos]
    interleaved = [sample for group in zip(*swapped, strict=True) for sample in group]
    for sample in interleaved:
        assert abs(int(sample.image()[24, 32, 0]) - 30 * (int(sample.id[-6:]) - 1) - 20) <= 8
    assert len(opened) == 3


def test_a_label_past_the_videos_end_is_named_when_it_is_decoded(tmp_path: Path):
    video(tmp_path, "001", labelled=FRAMES + 1)
    _, samples = read(tmp_path)
    with pytest.raises(DataError, match=rf"vid\.avi: frame {FRAMES + 1} .* {FRAMES} readable"):
        samples[-1].image()
    assert samples[0].image().shape == (48, 64, 3)


def test_a_file_that_is_no_video_is_a_problem(tmp_path: Path):
    video(tmp_path, "001", labelled=2)
    (tmp_path / "001" / "vid.avi").write_bytes(b"no video")
    data, samples = read(tmp_path)
    assert samples == []
    assert len(data.problems) == 2
    assert "vid.avi: not readable as a video" in str(data.problems[0])


def test_a_name_that_is_no_frame_number_is_a_problem(tmp_path: Path):
    video(tmp_path, "001", labelled=1)
    for name in ("first", "000000"):
        (tmp_path / "001" / "annot" / f"{name}.pts").write_text(pts())
    data, samples = read(tmp_path)
    assert len(samples) == 1
    assert ["no frame number" in str(p) for p in data.problems] == [True, True]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "x.pts line 1: no points in braces"),
        ("version: 2\nn_points: 68\n{\n}", "x.pts line 1: 'version: 2' instead of 'version: 1'"),
        (pts(29), "x.pts: 29 points instead of 68, as others have"),
        (pts().replace("68", "many"), "x.pts line 2: 'n_points: many' instead of 'version: 1', "),
        (pts().replace("{\n", ""), "x.pts line 3: '1.000 1.000' instead of"),
        (pts() + "more", "x.pts line 73: 'more' after the closing brace"),
        (pts().replace("}", ""), "no points in braces"),
        (pts().replace("3.000 5.000\n", ""), "line 71: the brace closes after 67 points"),
        (pts().replace("3.000 5.000", "3.000"), "x.pts line 6: '3.000' is no x y pair"),
        (pts().replace("3.000 5.000", "3 5 7"), "x.pts line 6: '3 5 7' is no x y pair"),
        (pts().replace("3.000 5.000", "3 five"), "x.pts line 6: '3 five' is no x y pair"),
        (
            pts().replace("3.000 5.000", "nan 5"),
            "'nan 5' is no x y pair: y is there, but x is not",
        ),
        (
            pts().replace("3.000 5.000", "1e300 5"),
            "'1e300 5' is no x y pair: x is 1e300, no",
        ),
        (pts() + " " * (1 << 20), "larger than"),
    ],
)
def test_a_malformed_file_is_left_out_by_name_line_and_reason(
    tmp_path: Path, text: str, reason: str
):
    still(tmp_path, "helen/trainset/x", text=text)
    still(tmp_path, "helen/trainset/y")
    data = ibug_pts.open(tmp_path)
    for _ in range(2):  # problems start afresh with every reading
        assert len(list(data.samples())) == 1
        assert len(data.problems) == 1
    assert str(data.problems[0]).startswith("helen/trainset/x.pts: ")
    assert reason in str(data.problems[0])


def test_bytes_that_are_no_text_are_a_problem(tmp_path: Path):
    still(tmp_path, "x")
    (tmp_path / "x.pts").write_bytes(b"\xff\xfe")
    data, samples = read(tmp_path)
    assert samples == []
    assert "no points in braces" in str(data.problems[0])


def test_windows_lines_and_wide_blanks_do_no_harm(tmp_path: Path):
    still(tmp_path, "x", text=pts().replace("n_points: ", "n_points:  ").replace("\n", "\r\n"))
    assert len(read(tmp_path)[1]) == 1


def test_points_without_an_image_are_a_problem(tmp_path: Path):
    (tmp_path / "x.pts").write_text(pts())
    data, samples = read(tmp_path)
    assert samples == []
    assert "no image x.jpg" in str(data.problems[0])


def test_nothing_found_says_what_was_looked_for(tmp_path: Path):
    with pytest.raises(DataError, match=r"looked for NAME\.pts .* and NNN/annot/000001\.pts"):
        ibug_pts.open(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        ibug_pts.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match="--data"):
        ibug_pts.open(None)


VARIANTS = {
    "byte order mark": "\ufeff" + pts(),
    "no version": pts().partition("\n")[2],
    "bare": pts()[pts().index("{") :],
    "1.0": pts().replace("version: 1\n", "version: 1.0\n"),
    "comments": "# by hand\n" + pts().replace("{\n", "{\n// the jaw\n"),
    "brace in line": pts().replace("\n{", " {").replace("\n}", "}"),
    "commas": re.sub(r"(\.000) ", r"\1, ", pts()),
    "three numbers": re.sub(r"(\.000)\n", r"\1 1\n", pts()),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_files_that_other_programs_write_are_read(tmp_path: Path, variant: str):
    still(tmp_path, "x")
    (tmp_path / "x.pts").write_text(VARIANTS[variant], encoding="utf-8")
    data, [sample] = read(tmp_path)
    assert list(data.problems) == []
    np.testing.assert_array_equal(sample.points[:, 0], np.arange(68))
    np.testing.assert_array_equal(sample.points[:, 1], 2 * np.arange(68))


def test_text_in_utf_16_is_read(tmp_path: Path):
    still(tmp_path, "x")
    (tmp_path / "x.pts").write_text(pts(), encoding="utf-16")
    assert len(read(tmp_path)[1]) == 1


@pytest.mark.parametrize("suffix", [".JPG", ".Jpg", ".webp", ".tif", ".jfif"])
def test_suffixes_in_any_case_and_other_pictures_are_read(tmp_path: Path, suffix: str):
    still(tmp_path, "x")
    (tmp_path / "x.pts").rename(tmp_path / "x.PTS")
    (tmp_path / "x.jpg").unlink()
    kind = {".webp": "WEBP", ".tif": "TIFF"}.get(suffix, "JPEG")
    Image.new("RGB", (50, 60)).save(tmp_path / f"x{suffix}", kind)
    _, [sample] = read(tmp_path)
    assert sample.id == f"x{suffix}"
    assert sample.image().shape == (60, 50, 3)


def test_a_point_without_a_label_is_masked(tmp_path: Path):
    still(tmp_path, "x", text=pts().replace("3.000 5.000", "nan NaN"))
    still(tmp_path, "y", text=pts().replace("3.000 5.000", "0 0"))
    still(tmp_path, "z", text="{\n" + "nan nan\n" * 68 + "}")
    data, samples = read(tmp_path)
    assert [np.flatnonzero(~sample.visible).tolist() for sample in samples] == [[2], []]
    assert "z.pts: not one of its 68 points has a label" in str(data.problems[0])
    masked = ibug_pts.open(tmp_path, missing=[0, 0]).samples()
    assert [np.flatnonzero(~sample.visible).tolist() for sample in masked] == [[2], [2]]
    with pytest.raises(UsageError, match=r"dataset\.missing: 0 is no place"):
        ibug_pts.open(tmp_path, missing=0)


def test_any_number_of_points_makes_a_scheme(tmp_path: Path):
    for name in ("a", "b"):
        still(tmp_path, name, text=pts(29))
    still(tmp_path, "odd", text=pts(28))
    data, samples = read(tmp_path)
    assert len(data.scheme) == 29
    assert data.scheme.eye_corners is None
    assert len(samples) == 2
    assert "odd.pts: 28 points instead of 29" in str(data.problems[0])
    with_options = ibug_pts.open(tmp_path, pairs=[[0, 1]], eyes=[0, 1])
    assert with_options.scheme.eye_corners == (0, 1)


def test_linked_folders_and_files_are_read_and_loops_are_not(tmp_path: Path):
    still(tmp_path, "elsewhere/trainset/a")
    still(tmp_path, "files/b")
    still(tmp_path, "data[1]/real/c")
    root = tmp_path / "data[1]"
    (root / "helen").symlink_to(tmp_path / "elsewhere")
    (root / "loop").symlink_to(root)
    (root / "up").symlink_to(tmp_path)
    for name in ("b.pts", "b.jpg"):
        (root / name).symlink_to(tmp_path / "files" / name)
    _, samples = read(root)
    assert [s.id for s in samples] == ["b.jpg", "helen/trainset/a.jpg", "real/c.jpg"]
    assert samples[1].release_split == "train"
    only_link = tmp_path / "only"
    only_link.mkdir()
    (only_link / "afw").symlink_to(tmp_path / "elsewhere")
    assert len(read(only_link)[1]) == 1


def test_a_name_that_is_no_utf_8_is_read(tmp_path: Path):
    still(tmp_path, "x")
    try:
        for suffix in (".pts", ".jpg"):
            (tmp_path / f"x{suffix}").rename(tmp_path / os.fsdecode(b"z\xfc" + suffix.encode()))
    except OSError:  # a system whose names are all Unicode
        return
    data, _ = read(tmp_path)
    table = read_table(data)
    assert table.ids == ("z\\xfc.jpg",)
    assert len(table.fingerprint) == 64
    assert table.images[0]().shape == (60, 50, 3)
