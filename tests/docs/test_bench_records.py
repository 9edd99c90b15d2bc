"""bench_records.py: it times the networks of records without their weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import quick_process

from zoo.evaluation.records import load_record

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "examples" / "bench_records.py"
SMALL = "timm-lcnet_050-youtube_faces-23cd7e-s0.json"
EXTERNAL = "dlib-68-youtube_faces-6b42d7.json"


def test_copies_of_records_get_new_times_and_nothing_else(tmp_path: Path) -> None:
    records, out = tmp_path / "records", tmp_path / "out"
    records.mkdir()
    for name in (SMALL, EXTERNAL):
        shutil.copy(DOCS / "records" / name, records)
    done = quick_process.run([SCRIPT, records, out, "--rounds", "1", "--batch-size", "2"])
    assert done.returncode == 0, done.stderr
    assert f"ms  {SMALL.removesuffix('.json')}" in done.stdout
    before, after = (load_record(folder / SMALL).raw for folder in (records, out))
    times = [record["cost"].pop("bench") for record in (before, after)]
    assert times[1]["batch"] == 2 < times[0]["batch"]
    assert times[1]["latency_ms"] > 0
    assert after == before
    assert load_record(out / EXTERNAL).raw == load_record(records / EXTERNAL).raw


def test_a_record_whose_plugin_is_missing_stops_no_other_one(tmp_path: Path) -> None:
    records, out = tmp_path / "records", tmp_path / "out"
    records.mkdir()
    shutil.copy(DOCS / "records" / SMALL, records)
    lost = (DOCS / "records" / SMALL).read_text().replace("landmark-zoo/timm:", "lost-one/timm:")
    (records / "lost.json").write_text(lost)
    done = quick_process.run([SCRIPT, records, out, "--rounds", "1", "--batch-size", "2"])
    assert done.returncode == 0, done.stderr
    assert f"ms  {SMALL.removesuffix('.json')}" in done.stdout
    [refused] = [line for line in done.stdout.splitlines() if line.startswith("not timed: ")]
    assert "lost-one" in refused
    assert sorted(path.name for path in out.iterdir()) == ["lost.json", SMALL]


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    done = quick_process.run([SCRIPT, tmp_path, tmp_path / "out"])
    assert done.returncode == 2
    assert f"{tmp_path}: holds no record files" in done.stderr
