"""`zoo leaderboard --format html`: the file, its commands, its faces, and its errors."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from board_samples import as_read
from PIL import Image
from typer.testing import CliRunner

from zoo.cli import app
from zoo.cli.page import train_again
from zoo.config import Config, from_dict
from zoo.config.recipes import resolve
from zoo.data.table import SampleTable, read_table
from zoo.datasets.synthetic import open_synthetic
from zoo.evaluation.records import save_record
from zoo.evaluation.scores.metrics import headline_errors
from zoo.evaluation.scores.predictions import Predictions

runner = CliRunner()
DRAWN = {"people": 12, "seed": 3}


def record(config: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    floor = {"nme_ioc": 0.3}
    results = dict.fromkeys(
        ("nme_ioc_low", "nme_ioc_high", "nme_box", "loss", "fr_08", "auc_08"), None
    )
    return {
        "schema": 1,
        "run": "net-s0",
        "plugin": {"id": "custom_cnn", "distribution": "landmark-zoo", "version": "1"},
        "config": config or resolve("custom_cnn", "strong").to_share(),
        "config_hash": "abc123",
        "seed": 0,
        "data": {
            "dataset": "synthetic",
            "release": "drawn",
            "protocol": "person/1",
            "region": "frame",
            "fingerprint": "f00d",
            "partial": False,
        },
        "model": {"parameters": 1000, "gmacs": 0.1},
        "results": {"val": results | {"nme_ioc": 0.05, "n": 4, "floor": floor}},
        "cost": {},
        "environment": {"device": "cpu"},
    } | changes


def test_a_page_is_written_and_needs_no_torch(tmp_path: Path) -> None:
    save_record(record(), tmp_path / "runs" / "a" / "record.json")
    program = (
        "import sys; from zoo.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-P", "-c", program, "leaderboard", "--out", "board.html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "wrote board.html" in done.stderr
    html = (tmp_path / "board.html").read_text()
    assert html.startswith("<!doctype html>")
    assert "zoo train custom_cnn --recipe strong" in html
    assert str(tmp_path) not in html


def test_the_page_goes_to_standard_output_without_out(tmp_path: Path) -> None:
    save_record(record(), tmp_path / "record.json")
    done = runner.invoke(app, ["leaderboard", str(tmp_path), "--format", "html"])
    assert done.exit_code == 0
    assert done.stdout.startswith("<!doctype html>")
    assert done.stdout.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gallery"], "faces are part of the page alone; table has none"),
        (["--gallery", "--format", "md"], "md has none"),
        (["--data", "frames"], "name both"),
        (["--format", "htm"], "did you mean html"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    save_record(record(), tmp_path / "record.json")
    done = runner.invoke(app, ["leaderboard", str(tmp_path), *arguments])
    assert done.exit_code == 2
    assert message in done.stderr


class TrainingCalled(Exception):  # noqa: N818
    """Raised with the configuration instead of training it."""


def configuration_of(command: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The configuration that `zoo train` makes of ``command``."""

    def stop(config: Config, *_: Any) -> None:
        raise TrainingCalled(config)

    monkeypatch.setattr("zoo.training.folds.train_folds", stop)
    program, *words = shlex.split(command)
    assert program == "zoo"
    done = runner.invoke(app, words)
    assert isinstance(done.exception, TrainingCalled), done.output
    config: Config = done.exception.args[0]
    return config


