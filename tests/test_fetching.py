"""Fetching from servers that truncate, lie, fail and disappear; and resuming afterwards."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from zoo import fetching
from zoo.api import DataError, UsageError
from zoo.datasets import youtube_faces
from zoo.fetching import ManifestFile, NotFetchedError, fetch_files

FILES = {
    f"training/Zoë #{i}% _0{i}.jpg": bytes([i]) * (1000 + i) for i in range(9)
}  # names that must be quoted
FILES["table.csv"] = b"name,0,1\n" * 100
MANIFEST = [ManifestFile(p, len(c), hashlib.sha256(c).hexdigest()) for p, c in FILES.items()]
VICTIM = MANIFEST[4].path


class Server(ThreadingHTTPServer):
    """Serves FILES below /data/. ``plan[path]`` lists what the next answers for it do wrong."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data/"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def do_GET(self) -> None:
        path = unquote(self.path).removeprefix("/data/")
        self.server.asked[path] += 1
        faults = self.server.plan.get(path, [])
        fault = faults.pop(0) if faults else ""
        content = FILES.get(path)
        if content is None:
            self.send_error(404)
        elif fault in ("404", "500", "429"):
            self.send_response(int(fault))
            self.send_header("Content-Length", "0")
            self.send_header("Retry-After", "0")
            self.end_headers()
        elif fault == "vanish":
            self.close_connection = True
        else:
            if fault == "lie":
                content = bytes(len(content))
            elif fault == "endless":
                content *= 1000
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if fault == "truncate":
                content = content[: len(content) // 2]
                self.close_connection = True
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetching, "ATTEMPTS", 4)
    monkeypatch.setattr(fetching, "PAUSE", 0.005)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _fetched(root: Path) -> set[str]:
    found = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    for path in found:
        assert (root / path).read_bytes() == FILES[path]  # no half or wrong file may have that name
    return found


def test_every_file_arrives_and_none_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    fetched = fetch_files(
        MANIFEST, tmp_path, server.url, jobs=4, progress=lambda *step: steps.append(step)
    )
    assert fetched == len(FILES)
    assert _fetched(tmp_path) == set(FILES)
    assert server.asked == Counter(dict.fromkeys(FILES, 1))
    assert server.connections <= 4  # kept open, not one for each file
    assert [done for done, _, _ in steps] == list(range(1, 11))
    assert {path for _, _, path in steps} == set(FILES)

    server.asked.clear()
    assert fetch_files(MANIFEST, tmp_path, server.url) == 0
    assert not server.asked


@pytest.mark.parametrize("fault", ["truncate", "lie", "endless", "500", "429", "vanish"])
def test_one_bad_answer_is_tried_again(server: Server, tmp_path: Path, fault: str) -> None:
    server.plan[VICTIM] = [fault]
    fetch_files(MANIFEST, tmp_path, server.url, jobs=2)
    assert _fetched(tmp_path) == set(FILES)
    assert server.asked[VICTIM] == 2


@pytest.mark.parametrize(
    ("fault", "reason", "attempts"),
    [
        ("truncate", "broke off before its 1004 bytes", 4),
        ("lie", "sha256 is not that of the manifest", 4),
        ("endless", "more than the 1004 bytes", 4),
        ("500", "answered 500", 4),
        ("404", "answered 404", 1),
    ],
)
def test_a_file_that_stays_bad_is_named_and_the_rest_arrives(
    server: Server, tmp_path: Path, fault: str, reason: str, attempts: int
) -> None:
    server.plan[VICTIM] = [fault] * attempts
    with pytest.raises(DataError) as caught:
        fetch_files(MANIFEST, tmp_path, server.url, jobs=2)
    message = str(caught.value)
    assert f"{VICTIM}: " in message
    assert reason in message
    assert "1 failed" in message
    assert f"9 of 10 files are in {tmp_path}" in message
    assert "same command goes on" in message
    assert server.asked[VICTIM] == attempts
    assert _fetched(tmp_path) == set(FILES) - {VICTIM}

    server.asked.clear()  # the same command goes on: only what is missing is asked for
    assert fetch_files(MANIFEST, tmp_path, server.url) == 1
    assert server.asked == Counter({VICTIM: 1})
    assert _fetched(tmp_path) == set(FILES)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 3600 ", 60.0),  # no longer than a minute
        (formatdate(time.time() + 3600, usegmt=True), 60.0),
        (formatdate(time.time() - 3600, usegmt=True), 0.0),
        ("Wed, 09 Oct 99999 09:00:00 GMT", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("", 0.0),
    ],
    ids=["short", "long", "in an hour", "an hour ago", "year 99999", "soon", "negative", "none"],
)
def test_a_server_says_how_long_to_wait_in_seconds_or_by_a_date(
    header: str, seconds: float
) -> None:
    assert fetching._seconds(header) == seconds


