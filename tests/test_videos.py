"""Reading a video opens its file and nothing else, whatever its name and content are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest
from loopback import answering

from zoo.api import DataError
from zoo.datasets.video_frames import FrameReader, VideoInfo
from zoo.media.video import VideoFrames, VideoWriter
from zoo.videos import VideoFile

REQUESTS: list[str] = []


class RequestRecorder(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        REQUESTS.append(self.path)
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The host and port of a server that must not receive a request."""
    with answering(RequestRecorder) as address:
        yield address.removeprefix("http://")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three frames as MPEG-4."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (32, 32))
    for level in (40, 120, 200):
        writer.write(np.full((32, 32, 3), level, np.uint8))
    writer.release()
    return path.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "http:{server}?a.mp4",
        "tcp:{server}",
        "concat:a.mp4|b.mp4",
        "12:30:45.mp4",
        "subfile,,start,9,end,99,,:b.mp4",
        "-i.mp4",
        "clip%03d.mp4",
        "clip%03d.jpg",
        "clip*{{a}}.png",
        "two words\nand a line.mp4",
    ],
)
def test_a_name_is_a_name_and_no_address_or_pattern(
    film: bytes, server: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name.format(server=server))
    path.write_bytes(film)
    assert sum(frame.image is not None for frame in VideoFrames(path)) == 3
    assert VideoInfo.of(path) == VideoInfo(32, 32)
    assert abs(int(FrameReader().read(path, 2).mean()) - 200) < 4
    path.unlink()
    for there in ("b.mp4", "clip001.mp4", "clip001.jpg", "clipa.png"):
        Path(there).write_bytes(film)
    with pytest.raises(DataError, match="no such video"):
        VideoFile(path)
    assert REQUESTS == []


def test_a_name_that_is_no_text_is_read_and_written(film: bytes, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xfcber")
    try:
        folder.mkdir()
    except OSError:  # a system whose names are all Unicode
        return
    (folder / "a.mp4").write_bytes(film)
    writer = VideoWriter(folder / os.fsdecode(b"\xe4"), 25, (32, 32))
    frames = [frame.image for frame in VideoFrames(folder / "a.mp4")]
    for image in frames:
        assert image is not None
        writer.write(image)
    writer.close()
    assert sorted(map(os.fsencode, os.listdir(folder))) == [b"a.mp4", b"\xe4.mp4"]
    assert len(list(VideoFrames(writer.path))) == len(frames) == 3


def test_an_output_folder_with_a_colon_or_a_pattern_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("o:1/clip", "http:/x", "%03d/%02d"):
        writer = VideoWriter(Path(place), 25, (32, 32))
        writer.write(np.zeros((32, 32, 3), np.uint8))
        writer.close()
        assert (writer.path, writer.note) == (Path(f"{place}.mp4"), "")
        assert writer.path.is_file()
    assert sorted(os.listdir()) == ["%03d", "http:", "o:1"]


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {other}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 8765 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "asx": '<ASX><Entry><Ref href="{other}"/></Entry></ASX>',
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet>'
    "<Representation><BaseURL>{other}</BaseURL></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".avi", ".ts", ""])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_opens_nothing(
    film: bytes,
    server: str,
    kind: str,
    suffix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even where the user's own options allow it."""
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "protocol_whitelist;file,http,tcp")
    (tmp_path / "other.ts").write_bytes(film)
    (tmp_path / "other.mp4").write_bytes(film)
    for other in ("other.mp4", "other.ts", f"http://{server}/a.ts", f"file:{tmp_path}/other.mp4"):
        path = tmp_path / f"list{suffix}"
        path.write_text(PLAYLISTS[kind].format(other=other))
        with pytest.raises(DataError, match="not readable as a video"):
            VideoFile(path)
    assert REQUESTS == []
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "protocol_whitelist;file,http,tcp"
