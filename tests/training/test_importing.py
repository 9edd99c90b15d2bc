"""Points of another program: scored on a run's frames and baseline; a missed face is a failure."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

import zoo
from zoo.api import IBUG68, DataError, UsageError
from zoo.cli import app
from zoo.datasets.synthetic import open_synthetic
from zoo.evaluation.records import load_record
from zoo.evaluation.scores.predictions import load
from zoo.runs.folder import RunFolder
from zoo.scoring.imported import ExternalProgram, import_points

if TYPE_CHECKING:
    from conftest import Kit, Plant

FACES = {"people": 15, "videos": 1, "frames": 3, "size": 48}
Points = Mapping[str, NDArray[np.floating[Any]]]


@pytest.fixture(scope="module")
def labels() -> dict[str, NDArray[np.float32]]:
    return {s.id: s.points for s in open_synthetic(**FACES).samples()}  # type: ignore[arg-type]


def val_ids(labels: Points) -> list[str]:
    """The val frames of protocol `person`: those of two people."""
    return [id for id in labels if id.startswith(("person_0000", "person_0009"))]


def write(path: Path, points: Points) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", *(f"{axis}{k}" for k in range(68) for axis in "xy")])
        writer.writerows([id, *face.ravel().tolist()] for id, face in points.items())
    return path


def imported(kit: Kit, points: Points, name: str = "other", **options: Any) -> list[RunFolder]:
    file = write(kit.out / "points.csv", points)
    entry = ExternalProgram(name, options.pop("version", ""))
    options = {"options": FACES, "reporter": kit.watcher, **options}
    return list(import_points(entry, file, kit.out / "runs", dataset="synthetic", **options))


def test_misses_are_failures_and_errors_are_of_the_found(kit: Kit, labels: Points) -> None:
    one, two, three, *_ = ids = val_ids(labels)
    points = {id: labels[id].astype(float) for id in ids}
    # a tenth of the distance of the outer eye corners, all points the same way
    ioc = np.linalg.norm(labels[two][36] - labels[two][45])
    points[two] = points[two] + [0.1 * ioc, 0]
    points[three] = np.full((68, 2), np.nan)
    del points[one]
    [folder] = imported(kit, points)
    record = load_record(folder.record).raw
    val = record["results"]["val"]
    assert (val["n"], val["coverage"]) == (6, pytest.approx(4 / 6))
    assert val["nme_ioc"] == pytest.approx(0.1 / 4, rel=1e-4)
    assert val["fr_08"] == pytest.approx(3 / 6)
    assert val["auc_08"] == pytest.approx(3 / 6, rel=1e-4)
    assert record["external"] is True
    assert record["plugin"] == {"id": "other", "distribution": "external", "version": ""}
    assert record["seed"] is None
    assert record["model"]["parameters"] is None


def test_an_entry_stands_on_the_board_beside_a_run_with_the_same_baseline(
    kit: Kit, labels: Points
) -> None:
    run = kit.train(epochs=1)
    [folder] = imported(kit, {id: labels[id] for id in labels})
    ours, theirs = load_record(run.record).raw, load_record(folder.record).raw
    assert theirs["results"]["val"]["floor"] == ours["results"]["val"]["floor"]
    for key in ("dataset", "release", "protocol", "fingerprint", "frames", "people", "metrics"):
        assert theirs["data"][key] == ours["data"][key], key
    one, other = (load(f.predictions("val")) for f in (run, folder))
    assert one.ids == other.ids
    assert np.array_equal(one.target, other.target)
    assert np.array_equal(one.regions, other.regions)

    frame = zoo.leaderboard(kit.out / "runs")
    rows = frame.set_index("backbone")
    assert len(frame) == 3
    assert bool(rows.loc["other", "external"]) is True
    assert bool(rows.loc["tiny", "external"]) is False
    assert frame["backbone"].iloc[0] == "other", "its labels are perfect"


def test_an_origin_at_the_pixels_corner_is_half_a_pixel_away(kit: Kit, labels: Points) -> None:
    [folder] = imported(kit, {id: face + 0.5 for id, face in labels.items()}, pixel_corner=True)
    assert load_record(folder.record).raw["results"]["val"]["nme_ioc"] == pytest.approx(0, abs=1e-6)
    [folder] = imported(kit, {id: face + 0.5 for id, face in labels.items()}, "as it stands")
    assert load_record(folder.record).raw["results"]["val"]["nme_ioc"] > 0.01


def test_a_second_split_joins_the_first(kit: Kit, labels: Points) -> None:
    file = write(kit.out / "points.csv", labels)
    options = {"dataset": "synthetic", "options": FACES, "out": kit.out / "runs"}
    first = RunFolder(zoo.import_points("other", file, **options)[0])
    assert list(load_record(first.record).raw["results"]) == ["val"], (
        "test is scored when asked for"
    )
    [second] = imported(kit, labels, split="test")
    record = load_record(second.record).raw
    assert second.path == first.path
    assert record["run"] == first.name
    assert {split: r["n"] for split, r in record["results"].items()} == {"val": 6, "test": 3}
    assert record["data"]["frames"] == {"train": 36, "val": 6, "test": 3}
    assert record["data"]["people"] == {"train": 12, "val": 2, "test": 1}


def test_an_entry_has_its_points_once(kit: Kit, labels: Points) -> None:
    [first] = imported(kit, labels)
    before = first.record.read_bytes()
    [again] = imported(kit, labels)
    assert again.path == first.path
    assert first.record.read_bytes() == before
    shifted = {id: face + 1 for id, face in labels.items()}
    with pytest.raises(UsageError, match=r"other has other points on val already; .* --version"):
        imported(kit, shifted)
    assert first.record.read_bytes() == before
    assert len(list(first.predictions("val").parent.iterdir())) == 1
    [newer] = imported(kit, shifted, version="2")
    assert newer.path != first.path
    # of another data set the same entry has another folder
    [small] = imported(kit, labels, region="box")
    assert small.path not in (first.path, newer.path)
    assert (
        load_record(small.record).raw["config_hash"] == load_record(first.record).raw["config_hash"]
    )


def test_under_a_protocol_with_folds_one_file_fills_the_row(kit: Kit, labels: Points) -> None:
    folders = imported(kit, labels, protocol="person-5fold", split="test")
    assert [folder.name[-3:] for folder in folders] == ["-f0", "-f1", "-f2", "-f3", "-f4"]
    counts = [load_record(folder.record).raw["results"]["test"]["n"] for folder in folders]
    assert sum(counts) == 45
    frame = zoo.leaderboard(kit.out / "runs", split="test")
    [row] = frame[frame["backbone"] == "other"].to_dict("records")
    assert len(row["runs"]) == 5
    run = kit.train("fold=1", epochs=1, protocol="person-5fold")
    baseline = load_record(run.record).raw["results"]["val"]["floor"]
    [one] = [f for f in imported(kit, labels, protocol="person-5fold") if f.name.endswith("-f1")]
    assert load_record(one.record).raw["results"]["val"]["floor"] == baseline


SOURCE = """
from dataclasses import replace

