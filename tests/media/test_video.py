"""Videos and sequences frame by frame, annotated videos, and the errors of both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from zoo.api import DataError, UsageError
from zoo.media.video import CODECS, SequenceFrames, VideoFrames, VideoWriter

if TYPE_CHECKING:
    from conftest import Image, Kit


def shades(count: int, width: int = 48, height: int = 32) -> list[Image]:
    """Frame k has red 20 k, green 100, blue 200 - 20 k."""
    return [
        np.full((height, width, 3), (20 * k, 100, 200 - 20 * k), np.uint8) for k in range(count)
    ]


def test_a_video_comes_frame_by_frame_in_rgb(kit: Kit, tmp_path: Path) -> None:
    frames = shades(6)
    read = VideoFrames(kit.video(tmp_path / "a.mkv", frames))
    assert (read.rate, read.count, read.note) == (25.0, 6, "")
    found = list(read)
    assert [frame.index for frame in found] == list(range(6))
    for frame, expected in zip(found, frames, strict=True):
        assert frame.image is not None
        assert np.abs(frame.image.astype(int) - expected).max() <= 2


def noise(count: int) -> list[Image]:
    """Frames that no codec can make small."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


def cut(kit: Kit, folder: Path) -> Path:
    path = kit.video(folder / "cut.avi", noise(10), "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_a_video_that_ends_early_says_so_after_what_could_be_read(kit: Kit, tmp_path: Path) -> None:
    frames = list(VideoFrames(cut(kit, tmp_path)))
    good = sum(frame.image is not None for frame in frames)
    assert 2 <= good < 9
    last = frames[-1]
    assert last.image is None
    assert f"cut.avi: ends after {good} of 10 frames" in last.error


def test_a_video_whose_frames_are_all_broken_has_none(kit: Kit, tmp_path: Path) -> None:
    path = kit.video(tmp_path / "hollow.avi", noise(4), "MJPG")
    data = bytearray(path.read_bytes())
    start, end = data.index(b"movi") + 12, data.index(b"idx1") - 8  # the container stays whole
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    [frame] = VideoFrames(path)
    assert frame.image is None
    assert "hollow.avi: not one frame can be decoded; convert it: ffmpeg" in frame.error


def test_what_is_no_video_and_a_missing_codec_are_told_apart(kit: Kit, tmp_path: Path) -> None:
    path = kit.video(tmp_path / "codec.avi", noise(3), "MJPG")
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"ZZZZ"))
    (tmp_path / "text.mp4").write_bytes(b"no video" * 99)
    (tmp_path / "text").write_bytes(b"no video" * 99)
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name, reason in [
        ("codec.avi", "not readable as a video: .*in a codec that this OpenCV lacks; .*: ffmpeg"),
        ("text.mp4", "not readable as a video: damaged"),
        ("text", "not a video$"),
        ("empty.mp4", "the file is empty"),
        ("gone.mp4", "no such video"),
    ]:
        with pytest.raises(DataError, match=f"{name}: {reason}") as caught:
            VideoFrames(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_opencv_and_ffmpeg_keep_quiet(kit: Kit, tmp_path: Path) -> None:
    """In a process of its own: FFmpeg reads its log level once."""
    cut(kit, tmp_path)
    (tmp_path / "text.mp4").write_bytes(b"no video" * 99)
    script = (
        "from pathlib import Path\nfrom zoo.media.video import VideoFrames\n"
        "print(len(list(VideoFrames(Path('cut.avi')))))\n"
        "try: VideoFrames(Path('text.mp4'))\nexcept Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr == ""
    assert "text.mp4: not readable" in done.stdout


def test_a_sequence_skips_what_it_cannot_use_and_says_why(kit: Kit, tmp_path: Path) -> None:
    good, other = shades(2), shades(1, width=50)
    paths = [
        tmp_path / "gone.png",
        kit.save(tmp_path / "0.png", good[0]),
        kit.save(tmp_path / "1.png", other[0]),
        kit.save(tmp_path / "2.png", good[1]),
    ]
    frames = list(SequenceFrames(paths, 10.0))
    assert [frame.image is not None for frame in frames] == [False, True, False, True]
    assert "gone.png: no such image file" in frames[0].error
    assert (
        "1.png: 50 x 32 pixels in a sequence of 48 x 32; --as pictures takes each by itself"
        in frames[2].error
    )


@pytest.mark.parametrize(("width", "height"), [(64, 48), (65, 49), (161, 120), (2, 2)])
def test_an_annotated_video_has_all_pixels_of_its_frames(
    tmp_path: Path, width: int, height: int
) -> None:
    writer = VideoWriter(tmp_path / "new" / "v", 12.5, (width, height))
    frames = shades(5, width, height)
    for frame in frames:
        writer.write(frame)
    assert [path.name for path in (tmp_path / "new").iterdir()] != ["v.mp4"]  # not yet whole
    writer.close()
    assert (writer.path, writer.note) == (tmp_path / "new" / "v.mp4", "")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["v.mp4"]
    read = VideoFrames(writer.path)
    assert read.rate == pytest.approx(12.5)
    for frame, expected in zip(read, frames, strict=True):
        assert frame.image is not None
        # an odd side is padded by one, never cut
        assert frame.image.shape[:2] == (height + height % 2, width + width % 2)
        assert np.abs(frame.image[:height, :width].astype(int) - expected).mean() < 8


def test_without_the_first_codec_the_second_is_taken_with_a_note(tmp_path: Path) -> None:
    codecs = (("ZZZZ", ".mp4", cv2.CAP_FFMPEG), CODECS[1])
    writer = VideoWriter(tmp_path / "v", 25, (64, 48), codecs)
    writer.write(shades(1, 64, 48)[0])
    writer.close()
    assert writer.path == tmp_path / "v.avi"
    assert "v.avi: this OpenCV has no encoder for .mp4, so it is Motion JPEG in .avi" in writer.note
    assert [path.name for path in tmp_path.iterdir()] == ["v.avi"]
    assert sum(frame.image is not None for frame in VideoFrames(writer.path)) == 1


def test_without_any_codec_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"writes no video \(neither ZZZZ nor YYYY\).*--no-draw"):
        VideoWriter(
            tmp_path / "v",
            25,
            (64, 48),
            [(name, ".mp4", cv2.CAP_FFMPEG) for name in ("ZZZZ", "YYYY")],
        )
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_written_or_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--out .*file: .*; name a folder that can be written"):
        VideoWriter(tmp_path / "file" / "v", 25, (64, 48))
    writer = VideoWriter(tmp_path / "out" / "v", 25, (64, 48))
    writer.write(shades(1, 64, 48)[0])
    writer.discard()
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_frame_rate_is_assumed_with_a_note(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kit.video(tmp_path / "a.mkv", shades(2))
    monkeypatch.setattr("zoo.videos.MOST_RATE", 5.0)  # the header's rate is beyond it
    read = VideoFrames(path)
    assert read.rate == 25
    assert "a.mkv: says no frame rate; taken as 25 a second" in read.note


def test_seconds_are_those_of_the_file(kit: Kit, tmp_path: Path) -> None:
    durations = [0.02, 0.01, 0.1, 0.03, 0.06, 0.02]
    path = kit.uneven(tmp_path / "phone.mp4", shades(6), durations)
    seconds = [frame.seconds for frame in VideoFrames(path)]
    np.testing.assert_allclose(seconds, np.cumsum([0, *durations[:-1]]), atol=1e-3)
    even = [frame.seconds for frame in VideoFrames(kit.video(tmp_path / "even.avi", shades(4)))]
    np.testing.assert_allclose(even, [0, 0.04, 0.08, 0.12], atol=1e-6)
