"""Records with everything that the page can show, drawn from a seed, for boards of any size."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

from board_samples import as_read

from zoo.evaluation.board.groups import Group
from zoo.evaluation.board.leaderboard import build

REGIONS = ("jaw", "brow_left", "brow_right", "nose", "eye_left", "eye_right", "mouth")
POSES = (
    ("turned far left", None, -0.15),
    ("turned left", -0.15, -0.06),
    ("facing the camera", -0.06, 0.06),
    ("turned right", 0.06, 0.15),
    ("turned far right", 0.15, None),
)
STEP, STEPS = 0.0025, 61


def record(
    backbone: str = "custom_cnn",
    seed: int = 0,
    nme: float = 0.06,
    *,
    config: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    gmacs: float = 0.79,
    epochs: int = 20,
    **changes: Any,
) -> dict[str, Any]:
    """A record as a run leaves it; ``config`` and ``data`` add to theirs, ``changes`` replace."""
    draw = random.Random(f"{backbone} {seed} {nme} {config}")
    configuration = {
        "backbone": f"landmark-zoo/{backbone}",
        "head": "landmark-zoo/linear",
        "loss": "landmark-zoo/smooth_l1",
        "dataset": "landmark-zoo/youtube_faces",
        "protocol": "person",
        "input_size": 112,
        "epochs": epochs,
        "batch_size": 32,
        "optimizer": "adamw",
        "lr": 0.001,
        "recipe": "strong",
        "pretrained": False,
        "augment": {"rotation": 25.0, "flip": 0.5, "blur_sigma": [0.1, 1.5]},
        "options": {},
    } | (config or {})
    return {
        "schema": 1,
        "run": f"{backbone.replace(':', '-')}-youtube_faces-s{seed}",
        "plugin": {"id": backbone, "distribution": "landmark-zoo", "version": "0.1.0"},
        "config": configuration | {"seed": seed, "device": "", "fold": 0},
        "config_hash": f"{random.Random(f'{backbone} {config}').getrandbits(48):012x}",
        "seed": seed,
        "epochs": epochs,
        "best_epoch": epochs - 1,
        "data": {
            "dataset": "youtube_faces",
            "release": "udacity",
            "protocol": "person/1",
            "fold": 0,
            "region": "frame",
            "scheme": "ibug68",
            "fingerprint": "71fc56a969cda53757dc",
            "frames": {"train": 3142, "val": 428},
            "people": {"train": 256, "val": 37},
            "partial": True,
        }
        | (data or {}),
        "model": {"parameters": int(6.9e6 * gmacs), "gmacs": gmacs, "weights": "none"},
        "results": {"val": results(nme, draw)},
        "history": history(nme, epochs, draw),
        "cost": {
            "train_seconds": round(300 * gmacs, 2),
            "images_per_second": round(100 / gmacs, 2),
            "bench": bench(gmacs),
        },
        "environment": {
            "zoo": "0.1.0",
            "python": "3.11.7",
            "torch": "2.14.1+cu130",
            "device": "cpu (1 threads, AMD EPYC)",
            "precision": "fp32",
        },
    } | changes


def results(nme: float, draw: random.Random) -> dict[str, Any]:
    """Results with log-normal errors about ``nme``."""

    def share(error: float) -> float:
        if error <= 0:
            return 0.0
        return 0.5 * (1 + math.erf(math.log(error / (0.93 * nme)) / (0.4 * math.sqrt(2))))

    values = [round(share(k * STEP), 4) for k in range(STEPS)]
    return {
        "nme_ioc": nme,
        "nme_ioc_low": 0.94 * nme,
        "nme_ioc_high": 1.07 * nme,
        "nme_pupil": 1.38 * nme,
        "nme_box": 0.57 * nme,
        "nme_diag": 0.4 * nme,
        "loss": round(0.3 * nme, 6),
        "fr_08": round(1 - share(0.08), 4),
        "auc_08": round(sum(values[:32]) / 32, 4),
        "fr_10": round(1 - share(0.1), 4),
        "auc_10": round(sum(values[:40]) / 40, 4),
        "n": 428,
        "people": 37,
        "coverage": 1.0,
        "floor": {"nme_ioc": 0.283, "nme_box": 0.162, "loss": 0.025, "fr_08": 0.99, "auc_08": 0.0},
        "predictions": f"{draw.getrandbits(256):064x}",
        "ced": {"step": STEP, "values": values},
        "regions": {name: nme * draw.uniform(0.75, 1.25) for name in REGIONS},
        "pose": [
            {"name": n, "low": a, "high": b, "n": k, "nme": nme * draw.uniform(f - 0.1, f + 0.1)}
            for (n, a, b), k, f in zip(
                POSES, (31, 60, 220, 90, 27), (1.6, 1.1, 0.85, 1.05, 1.5), strict=True
            )
        ],
    }


def history(nme: float, epochs: int, draw: random.Random) -> list[dict[str, Any]]:
    """Learning curves that fall towards ``nme`` and reach it in the last epoch but one."""
    rows = []
    for epoch in range(1, epochs + 1):
        left = math.exp(-4 * epoch / epochs)
        error = nme * (1 + 3 * left) * draw.uniform(1.0, 1.06)
        rows.append(
            {
                "epoch": epoch,
                "train_loss": round(0.4 * error * draw.uniform(0.9, 1.1), 6),
                "val_loss": round(0.3 * error, 6),
                "val_nme": nme if epoch == epochs - 1 else round(error, 6),
                "lr": 0.001,
            }
        )
    return rows


def bench(gmacs: float) -> dict[str, Any]:
    return {
        "device": "cpu, AMD EPYC",
        "threads": 1,
        "precision": "fp32",
        "input_size": 112,
        "batch": 32,
        "latency_ms": round(20 * gmacs + 1.5, 3),
        "latency_ms_spread": 0.2,
        "images_per_second": round(80 / gmacs, 1),
        "images_per_second_spread": 1.5,
    }


def board(*records: dict[str, Any], **options: Any) -> list[Group]:
    return build([(Path(f"{i}/record.json"), as_read(r)) for i, r in enumerate(records)], **options)


def varied(count: int, *, seeds: int = 1, **changes: Any) -> list[dict[str, Any]]:
    """``count`` configurations of 40 backbones, of errors between 4 and 15%."""
    draw = random.Random(count)
    records = []
    for i in range(count):
        name, size = f"timm:net_{i % 40:02d}", draw.choice((0.05, 0.1, 0.2, 0.4, 0.8, 1.6))
        nme = 0.04 + 0.08 * draw.random() ** 1.5 + 0.02 / (1 + 10 * size)
        config = {
            "recipe": draw.choice(("seed", "strong")),
            "lr": round(10 ** draw.uniform(-4, -2), 6),
            "pretrained": draw.random() < 0.3,
        }
        records += [
            record(name, seed, nme * draw.uniform(0.97, 1.03), config=config, gmacs=size, **changes)
            for seed in range(seeds)
        ]
    return records
