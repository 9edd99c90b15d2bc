"""What an argument of `zoo predict` means, by its name and by the files that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.api import DataError
from zoo.media.inputs import MediaInput, find, find_all, is_meant, is_video, natural


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return [folder / name for name in names]


def kinds(sources: list[MediaInput]) -> list[tuple[str, str]]:
    return [(source.kind, source.path.name) for source in sources]


def test_files_are_pictures_or_videos_by_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.MP4", "c", "d.avi")
    found = [
        find(str(tmp_path / name)).sources[0].kind for name in ("a.jpg", "b.MP4", "c", "d.avi")
    ]
    assert found == ["picture", "video", "picture", "video"]


@pytest.mark.parametrize(
    ("head", "name", "video"),
    [
        (b"\0\0\0 ftypisom", "x.jpg", True),
        (b"\0\0\0 ftypavif", "x.mp4", False),
        (b"RIFF\0\0\0\0AVI LIST", "x", True),
        (b"RIFF\0\0\0\0WEBPVP8 ", "x.avi", False),
        (b"\x1aE\xdf\xa3\0\0\0\0", "x.jpg", True),
        (b"\x89PNG\r\n\x1a\n", "x.mp4", False),
        (b"nonsense", "x.mp4", True),
        (b"nonsense", "x.jpg", False),
    ],
)
def test_the_first_bytes_know_better_than_the_name(
    tmp_path: Path, head: bytes, name: str, video: bool
) -> None:
    (tmp_path / name).write_bytes(head)
    assert is_video(tmp_path / name) == video


def test_a_folder_gives_its_pictures_and_videos_as_people_count(tmp_path: Path) -> None:
    touch(tmp_path, "img_10.jpg", "img_2.png", "clip.mp4", "notes.txt", ".hidden.jpg", "sub/x.jpg")
    assert kinds(find(str(tmp_path)).sources) == [
        ("video", "clip.mp4"),
        ("picture", "img_2.png"),
        ("picture", "img_10.jpg"),
    ]


@pytest.mark.parametrize(
    ("names", "sequence"),
    [
        (("frame_1.png", "frame_10.png", "frame_2.png"), True),
        (("000001.jpg", "000002.jpg"), True),
        (("Frame0001.JPG", "Frame0002.JPG"), True),
        (("IMG_0001.jpg", "IMG_0002.jpg"), False),
        (("1.jpg", "2.jpg"), False),
        (("001.jpg", "002.png"), False),
        (("001.jpg",), False),
        (("001.jpg", "cover.jpg"), False),
    ],
)
def test_a_folder_of_numbered_frames_is_a_sequence_and_one_of_photographs_is_not(
    tmp_path: Path, names: tuple[str, ...], sequence: bool
) -> None:
    touch(tmp_path / "shot", *names)
    found = find(str(tmp_path / "shot")).sources
    if sequence:
        assert [(s.kind, s.guessed, s.stem) for s in found] == [("sequence", True, "shot")]
        assert list(found[0].frames) == natural(tmp_path / "shot" / name for name in names)
    else:
        assert {source.kind for source in found} == {"picture"}
        assert len(found) == len(names)


def test_what_the_user_says_goes_before_what_names_say(tmp_path: Path) -> None:
    touch(tmp_path / "shot", "frame_1.png", "frame_2.png")
    touch(tmp_path / "album", "anna.jpg", "berta.jpg")
    assert [s.kind for s in find(str(tmp_path / "shot"), "pictures").sources] == [
        "picture",
        "picture",
    ]
    [album] = find(str(tmp_path / "album"), "video").sources
    assert (album.kind, len(album.frames), album.guessed) == ("sequence", 2, False)


def test_pictures_named_one_by_one_are_a_video_where_the_user_says_so(tmp_path: Path) -> None:
    a, b, clip = map(str, touch(tmp_path, "a.png", "b.png", "clip.mp4"))
    sources, errors, _ = find_all([a, b, clip], "video")
    assert errors == []
    assert [(s.kind, [p.name for p in s.frames]) for s in sources] == [
        ("sequence", ["a.png", "b.png"]),
        ("video", []),
    ]


def test_a_pattern_gives_what_matches_and_is_a_picture_or_video(tmp_path: Path) -> None:
    touch(tmp_path, "b10.jpg", "b9.jpg", "b.csv", "sub/b1.png")
    assert kinds(find(str(tmp_path / "b*")).sources) == [
        ("picture", "b9.jpg"),
        ("picture", "b10.jpg"),
    ]
    deep = find(str(tmp_path / "**" / "b*")).sources
    assert [source.path.name for source in deep] == ["b9.jpg", "b10.jpg", "b1.png"]


def test_a_name_with_brackets_that_is_there_is_no_pattern(tmp_path: Path) -> None:
    [path] = touch(tmp_path, "me[1].jpg")
    assert find(str(path)).sources == [MediaInput("picture", path)]


def test_a_printf_pattern_is_a_sequence_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    touch(tmp_path / "walk", "f7-x.png", "f0010-x.png", "f0009-x.png", "f-x.png", "f0011-x.jpg")
    [source] = find(str(tmp_path / "walk" / "f%04d-x.png")).sources
    assert source.kind == "sequence"
    assert [path.name for path in source.frames] == ["f7-x.png", "f0009-x.png", "f0010-x.png"]
    assert source.stem == "f-x"
    touch(tmp_path / "walk", "0001.png")
    assert find(str(tmp_path / "walk" / "%04d.png")).sources[0].stem == "walk"


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("nothing.jpg", "nothing.jpg: no such image file, video, folder or pattern"),
        ("nots.txt", r"nots.txt: no such .* pattern; did you mean notes.txt\?$"),
        ("gone/notes.txt", "gone/notes.txt: no such image file, video, folder or pattern$"),
        ("no*.jpg", r"no\*.jpg: no file matches this pattern"),
        ("*.txt", r"\*.txt: 1 file matched, and none is a picture or video"),
        ("text", "text: no picture or video lies in this folder; 1 file is not read, .*: a.txt$"),
        ("empty", "empty: no picture or video lies in this folder$"),
        ("deep", r"deep: no picture .*; its 2 sub-folders are not searched, '.*deep/\*\*/\*' is"),
        ("f%03d.png", "no file of this sequence, such as .*f001.png"),
        ("f%d-%d.png", "a sequence has one number, in the file's name"),
        ("%02d/f.png", "a sequence has one number, in the file's name"),
        ("https://host/a.jpg", "an address is not read; download the file"),
    ],
)
def test_an_argument_that_names_nothing_fails_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "notes.txt", "deep/a/x.jpg", "deep/b/x.jpg", "text/a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=reason) as caught:
        find(argument)
    assert "\n" not in str(caught.value)


def test_arguments_that_name_nothing_leave_the_others(tmp_path: Path) -> None:
    [picture] = touch(tmp_path, "a.jpg")
    sources, errors, notes = find_all([str(picture), "nothing", str(picture), str(tmp_path)])
    assert sources == [MediaInput("picture", picture)]
    assert notes == []
    assert [str(error).partition(":")[0] for error in errors] == ["nothing"]


def test_a_missing_picture_is_told_from_a_missing_run(tmp_path: Path) -> None:
    meant = ["gone.jpg", "gone.mp4", "f/%03d.png", "x*", "https://a/b", str(tmp_path)]
    assert all(map(is_meant, meant))
    assert not is_meant("runs/custom_cnn-1")


def test_natural_order_by_hand() -> None:
    names = ["b", "a10", "a9", "10", "9", "a"]
    assert [str(p) for p in natural(map(Path, names))] == ["9", "10", "a", "a9", "a10", "b"]


def test_files_that_are_not_read_are_counted_and_named(tmp_path: Path) -> None:
    pictures = ("a.AVIF", "b.jfif", "c.HEIC", "d.heif", "e.JPEG")
    raw = [f"raw{k}.dng" for k in range(1, 9)]
    touch(tmp_path, *pictures, "notes.txt", ".hidden", "sub/x.txt", *raw)
    (tmp_path / "linked.png").symlink_to("gone.png")
    sources, errors, notes = find_all([str(tmp_path), f"{tmp_path}/[ac]*"])
    assert kinds(sources) == [("picture", name) for name in (*pictures, "linked.png")]
    assert errors == []
    assert notes == [
        f"{tmp_path}: 9 files are not read, no picture or video by name: notes.txt, "
        f"{', '.join(raw[:7])} and 1 more"
    ]
    [note] = find_all([f"{tmp_path}/[an]*"])[2]
    assert note.endswith("[an]*: 1 file is not read, no picture or video by name: notes.txt")


def test_a_pattern_goes_through_linked_folders_once_and_takes_brackets_that_are_there(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "in [1]/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "in [1]" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in [1]")
    found = find(f"{tmp_path}/in [1]/**/*.jpg").sources
    assert sorted(source.path.name for source in found) == ["a.jpg", "b.jpg"]
    assert [s.path.name for s in find(f"{tmp_path}/in [1]/link").sources] == ["b.jpg"]
