"""`zoo push` and ``hf://``, with a hub on the loopback: what is published, fetched and refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick_process
import yaml
from board_samples import as_read, predict
from huggingface_hub import constants
from loopback_hub import READER, TOKEN, Hub, files_of, the_only_hub
from untrained import make_run

from zoo.api import DataError, UsageError, WeightsError, ZooWarning
from zoo.evaluation.records import load_record, save_record
from zoo.export.card import model_card
from zoo.export.push import push
from zoo.prediction import load
from zoo.runs.hub import Address, fetch


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with the_only_hub(tmp_path, monkeypatch) as served:
        yield served


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_run(
        tmp_path_factory.mktemp("runs") / "net-drawn-0a1b2c-s0", sets=["data=/home/me/frames"]
    )
    predict({"Ada_Lovelace": [0.1, 0.2], "Alan_Turing": [0.3]}).save(
        path / "predictions" / "val.npz"
    )
    return path


def noise() -> Any:
    return np.random.default_rng(3).integers(0, 256, (70, 90, 3), np.uint8)


def test_a_run_goes_to_the_hub_and_comes_back(hub: Hub, run: Path) -> None:
    done = push(run, "hf://tester/net")
    assert done.files == ("README.md", "config.toml", "record.json", "best.safetensors")
    assert done.url.startswith(f"{hub.address}/tester/net/commit/")
    assert done.address == "hf://tester/net"
    model = load("hf://tester/net", "cpu")
    assert model.name == "hf://tester/net"
    [face], [same] = load(run, "cpu").predict(noise(), "none"), model.predict(noise(), "none")
    np.testing.assert_array_equal(same.points, face.points)


def test_what_is_published_names_no_folder_and_no_person(hub: Hub, run: Path) -> None:
    push(run, "hf://tester/net")
    files = files_of(hub, "tester/net")
    assert sorted(files) == ["README.md", "best.safetensors", "config.toml", "record.json"]
    assert files["best.safetensors"] == (run / "best.safetensors").read_bytes()
    config = tomllib.loads(files["config.toml"].decode())
    assert config["data"] == ""
    assert "/home/me/frames" in (run / "config.toml").read_text()
    assert json.loads(files["record.json"]) == load_record(run / "record.json").raw
    published = b"".join(files.values())
    for secret in (b"/home/me", b"Lovelace", b"Turing"):
        assert secret not in published
    # The weights went as a large file, by their digest; the rest as text.
    assert list(hub.large.values()) == [files["best.safetensors"]]


def test_a_record_that_names_somebody_is_not_published(hub: Hub, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    predict({"Ada_Lovelace": [0.1]}).save(run / "predictions" / "val.npz")
    record = load_record(run / "record.json").raw
    record["results"]["val"]["worst"] = [{"person": "Ada_Lovelace", "nme_ioc": 0.3}]
    save_record(record, run / "record.json")
    with pytest.raises(DataError, match=r"record\.json: names a person or a frame"):
        push(run, "hf://tester/net")
    assert hub.asked == []


def test_a_commit_is_pinned_and_then_needs_no_network(hub: Hub, run: Path, tmp_path: Path) -> None:
    first = push(run, "hf://tester/net")
    other = make_run(tmp_path / "other", head="simcc")
    second = push(other, "hf://tester/net")
    assert first.pinned != second.pinned
    assert load(first.pinned, "cpu").predict(noise(), "none")[0].scores is None
    assert load("hf://tester/net", "cpu").predict(noise(), "none")[0].scores is not None
    hub.asked.clear()
    assert fetch(first.pinned).name == first.pinned.partition("@")[2]
    assert hub.asked == []


def test_without_a_network_the_last_copy_is_used_with_a_warning(
    hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(run, "hf://tester/net")
    folder = fetch("hf://tester/net")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.warns(ZooWarning, match=r"127\.0\.0\.1:9 cannot be reached .*as it was fetched"):
        assert fetch("hf://tester/net") == folder
    with pytest.raises(
        DataError, match=r"cannot be reached \(ConnectError: .*\), and hf://tester/o"
    ):
        fetch("hf://tester/other")
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        push(run, "hf://tester/net")


def test_a_branch_is_made_and_fetched_by_its_name(hub: Hub, run: Path) -> None:
    done = push(run, "hf://tester/net", revision="try-1")
    assert done.address == "hf://tester/net@try-1"
    assert files_of(hub, "tester/net") == {}
    assert "best.safetensors" in files_of(hub, "tester/net", "try-1")
    assert (fetch(done.address) / "record.json").is_file()
    again = push(run, "hf://tester/net@try-1")
    assert again.address == done.address
    with pytest.raises(DataError, match=r"net@try-2: the repository has no revision try-2"):
        fetch("hf://tester/net@try-2")
    with pytest.raises(UsageError, match=r"--revision names another one, main"):
        push(run, "hf://tester/net@try-1", revision="main")
    with pytest.raises(UsageError, match=r"a commit cannot be pushed to"):
        push(run, done.pinned)


def test_a_private_repository_opens_to_its_owner_alone(
    hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(run, "hf://tester/mine", private=True)
    assert hub.repositories["tester/mine"].private
    assert fetch("hf://tester/mine").is_dir()
    for token in (READER, ""):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(DataError, match=r"has no such repository, or it is private"):
            fetch("hf://tester/mine")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    push(run, "hf://tester/open")
    before = files_of(hub, "tester/open")
    with pytest.raises(UsageError, match=r"exists and is public, so --private cannot hide"):
        push(run, "hf://tester/open", private=True)
    assert files_of(hub, "tester/open") == before


def test_the_exported_model_goes_along(hub: Hub, run: Path, tmp_path: Path) -> None:
    done = push(run, "hf://tester/net", onnx=True)
    assert "model.onnx" in done.files
    (tmp_path / "model.onnx").write_bytes(files_of(hub, "tester/net")["model.onnx"])
    [face] = load(tmp_path / "model.onnx").predict(noise(), "none")
    [same] = load(run, "cpu").predict(noise(), "none")
    np.testing.assert_allclose(face.points, same.points, atol=0.01)
    assert b"zoo predict model.onnx" in files_of(hub, "tester/net")["README.md"]
    # Fetching the run does not fetch the second model.
    assert not (fetch("hf://tester/net") / "model.onnx").exists()


@pytest.mark.parametrize(
    ("token", "address", "reason"),
    [
        ("", "hf://tester/net", r"no token to write there with: set HF_TOKEN, or run `hf auth"),
        ("hf_wrong", "hf://tester/net", r"does not know the token \(401\): set HF_TOKEN"),
        (READER, "hf://tester/net", r"may not do that \(403\): .* right to write to tester"),
        (TOKEN, "hf://somebody/net", r"may not do that \(403\): .* right to write to somebody"),
    ],
)
def test_a_push_without_the_right_to_write_fails_in_one_line(
    hub: Hub, run: Path, token: str, address: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises((UsageError, DataError), match=reason) as caught:
        push(run, address)
    assert str(caught.value).startswith(f"{address}: ")
    assert "\n" not in str(caught.value)
    assert hub.repositories == {}


def test_a_repository_that_is_not_there_is_named(hub: Hub) -> None:
    with pytest.raises(DataError, match=r"hf://tester/nett: http://127.* has no such repository"):
        load("hf://tester/nett")


def test_only_safetensors_are_loaded_and_nothing_else_is_fetched(hub: Hub, run: Path) -> None:
    hub.add("tester/pickled", pytorch_model__bin=b"code", config__json=b"{}")
    with pytest.raises(
        WeightsError, match=r"no best\.safetensors, .*; it has pytorch_model\.bin, wh"
    ):
        load("hf://tester/pickled")
    weights = (run / "best.safetensors").read_bytes()
    config = (run / "config.toml").read_bytes()
    hub.add(
        "tester/both",
        best__safetensors=weights,
        config__toml=config,
        best__pt=b"code",
        setup__py=b"code",
    )
    folder = fetch("hf://tester/both")
    assert sorted(p.name for p in folder.iterdir()) == ["best.safetensors", "config.toml"]
    assert not any(".pt" in line or ".py" in line for line in hub.asked)


def test_a_stranger_s_files_that_are_no_run_are_refused(hub: Hub, run: Path) -> None:
    config = (run / "config.toml").read_bytes()
    hub.add("tester/foreign", best__safetensors=b"\x00" * 20, config__toml=config)
    with pytest.raises(WeightsError, match=r"best\.safetensors: not a complete safetensors file"):
        load("hf://tester/foreign")
    hub.add("tester/bare", best__safetensors=(run / "best.safetensors").read_bytes())
    with pytest.raises(UsageError, match=r"a run whose config\.toml is gone"):
        load("hf://tester/bare")


def test_a_run_that_is_not_finished_or_cannot_be_loaded_is_not_published(
    hub: Hub, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"is not finished: it has no record\.json"):
        push(make_run(tmp_path / "run", record=False), "hf://tester/net")
    broken = make_run(tmp_path / "broken")
    content = (broken / "best.safetensors").read_bytes()
    (broken / "best.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match=r"not a complete safetensors file"):
        push(broken, "hf://tester/net")
    assert hub.asked == []


def test_a_gated_repository_says_where_its_terms_are(hub: Hub, run: Path) -> None:
    push(run, "hf://tester/gated")
    hub.gated.add("tester/gated")
    with pytest.raises(DataError, match=r"terms accepted first, at http://.*/tester/gated$"):
        fetch("hf://tester/gated")


@pytest.mark.parametrize(
    ("name", "answer", "reason"),
    [
        ("sha", "../../../out", "names no commit: '../../../out'"),
        ("sha", None, "names no commit: 'None'"),
        ("siblings", [{"rfilename": "../out"}], "lists '../out', which is no file's name"),
        ("siblings", [{"rfilename": "/out"}], "lists '/out'"),
        ("siblings", [{"rfilename": 3}], "lists '3'"),
        ("siblings", [{}], "disagree"),
        ("siblings", "none", "disagree"),
        ("siblings", 3, "disagree"),
    ],
)
def test_what_a_hub_answers_is_checked_before_it_becomes_a_path(
    hub: Hub, name: str, answer: object, reason: str, tmp_path: Path
) -> None:
    hub.add("tester/odd", best__safetensors=b"", config__toml=b"")
    hub.says = {name: answer}
    with pytest.raises(DataError, match=f"hf://tester/odd: .*{re.escape(reason)}"):
        fetch("hf://tester/odd")
    assert not list(tmp_path.rglob("out"))


def test_a_mark_of_a_file_that_is_a_path_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.add("tester/odd", best__safetensors=b"", config__toml=b"")
    hub.mark = "../../../out"
    with pytest.raises(DataError, match=r"marks .* by '../../../out', which is no digest"):
        fetch("hf://tester/odd")
    assert not list(tmp_path.rglob("out"))


@pytest.mark.parametrize(
    ("text", "repository", "revision"),
    [
        ("hf://user/name", "user/name", ""),
        ("hf://a-b.c/na_me-1.0@v1", "a-b.c/na_me-1.0", "v1"),
        ("hf://user/name@feature/x", "user/name", "feature/x"),
    ],
)
def test_an_address_is_read(text: str, repository: str, revision: str) -> None:
    address = Address.parse(text)
    assert address == Address(repository, revision)
    assert str(address) == text
    assert not address.pinned
    assert Address.parse(f"hf://u/n@{'0' * 40}").pinned


@pytest.mark.parametrize(
    "text",
    [
        "hf://user",
        "hf://user/",
        "hf://user/a/b",
        "hf://user/na me",
        "hf://user/name@",
        "hf://../name",
        "hf://user/name@../../x",
        "hf://user/name@/tmp/x",
        "hf://user/name@a//b",
        "hf://user/name@./x",
        "hf://user/name@.hidden",
        "hf://user/name@-x",
        "hf://user/name@x/",
        "hf://user/name@x\n",
        "hf://user/nam\x1be",
        "hf://user/-name",
        "hf://us--er/name",
        "https://user/name",
        "user/name",
    ],
)
def test_what_is_no_address_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"no address on the hub; it is written hf://user/name or"):
        Address.parse(text)


def test_the_card_says_what_the_record_says(run: Path) -> None:
    record = load_record(run / "record.json")
    card = model_card(record, "hf://tester/net", license="mit")
    _, front, body = card.split("---\n", 2)
    front_matter = yaml.safe_load(front)
    assert front_matter["library_name"] == "landmark-zoo"
    assert front_matter["license"] == "mit"
    assert front_matter["metrics"] == ["nme"]
    assert "facial-landmarks" in front_matter["tags"]
    [result] = front_matter["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 20.0  # of errors .1, .2 and .3
    assert "| val | 20.00% |" in body
    assert 'zoo.load("hf://tester/net")' in body
    assert "frames that it was trained on: drawn: no terms" in body
    no_license = yaml.safe_load(model_card(record, "hf://tester/net").split("---\n")[1])
    assert (no_license["license"], no_license["license_name"]) == ("other", "terms-in-this-card")


def test_the_card_shows_metrics_of_plugins_that_are_not_installed(run: Path) -> None:
    record = load_record(run / "record.json").raw
    figure = {"value": 0.125, "low": 0.1, "high": 0.15, "n": 3, "version": "1.0"}
    record["results"]["val"]["metrics"] = {
        "x/worst": {"title": "worst | <b>point</b>", "unit": "%", "baseline": 0.5, **figure},
        "x/wide": {"title": "width", "unit": "px", "lower_is_better": False, "value": None},
    }
    card = model_card(as_read(record), "hf://tester/net")
    worst = (
        "| worst  bpoint/b (x/worst 1.0) | val | 12.50% | 10.00% to 15.00% | lower | 3 | 50.00% |"
    )
    assert worst in card
    assert "| width (x/wide) | val |  |  | higher | 0 |  |" in card


def test_a_hostile_record_writes_no_markup_into_a_card(run: Path) -> None:
    record = load_record(run / "record.json").raw
    record["run"] = 'x"\nlicense: mit\n---\n<script>'
    record["data"]["license"] = "free | <b>really</b>\n# heading `x`"
    card = model_card(as_read(record), "hf://tester/net")
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "other"
    assert front["model-index"][0]["name"] == 'x" license: mit --- script'
    body = card.split("\n---\n", 1)[1]
    assert "<script>" not in body
    assert "<b>" not in body
    assert "\n# heading" not in body


def test_the_command_line_publishes_and_predicts(hub: Hub, run: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(noise()).save(tmp_path / "face.png")
    done = zoo("push", run, "hf://tester/net", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["address"] == "hf://tester/net"
    assert done.stderr == ""
    line = ("predict", result["pinned"], "face.png", "--detector", "none")
    done = zoo(*line, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "face.png: 1 face" in done.stderr
    assert (tmp_path / "predictions" / "points.csv").is_file()
    wrong = zoo("push", run, "tester/net", folder=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("zoo: tester/net: no address on the hub; it is written hf://")


def zoo(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    return quick_process.run(["-m", "zoo", *map(str, arguments)], folder, variables)
