"""The time to read and render a board of 10,000 records, as a process with its imports.

Run with `make bench`; nothing is asserted about time, which depends on the machine. The records are
as complete as those of real runs: error curve, head turns, sums of 40 people, 20 epochs of history.
They lie in folders of runs, in five groups of 2000: 200 rows of five seeds and 1000 of one. Other
test runs time nothing and use a fiftieth of the records, to check that the benchmark works.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from zoo.api import IBUG68
from zoo.evaluation.records import SCHEMA, layout
from zoo.evaluation.scores.details import compact_history
from zoo.evaluation.scores.metric_names import METRICS_VERSION
from zoo.evaluation.scores.predictions import Predictions
from zoo.evaluation.scores.results import results_of

GROUPS, PEOPLE, FRAMES, EPOCHS = 5, 40, 4, 20


def scored(rng: np.random.Generator, target: Any, people: list[str]) -> dict[str, Any]:
    """Results as the engine computes them, for random predictions around the labels."""
    n = len(target)
    spread = rng.uniform(1, 4) * rng.uniform(0.5, 1.5, (n, 1, 1))
    points = target + spread * rng.normal(size=target.shape)
    predictions = Predictions(
        ids=tuple(f"{person}_{i % FRAMES}.jpg" for i, person in enumerate(people)),
        people=tuple(people),
        points=points.astype(np.float32),
        target=target.astype(np.float32),
        visible=np.ones(target.shape[:2], bool),
        regions=np.tile([64.0, 64.0, 128.0], (n, 1)),
        scheme=IBUG68,
        mean_shape=target.mean(0) / 128,
    )
    return results_of(predictions)


def record(group: int, model: int, seed: int, results: dict[str, Any]) -> dict[str, Any]:
    backbone = f"timm:model_{model}"
    history = [
        {"epoch": e, "train_loss": 1 / e, "val_loss": 1.1 / e, "val_nme": 0.3 / e, "lr": 1e-3 / e}
        for e in range(1, EPOCHS + 1)
    ]
    return {
        "schema": SCHEMA,
        "run": f"timm-model_{model}-youtube_faces-{group}-s{seed}",
        "plugin": {"id": backbone, "distribution": "landmark-zoo", "version": "0.1.0"},
        "config": {
            "backbone": f"landmark-zoo/{backbone}",
            "head": "landmark-zoo/linear",
            "loss": "landmark-zoo/smooth_l1",
            "recipe": "strong",
            **{f"key_{k}": 0.1 * k for k in range(25)},
        },
        "config_hash": f"{group:04x}{model:08x}",
        "seed": seed,
        "epochs": EPOCHS,
        "best_epoch": EPOCHS,
        "data": {
            "dataset": "youtube_faces",
            "release": "udacity",
            "protocol": "person/1",
            "fold": 0,
            "region": "frame",
            "scheme": "ibug68",
            "fingerprint": f"{group:064x}",
            "frames": {"train": 3142, "val": PEOPLE * FRAMES},
            "people": {"train": 256, "val": PEOPLE},
            "partial": False,
            "metrics": METRICS_VERSION,
        },
        "model": {"parameters": 1000 * model + 1, "gmacs": 0.01 * (model % 97) + 0.01},
        "results": {"val": results | {"predictions": f"{group:08x}{model:08x}{seed:048x}"}},
        "history": compact_history(history),
        "cost": {
            "images_per_second": 100.0,
            "bench": {
                "device": "cpu",
                "threads": 1,
                "precision": "fp32",
                "input_size": 112,
                "batch": 32,
                "latency_ms": 5.0 + 0.01 * model,
                "latency_ms_spread": [4.9, 5.3],
                "images_per_second": 300.0,
                "images_per_second_spread": [290.0, 301.0],
            },
        },
        "environment": {"zoo": "0.1.0", "python": "3.11", "torch": "2.14", "device": "cpu"},
    }


@pytest.fixture(scope="module")
def per_group(request: pytest.FixtureRequest) -> int:
    """The number of records in a group."""
    return 2000 if request.config.getoption("benchmark_enable") else 40


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, per_group: int) -> Path:
    """A folder of run folders, each with a record."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    people = [f"person_{i // FRAMES}" for i in range(PEOPLE * FRAMES)]
    target = 64 + 20 * rng.normal(size=(PEOPLE * FRAMES, len(IBUG68), 2))
    several = per_group // 2  # records of rows with five seeds
    results = [scored(rng, target, people) for _ in range(per_group // 20)]
    for group in range(GROUPS):
        for i in range(per_group):
            model, seed = (i // 5, i % 5) if i < several else (i, 0)
            entry = record(group, model, seed, results[(7 * i + group) % len(results)])
            path = folder / entry["run"] / "record.json"
            path.parent.mkdir()
            # as save_record writes it, but without a sync to disk
            path.write_text(layout(entry))
    return folder


@pytest.mark.benchmark(group="board of 10,000 records")
@pytest.mark.parametrize("format", ["table", "md", "csv", "json"])
def test_bench_board(
    benchmark: BenchmarkFixture,
    runs: Path,
    per_group: int,
    format: str,
    say: Callable[[str], None],
) -> None:
    command = [sys.executable, "-P", "-m", "zoo", "leaderboard", str(runs), "--format", format]
    done = benchmark.pedantic(
        subprocess.run, args=(command,), kwargs={"capture_output": True}, rounds=3, warmup_rounds=1
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"timm:model_") == GROUPS * (per_group // 2 // 5 + per_group // 2)
    if benchmark.stats:
        say(f"{GROUPS * per_group} records as {format}: {benchmark.stats.stats.min:.2f} s")
