"""The default detector: its file is fetched once, and haar takes its place until then."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import tomli_w
import yunet_file
from loopback import answering
from typer.testing import CliRunner

from zoo import fetching
from zoo.api import UsageError, ZooWarning
from zoo.cli import app
from zoo.doctor.places import look_at_places
from zoo.fetching import NotFetchedError
from zoo.prediction import Finder, is_model
from zoo.runs import catalogue
from zoo.testing import pictures

FILE = "face_detection_yunet_2023mar.onnx"


@dataclass
class Site:
    """A server with the file; ``lacks`` are folders where it is not found."""

    content: bytes
    lacks: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    silent: bool = False
    over: Event = field(default_factory=Event)
    address: str = ""


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    patch = pictures.photograph()[224:256, 544:576]
    return yunet_file.write(tmp_path_factory.mktemp("yunet") / "y.onnx", patch).read_bytes()


@pytest.fixture
def site(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The catalogue has yunet at its folder ``first``, and a mirror at ``second``."""
    site = Site(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            folder, name = self.path.strip("/").split("/")
            site.asked.append(folder)
            if site.silent:
                site.over.wait(20)
            if folder in site.lacks or name != FILE:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(site.content)))
            self.end_headers()
            self.wfile.write(site.content)

        def log_message(self, *args: Any) -> None:
            """Not into the tests' output."""

    with answering(Handler) as site.address:
        entry = {
            "kind": "detector",
            "address": f"{site.address}/first",
            "mirrors": [f"{site.address}/second"],
            "files": {FILE: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}},
        }
        listing = tmp_path / "catalogue.toml"
        listing.write_text(tomli_w.dumps({"yunet": entry}))
        monkeypatch.setattr(catalogue, "CATALOGUE", listing)
        monkeypatch.setattr(catalogue, "_failures", {})
        monkeypatch.setattr(catalogue, "QUICKLY", 60.0)  # a loaded machine is slow
        monkeypatch.setattr(fetching, "PAUSE", 0.01)
        monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("ZOO_OFFLINE", raising=False)
        monkeypatch.delenv("ZOO_YUNET_MODEL", raising=False)
        yield site
        site.over.set()


def zoo(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    return result.exit_code, result.output


def stored_file() -> Path:
    return Path(os.environ["ZOO_HOME"]) / "models" / "yunet" / FILE


def id_of(finder: Finder) -> str:
    assert finder.entry is not None
    return finder.entry.id


def test_the_file_comes_once_and_serves_from_then_on(site: Site) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert id_of(Finder.of()) == "yunet"
        assert id_of(Finder.of(min_score=0.5)) == "yunet"
        assert id_of(Finder.of("yunet")) == "yunet"
    assert site.asked == ["first"]
    assert stored_file().read_bytes() == site.content


def test_nothing_is_fetched_where_there_is_no_picture(site: Site, tmp_path: Path) -> None:
    bundled = catalogue.BUNDLED / "face68"
    status, output = zoo("predict", bundled, tmp_path / "nowhere")
    assert (status, site.asked) == (1, [])
    assert "nowhere: no such image file, video, folder or pattern" in output


def test_a_mirror_serves_where_the_first_address_does_not(site: Site) -> None:
    site.lacks = {"first"}
    assert id_of(Finder.of()) == "yunet"
    assert site.asked == ["first", "second"]
    stored_file().unlink()
    assert zoo("fetch", "yunet")[0] == 0
    assert site.asked[-1] == "second"


def test_haar_stands_in_where_the_zoo_may_not_fetch(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.warns(ZooWarning) as caught:
        assert id_of(Finder.of()) == "haar"
    [line] = [str(each.message) for each in caught]
    assert line == (
        f"yunet: its file {FILE} is not here and could not be fetched (ZOO_OFFLINE is set); "
        "`zoo fetch yunet` fetches it, also with --from FOLDER; "
        "until then haar looks for faces, and finds fewer"
    )
    assert site.asked == []
    # where it is requested by its name or by its options, no other detector takes its place
    for detector, options in (("yunet", {}), ("", {"min_score": 0.5})):
        with pytest.raises(NotFetchedError, match="ZOO_OFFLINE is set"):
            Finder.of(detector, **options)


def test_a_failed_attempt_is_not_repeated_by_every_command(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.lacks = {"first", "second"}
    for _ in range(2):
        with pytest.warns(ZooWarning, match=r"\(127.0.0.1: the server answered 404"):
            assert id_of(Finder.of()) == "haar"
    catalogue._failures.clear()  # as in another process
    with pytest.warns(ZooWarning, match="answered 404"):
        Finder.of()
    assert site.asked == ["first", "second"]
    site.lacks = set()
    later = time.time() + catalogue.AGAIN_AFTER
    monkeypatch.setattr(catalogue.time, "time", lambda: later)
    assert id_of(Finder.of()) == "yunet"


def test_a_folder_that_takes_no_file_is_not_tried_twice_in_a_process(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file in the way")
    for _ in range(2):
        with pytest.warns(ZooWarning, match="cannot be written"):
            assert id_of(Finder.of()) == "haar"
    assert len(site.asked) == 2  # each address once


def test_a_server_that_says_nothing_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "QUICKLY", 0.05)
    site.silent = True
    with pytest.warns(ZooWarning, match=r"no answer within 0\.05 seconds"):
        assert id_of(Finder.of()) == "haar"


def test_other_content_is_refused(site: Site) -> None:
    """A pointer of Git LFS, for one, where the file itself should be."""
    site.content = b"version https://git-lfs.github.com/spec/v1\n"
    with pytest.warns(ZooWarning, match=r"43 of \d+ bytes came"):
        assert id_of(Finder.of()) == "haar"
    assert not stored_file().exists()


def test_it_is_fetched_ahead_from_a_folder_and_is_no_model_of_points(
    site: Site, tmp_path: Path
) -> None:
    [before] = [each for each in look_at_places() if each.name == "yunet"]
    assert (before.status, before.next) == ("missing", "zoo fetch yunet")
    (tmp_path / FILE).write_bytes(site.content)
    status, output = zoo("fetch", "yunet", "--from", tmp_path)
    assert (status, output.splitlines()[1]) == (0, "Use it: zoo predict photo.jpg")
    assert (site.asked, id_of(Finder.of())) == ([], "yunet")
    [after] = [each for each in look_at_places() if each.name == "yunet"]
    assert (after.status, str(stored_file().parent) in after.what) == ("ok", True)
    assert not is_model("yunet")
    assert "yunet" not in zoo("models")[1]


def test_a_file_that_is_named_and_bad_has_no_stand_in(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_YUNET_MODEL", str(tmp_path / "gone.onnx"))
    with pytest.raises(UsageError, match=r"gone\.onnx: no such file; `zoo fetch yunet`"):
        Finder.of()


def test_advice_fits_the_picture_and_the_detector(site: Site) -> None:
    haar, yunet, whole = Finder.of("haar"), Finder.of("yunet"), Finder.of("none")
    advice = haar.advice(700, 900)
    assert "--detector haar --set detector.longest_side=0 searches all 900 x 700" in advice
    assert " pixels long; --set detector.longest_side=0" in yunet.advice(3000, 4000)
    assert haar.advice(480, 640) == (
        "; it sees upright faces, --detector yunet tilted and small ones too"
    )
    assert yunet.advice(480, 640) == "; --set detector.min_score=0.4 takes less certain ones too"
    assert yunet.advice(200, 160).endswith("is for a picture of one face and little else")
    assert "one face" not in yunet.advice(100, 500)
    assert whole.advice(200, 160) == ""