def test_server_that_disappears_is_given_up_and_gone_on_from(
    server: Server, tmp_path: Path
) -> None:
    gone = [entry.path for entry in MANIFEST[3:]]
    server.plan = {path: ["vanish"] * 100 for path in gone}
    with pytest.raises(DataError, match=r"cannot be reached.*3 of 10 files are in"):
        fetch_files(MANIFEST, tmp_path, server.url, jobs=1)
    assert _fetched(tmp_path) == {entry.path for entry in MANIFEST[:3]}
    assert sum(server.asked[path] for path in gone) == 5  # not seven files four times each

    server.plan.clear()
    server.asked.clear()
    assert fetch_files(MANIFEST, tmp_path, server.url) == 7
    assert server.asked == Counter(dict.fromkeys(gone, 1))
    assert _fetched(tmp_path) == set(FILES)


def test_no_server_is_one_clear_line_after_few_attempts(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []
    real = requests.Session.get

    def counting(session: requests.Session, url: str, **options: Any) -> requests.Response:
        attempts.append(url)
        return real(session, url, **options)

    monkeypatch.setattr(requests.Session, "get", counting)
    many = [ManifestFile(f"{i}.jpg", 1, "0" * 64) for i in range(4000)]
    with pytest.raises(DataError) as caught:
        fetch_files(many, tmp_path, "http://127.0.0.1:1/data/")
    assert str(caught.value).startswith("http://127.0.0.1:1/data/ cannot be reached: ")
    assert "refused" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert 0 < len(attempts) < 30


def test_source_without_the_files_is_given_up(server: Server, tmp_path: Path) -> None:
    many = [ManifestFile(f"{i}.jpg", 1, "0" * 64) for i in range(4000)]
    with pytest.raises(DataError, match="answered 404") as caught:
        fetch_files(many, tmp_path, server.url, jobs=4)
    assert "were not tried" in str(caught.value)
    assert sum(server.asked.values()) < 40


def test_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch_files(MANIFEST, tmp_path, server.url)
    path = tmp_path / VICTIM
    path.write_bytes(bytes(path.stat().st_size))
    assert fetch_files(MANIFEST, tmp_path, server.url) == 1
    assert _fetched(tmp_path) == set(FILES)


def test_folder_is_a_source(tmp_path: Path) -> None:
    mirror, root = tmp_path / "mirror", tmp_path / "root"
    for path, content in FILES.items():
        (mirror / path).parent.mkdir(parents=True, exist_ok=True)
        (mirror / path).write_bytes(content)
    assert fetch_files(MANIFEST, root, str(mirror)) == len(FILES)
    assert _fetched(root) == set(FILES)

    (root / VICTIM).unlink()
    (mirror / VICTIM).unlink()
    with pytest.raises(DataError, match="no such file"):
        fetch_files(MANIFEST, root, str(mirror))


def test_source_that_is_neither_address_nor_folder_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither"):
        fetch_files(MANIFEST, tmp_path, str(tmp_path / "nowhere"))


@pytest.mark.parametrize("path", ["../out.jpg", "/out.jpg", "a/../../out.jpg"])
def test_manifest_that_leads_out_fetches_nothing(server: Server, tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError, match="no path below"):
        fetch_files([*MANIFEST, ManifestFile(path, 1, "0" * 64)], tmp_path / "root", server.url)
    assert not server.asked
    assert not (tmp_path / "root").exists()


def test_root_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        fetch_files(MANIFEST, blocked, server.url)


def test_other_data_under_the_same_names_is_not_overwritten(server: Server, tmp_path: Path) -> None:
    table = tmp_path / "training_frames_keypoints.csv"
    table.write_text("my own labels")
    with pytest.raises(DataError, match="is not the released file"):
        youtube_faces.fetch(tmp_path, source=server.url)
    assert table.read_text() == "my own labels"
    assert not server.asked


def test_a_reason_that_two_servers_share_is_said_once(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    sources = (f"http://127.0.0.1:{port}/", f"http://127.0.0.2:{port}/")
    with pytest.raises(NotFetchedError, match=r"^127\.0\.0\.1 and 127\.0\.0\.2: [^\[:]+$"):
        fetching.fetch_quickly(MANIFEST[0], tmp_path, sources, 20)