from zoo.api import DataError, Dataset
from zoo.datasets.synthetic import open_synthetic


class Torn:
    def __init__(self, faces):
        self.faces = faces

    def __getattr__(self, name):
        return getattr(self.faces, name)

    def samples(self):
        for sample in self.faces.samples():
            yield replace(sample, image=tear) if sample.id == "person_0000/0/00.png" else sample


def tear():
    raise DataError("00.png: torn")


torn = Dataset(open=lambda root, **options: Torn(open_synthetic(None, **options)),
               needs_root=False)
"""


def test_a_frame_that_runs_skip_is_left_out_too(
    kit: Kit, plant: Plant, labels: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(kit.out / "home"))
    plant("torn", {"zoo.datasets": {"torn": "torn"}}, SOURCE)
    run = kit.train(epochs=1, dataset="torn", most_skipped=0.2)
    file = write(kit.out / "points.csv", labels)
    options = {"dataset": "torn", "options": FACES, "reporter": kit.watcher, "most_skipped": 0.2}
    [folder] = import_points(ExternalProgram("other"), file, kit.out / "runs", **options)  # type: ignore[arg-type]
    ours, theirs = load_record(run.record).raw, load_record(folder.record).raw
    assert theirs["results"]["val"]["n"] == ours["results"]["val"]["n"] == 5
    assert "frames skipped, the first: person_0000/0/00.png: 00.png: torn" in " ".join(
        kit.watcher.notes
    )
    with pytest.raises(DataError, match="--strict"):
        list(import_points(ExternalProgram("x"), file, kit.out / "runs", strict=True, **options))  # type: ignore[arg-type]


def test_nothing_is_written_for_points_of_other_frames(kit: Kit, labels: Points) -> None:
    others = {id: face for id, face in labels.items() if id not in val_ids(labels)}
    with pytest.raises(DataError, match=r"not one face of the val split .* has 39 frames"):
        imported(kit, others)
    few = {id: face for id, face in labels.items() if id < "person_0011"}
    with pytest.raises(DataError, match="no frame in the test split"):
        imported(kit, few, split="test", options=FACES | {"people": 11})
    assert not (kit.out / "runs").exists()


def test_a_name_is_plain_text() -> None:
    for name in ("", "-x", "a/b", "..", "a\nb", "x" * 65, "<b>"):
        with pytest.raises(UsageError, match="name"):
            ExternalProgram(name)
    assert ExternalProgram("MediaPipe 0.10 (legacy)").name == "MediaPipe 0.10 (legacy)"


def zoo_import(*arguments: object) -> Any:
    sets = [part for key, value in FACES.items() for part in ("--set", f"dataset.{key}={value}")]
    return CliRunner().invoke(app, ["import", *map(str, arguments), *sets])


def test_the_command_prints_the_scores(
    kit: Kit, labels: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kit.out)
    points = {id: labels[id] for id in val_ids(labels)[1:]}
    write(Path("points.csv"), points)
    line = ("dlib 68", "points.csv", "--dataset", "synthetic")
    details = ("--reference", "http://dlib.net", "--license", "for research", "--version", "20")
    result = zoo_import(*line, *details)
    assert result.exit_code == 0, result.output
    [path] = Path("runs").iterdir()
    assert result.stdout.startswith(
        f"{path}: val nme_ioc 0.00% [0.00, 0.00] on 5 of 6 faces (83.3%)"
    )
    assert "worse than 8% or missed 16.7%, baseline " in result.stdout
    assert "See it beside others: zoo leaderboard runs" in result.stderr
    assert "mean face" not in result.stderr
    record = load_record(path / "record.json").raw
    assert record["model"]["reference"] == "http://dlib.net"
    assert record["model"]["license"] == "for research"
    assert path.name.startswith("dlib-68-synthetic-")
    text = (path / "record.json").read_text()
    assert "person_0" not in text
    assert str(kit.out) not in text

    as_json = zoo_import(*line, *details, "--json")
    assert json.loads(as_json.stdout) == {str(path): record["results"]["val"]}


def test_points_in_another_unit_are_pointed_out(kit: Kit, labels: Points) -> None:
    path = write(kit.out / "points.csv", {id: face / 48 for id, face in labels.items()})
    result = zoo_import("x", path, "--dataset", "synthetic", "--out", kit.out / "runs")
    assert result.exit_code == 0
    assert "warning: no better than the baseline, the mean face" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--split", "train"), 2, "--split train: expected val or test"),
        (("--region", "face"), 2, "--region face: expected frame or box"),
        (("--protocol", "persn"), 2, "no protocol 'persn'"),
        (("--set", "epochs=3"), 2, "dataset.KEY=VALUE"),
        (("--out", "/proc/nowhere"), 2, "--out /proc/nowhere: cannot write there"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: tuple[str, ...], status: int, words: str, kit: Kit, labels: Points
) -> None:
    path = write(kit.out / "points.csv", labels)
    result = zoo_import("x", path, "--dataset", "synthetic", *arguments)
    assert result.exit_code == status
    assert words in result.stderr
    assert result.stdout == ""


def test_what_needs_a_model_is_refused_by_name(kit: Kit, labels: Points) -> None:
    [folder] = imported(kit, labels)
    path = str(folder.path)
    for line in (["evaluate", path], ["predict", path, "x.png"], ["train", "--resume", path]):
        result = CliRunner().invoke(app, line)
        assert result.exit_code == 2, line
        assert "is an external entry" in result.stderr, line


def test_the_scheme_of_the_data_set_counts(kit: Kit, labels: Points) -> None:
    [folder] = imported(kit, labels)
    assert load(folder.predictions("val")).scheme == IBUG68
    assert load_record(folder.record).raw["data"]["scheme"] == "ibug68"