@pytest.mark.parametrize(
    ("recipe", "sets", "flags"),
    [
        ("seed", [], {}),
        ("strong", ["input_size=112"], {"epochs": 20, "seed": 3}),
        ("strong", ["augment.blur_sigma=[0.5, 2.0]", "plateau.patience=2"], {"lr": 3e-4}),
        ("seed", ["head.bins=4", "dataset.people=30", "scheduler=none"], {"loss": "l1"}),
        ("seed", ["backbone.mode=1", 'backbone.name="1"'], {"pretrained": True, "freeze": True}),
        ("strong", [], {"dataset": "synthetic", "protocol": "person", "precision": "bf16"}),
    ],
)
def test_the_command_makes_the_same_configuration(
    recipe: str, sets: list[str], flags: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = resolve("custom_cnn", recipe, sets, flags)
    entry = record(json.loads(json.dumps(config.to_share())), seed=config.seed)
    again = configuration_of(train_again(as_read(entry)), monkeypatch)
    short_names = {"landmark-zoo/linear": "linear", "landmark-zoo/smooth_l1": "smooth_l1"}

    def with_short_names(values: dict[str, Any]) -> dict[str, Any]:
        return values | {k: short_names.get(values[k], values[k]) for k in ("head", "loss")}

    assert with_short_names(again.to_dict()) == with_short_names(config.to_dict())


def test_a_key_that_is_newer_than_a_record_is_set_to_its_old_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A record of the recipe `strong` from before it had low resolution does not name the key."""
    older = resolve("custom_cnn", "strong").to_share()
    del older["augment"]["low_res"]
    command = train_again(as_read(record(older)))
    assert "augment.low_res=0.0" in command
    assert configuration_of(command, monkeypatch).augment == from_dict(older).augment


def test_a_recipe_from_a_file_is_written_out_key_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('optimizer = "sgd"\nepochs = 7\n[augment]\nflip = 0.5\n')
    config = resolve("custom_cnn", str(recipe))
    again = configuration_of(train_again(as_read(record(config.to_share()))), monkeypatch)
    assert again.to_dict() | {"recipe": "mine"} == config.to_share()


def test_texts_of_a_record_are_quoted_for_the_shell() -> None:
    hostile = record({"recipe": "seed", "optimizer": "$(touch hit); `touch hit`\nnext"})
    hostile["plugin"]["id"] = "net; rm -rf ~"
    words = shlex.split(train_again(as_read(hostile)))
    assert words[:5] == ["zoo", "train", "net; rm -rf ~", "--recipe", "seed"]
    assert "optimizer=$(touch hit); `touch hit` next" in words


def test_an_external_entry_is_imported_and_not_trained() -> None:
    entry = record({"head": None}, external=True, seed=None)
    entry["plugin"]["id"] = "dlib-68"
    assert train_again(as_read(entry)) == "zoo import dlib-68 predictions.csv --dataset synthetic"


@pytest.fixture(scope="module")
def drawn() -> SampleTable:
    return read_table(open_synthetic(None, **DRAWN))


def save_run(folder: Path, table: SampleTable, drift: float, name: str = "net") -> Predictions:
    """A run whose points lie right of the labels, by a shift that grows from face to face."""
    count = len(table)
    shift = np.linspace(drift, 5 * drift, count, dtype=np.float32)
    points = table.points.copy()
    points[..., 0] += shift[:, None]
    points[3] = np.nan  # a face that was missed
    predictions = Predictions(
        ids=table.ids,
        people=table.people,
        points=points,
        target=table.points,
        visible=table.visible,
        regions=np.tile(np.array([64.0, 64.0, 128.0]), (count, 1)),
    )
    digest = predictions.save(folder / "predictions" / "val.npz")
    config = resolve(name, "seed", ["dataset.people=12", "dataset.seed=3"]).to_share()
    entry = record(config | {"dataset": "synthetic"}, run=name, config_hash=name)
    entry["plugin"]["id"] = name
    entry["data"]["fingerprint"] = table.fingerprint
    entry["results"]["val"] |= {"predictions": digest, "nme_ioc": drift / 100}
    save_record(entry, folder / "record.json")
    return predictions


def galleries(html: str) -> list[dict[str, Any]]:
    [text] = re.findall(r'id="data">(.*?)</script>', html)
    return [group["gallery"] for group in json.loads(text)["groups"]]


def test_faces_are_the_worst_and_best_ones_and_have_no_names(
    tmp_path: Path, drawn: SampleTable
) -> None:
    predictions = save_run(tmp_path / "runs" / "net", drawn, 1.0)
    out = tmp_path / "board.html"
    done = runner.invoke(
        app, ["leaderboard", str(tmp_path / "runs"), "--out", str(out), "--gallery"]
    )
    assert done.exit_code == 0, done.output
    html = out.read_text()
    [gallery] = galleries(html)
    [row] = gallery["rows"]

    errors = headline_errors(
        predictions.points, predictions.target, predictions.visible, drawn.scheme
    )
    assert row["worst"][0]["error"] is None  # the missed face is the worst of all
    assert row["worst"][0]["points"] is None
    assert row["worst"][1]["error"] == pytest.approx(np.nanmax(errors), abs=1e-5)
    assert row["best"][0]["error"] == pytest.approx(np.nanmin(errors), abs=1e-5)
    shown = [face["error"] for face in row["best"]]
    assert shown == sorted(shown)
    assert len({face["face"] for face in row["worst"] + row["best"]}) == len(
        row["worst"] + row["best"]
    )
    for face in gallery["faces"]:
        picture = Image.open(io.BytesIO(base64.b64decode(face["image"].partition(",")[2])))
        assert picture.size == (192, 192)
        assert not picture.getexif()
        # labels lie in the middle two thirds of their picture
        assert 150 < min(face["target"]) < max(face["target"]) < 850
    for name in {*drawn.ids, *(p for p in drawn.people if p), *(v for v in drawn.videos if v)}:
        assert name not in html


def test_a_person_has_one_face_in_each_list(tmp_path: Path, drawn: SampleTable) -> None:
    from zoo.evaluation.board.leaderboard import collect
    from zoo.evaluation.page.gallery import FACES, GalleryFrames, gallery

    save_run(tmp_path / "net", drawn, 1.0)
    [group], _ = collect([tmp_path])
    pictures = dict(zip(drawn.ids, drawn.images, strict=True))
    decoded: list[str] = []

    def decode(sample: str) -> Any:
        decoded.append(sample)
        return pictures[sample]()

    images = {sample: (lambda sample=sample: decode(sample)) for sample in drawn.ids}
    shown = gallery(group, GalleryFrames(drawn.scheme, drawn.fingerprint, images))
    people = dict(zip(drawn.ids, drawn.people, strict=True))
    worst, best = decoded[:FACES], decoded[FACES:]
    assert len(shown["faces"]) == len(decoded) == 2 * FACES
    assert len({people[sample] for sample in worst}) == FACES
    assert len({people[sample] for sample in best}) == FACES


def test_no_face_is_shown_of_other_data_or_without_predictions(
    tmp_path: Path, drawn: SampleTable
) -> None:
    save_run(tmp_path / "other" / "a", drawn, 1.0)
    path = tmp_path / "other" / "a" / "record.json"
    changed = json.loads(path.read_text())
    changed["data"]["fingerprint"] = "another"
    path.write_text(json.dumps(changed))
    save_run(tmp_path / "bare" / "a", drawn, 1.0)
    (tmp_path / "bare" / "a" / "predictions" / "val.npz").unlink()
    for folder, message in (("other", "not the one"), ("bare", "No predictions lie beside")):
        done = runner.invoke(
            app, ["leaderboard", str(tmp_path / folder), "--format", "html", "--gallery"]
        )
        assert done.exit_code == 1
        assert message in done.stderr
    out = tmp_path / "both.html"
    save_run(tmp_path / "good" / "a", drawn, 2.0)
    folders = [str(tmp_path / name) for name in ("other", "good")]
    done = runner.invoke(app, ["leaderboard", *folders, "--out", str(out), "--gallery"])
    assert done.exit_code == 0, done.output
    assert "no gallery for one group" in done.stderr
    reasons = sorted("reason" in shown for shown in galleries(out.read_text()))
    assert reasons == [False, True]


def test_a_page_has_no_faces_unless_asked(tmp_path: Path, drawn: SampleTable) -> None:
    save_run(tmp_path / "net", drawn, 1.0)
    done = runner.invoke(app, ["leaderboard", str(tmp_path), "--format", "html"])
    assert done.exit_code == 0
    assert galleries(done.stdout) == [None]
    assert "data:image" not in done.stdout
