"""Models by name: valid and invalid catalogues, and fetching from servers that fail."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from coloured_spots import run_folder
from loopback import answering
from typer.testing import CliRunner, Result

from zoo import fetching
from zoo.api import DataError, UsageError
from zoo.cli import app
from zoo.prediction import is_model, load, load_default
from zoo.runs import catalogue
from zoo.runs.catalogue import FILES, bring, find, folder_of

NOISE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)


class Handler(SimpleHTTPRequestHandler):
    """Serves the published model; the first ``cut`` answers end in the middle of a file."""

    cut = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, directory=str(self.folder), **options)

    folder: Path

    def log_message(self, *args: Any) -> None:
        """Keep the log out of the tests' output."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        if type(self).cut:
            type(self).cut -= 1
            outputfile.write(content[: len(content) // 2])
            self.close_connection = True
        else:
            outputfile.write(content)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The files of a model that was never trained."""
    folder = tmp_path / "published"
    run_folder(folder)
    (folder / "record.json").write_text("{}")
    (folder / "card.md").write_text("# tiny\n")
    return folder


@pytest.fixture
def server(published: Path) -> Iterator[str]:
    handler = type("Here", (Handler,), {"folder": published})
    with answering(handler) as address:
        yield address


def entry(folder: Path, **changes: Any) -> dict[str, Any]:
    files = {
        name: {
            "bytes": (folder / name).stat().st_size,
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        }
        for name in FILES
    }
    record = {"scheme": "ibug68", "nme_ioc": 0.05}
    return {"summary": "one that is tiny", "files": files, "record": record} | changes


@pytest.fixture
def listed(
    published: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The entry of `tiny` in a catalogue of the user's; write it again with :func:`relist`."""
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ZOO_CATALOGUE", str(tmp_path / "own.toml"))
    monkeypatch.setattr(fetching, "ATTEMPTS", 3)
    monkeypatch.setattr(fetching, "PAUSE", 0.005)
    table = entry(published, address=server)
    relist(tmp_path, tiny=table)
    return table


def relist(tmp_path: Path, **models: Any) -> None:
    (tmp_path / "own.toml").write_text(tomli_w.dumps(models))


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_shipped_catalogue_can_be_read_and_its_bundled_models_are_complete() -> None:
    defaults = []
    for model in catalogue.read(catalogue.CATALOGUE).values():
        assert model.address or model.folder()
        assert model.summary
        if model.bundled:
            assert model.bytes <= 8_100_000  # 8 MB of weights and graph, and a little text
        defaults += [model.name] if model.default else []
    assert len(defaults) <= 1


def test_a_model_is_fetched_verified_and_then_serves_by_its_name(
    listed: dict[str, Any], tmp_path: Path
) -> None:
    assert is_model("tiny")
    assert not is_model("tony")
    with pytest.raises(UsageError, match="tiny: is not here yet; fetch it: zoo fetch tiny"):
        load("tiny")
    result = zoo("fetch", "tiny")
    assert result.exit_code == 0, result.output
    home = tmp_path / "home" / "models" / "tiny"
    assert result.output.splitlines()[0] == f"tiny is complete in {home}"
    assert sorted(path.name for path in home.iterdir()) == sorted(FILES)
    model = load("tiny", "cpu")
    assert model.name == "tiny"
    (face,) = model.predict(NOISE, "none")
    (same,) = load(tmp_path / "published", "cpu").predict(NOISE, "none")
    np.testing.assert_array_equal(face.points, same.points)


def test_the_name_of_a_file_or_folder_here_is_no_model(
    listed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").write_bytes(b"a picture")
    assert not is_model("tiny")


def test_half_a_file_is_fetched_again_and_a_complete_one_is_not(
    listed: dict[str, Any], published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Handler, "cut", 0)
    model = find("tiny")
    (model.home).mkdir(parents=True)
    # half a file under the right name is fetched again; a complete one is not requested
    (model.home / "best.safetensors").write_bytes(
        (published / "best.safetensors").read_bytes()[:1000]
    )
    for name in FILES[1:]:
        (model.home / name).write_bytes((published / name).read_bytes())
        (published / name).unlink()
    assert bring(model) == model.home
    assert folder_of("tiny") == model.home


def test_a_server_that_stops_half_way_is_tried_again(
    listed: dict[str, Any], published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "cut", 2)
    assert bring(find("tiny")).is_dir()


def test_other_content_is_refused_and_nothing_of_it_stays(
    listed: dict[str, Any], published: Path, tmp_path: Path
) -> None:
    weights = published / "best.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    result = zoo("fetch", "tiny")
    assert result.exit_code == 1
    assert "best.safetensors: its sha256 is not that of the manifest" in result.output
    assert not (tmp_path / "home/models/tiny/best.safetensors").exists()
    with pytest.raises(UsageError, match="is not here yet"):
        load("tiny")


def test_without_a_network_a_folder_serves(
    listed: dict[str, Any], published: Path, tmp_path: Path
) -> None:
    relist(tmp_path, tiny=listed | {"address": "http://127.0.0.1:9/nobody"})
    result = zoo("fetch", "tiny")
    assert result.exit_code == 1
    assert "http://127.0.0.1:9/nobody cannot be reached" in result.output
    assert zoo("fetch", "tiny", "--from", published).exit_code == 0
    assert load("tiny", "cpu").name == "tiny"


def test_the_default_model_is_used_where_none_is_named(
    listed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "CATALOGUE", tmp_path / "none.toml")
    (tmp_path / "none.toml").write_text("")
    with pytest.raises(UsageError, match="ships no model; name a run, or train one"):
        load_default()
    relist(tmp_path, tiny=listed | {"default": True})
    bring(find("tiny"))
    assert load_default("cpu").name == "tiny"


def test_models_are_listed_with_where_they_are(listed: dict[str, Any], tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    run_folder(runs / "mine")
    rows = json.loads(zoo("models", "--runs", runs, "--json").output)
    by_name = {row["model"]: row for row in rows}
    assert by_name["tiny"]["where"] == "zoo fetch tiny"
    assert by_name["tiny"]["nme_ioc"] == 0.05
    assert by_name[str(runs / "mine")]["summary"] == "not finished"
    bring(find("tiny"))
    lines = zoo("models", "--runs", runs).output.splitlines()
    (line,) = (line for line in lines if line.startswith("tiny"))
    assert "fetched" in line
    assert "5.00%" in line


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"files": {}}, "tiny: its files must be best.safetensors, config.toml"),
        ({"adress": "x"}, "tiny: unknown key adress; known are address"),
        ({"record": {"nme_ioc": float("inf")}}, "tiny: record.nme_ioc is no number"),
        ({"record": {"parameters": 1 << 62}}, "tiny: record.parameters is no number"),
        ({"replaces": "older"}, "tiny: replaces is no list of names"),
        ({"address": "http://example.org"}, "address http://example.org is not https"),
        ({"files": {"../x": {"bytes": 1, "sha256": "0" * 64}}}, "its files must be"),
        ({"files": {"card.md": {"bytes": 0, "sha256": "0" * 64}}}, "card.md: bytes is no size"),
        ({"files": {"card.md": {"bytes": 1, "sha256": "0"}}}, "card.md: sha256 is no digest"),
    ],
)
def test_an_entry_that_is_wrong_is_named(
    listed: dict[str, Any], tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    relist(tmp_path, tiny=listed | changes)
    with pytest.raises(DataError, match=reason):
        find("tiny")
    assert not is_model("tiny")


def test_a_replaced_model_is_refused_with_its_replacement(
    listed: dict[str, Any], tmp_path: Path
) -> None:
    relist(tmp_path, tiny=listed | {"replaces": ["older", "oldest"]})
    for name in ("older", "oldest"):
        assert is_model(name)
        result = zoo("predict", name, "photo.jpg")
        assert result.exit_code == 2
        assert f"{name}: this version of the zoo does not have it; use tiny" in result.output


def test_unknown_invalid_and_duplicate_names_are_refused(
    listed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = r"no model 'tinny': did you mean tiny\? `zoo models` lists them all"
    with pytest.raises(UsageError, match=message):
        find("tinny")
    relist(tmp_path, Tiny=listed)
    with pytest.raises(DataError, match="'Tiny' is no name"):
        find("Tiny")
    relist(tmp_path, tiny=listed)
    monkeypatch.setattr(catalogue, "CATALOGUE", tmp_path / "own.toml")
    with pytest.raises(DataError, match="tiny is the name of a model of the zoo"):
        find("tiny")
    monkeypatch.setenv("ZOO_CATALOGUE", str(tmp_path / "gone.toml"))
    with pytest.raises(DataError, match=r"gone\.toml: no such file"):
        find("tiny")
