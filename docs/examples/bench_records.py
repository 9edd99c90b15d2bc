"""Time the networks of a board on this machine, from its records alone.

    python docs/examples/bench_records.py docs/records times [--threads 1] [--batch-size 8]

Records hold no weights, so each network is built with random ones: a forward pass costs the same.
`zoo bench` times them in turns. The folder `times` gets a copy of each record with the new times;
`zoo leaderboard times` shows them. Entries of other programs are copied as they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from zoo.api import DataError, LandmarkScheme, ZooError
from zoo.config import Config, from_dict
from zoo.evaluation.records import load_record, save_record
from zoo.evaluation.scores.schemes import known_scheme
from zoo.geometry import FacePlace
from zoo.model import LandmarkModel, build_model
from zoo.runs.folder import RunFolder
from zoo.runs.trained import Header, model_plan
from zoo.scoring.bench import ROUNDS, bench
from zoo.tensors import save_tensors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("records", type=Path, help="folder with record files (*.json)")
    parser.add_argument("out", type=Path, help="folder for the copies")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    records = {path.name: load_record(path) for path in sorted(options.records.glob("*.json"))}
    if not records:
        parser.error(f"{options.records}: holds no record files (*.json)")
    options.out.mkdir(parents=True, exist_ok=True)
    runs: dict[str, RunFolder] = {}
    refused: list[ZooError] = []
    with TemporaryDirectory() as folder:
        for name, record in records.items():
            if record.external:
                continue
            try:
                runs[name] = make_run(Path(folder) / name, record.raw, str(record.data.scheme))
            except ZooError as error:  # such as a plugin that is not installed
                refused.append(error)
        costs, not_timed = bench(
            [run.path for run in runs.values()],
            threads=options.threads,
            batch_size=options.batch_size,
            rounds=options.rounds,
        )
        for name, record in records.items():
            raw = record.raw
            if name in runs:
                raw["cost"] = runs[name].read_record().raw["cost"]
            save_record(raw, options.out / name)
    for cost in costs:
        print(f"{cost.bench['latency_ms']:7.2f} ms  {cost.runs[0].name.removesuffix('.json')}")
    for error in refused + not_timed:
        print(f"not timed: {error}")


def make_run(path: Path, record: dict[str, Any], scheme_name: str) -> RunFolder:
    """A run's folder with the network of a record, its weights random."""
    config, scheme = from_dict(record["config"]), known_scheme(scheme_name)
    if scheme is None:
        raise DataError(f"{path.name}: the points of {scheme_name} are known to its data set alone")
    folder = RunFolder(path)
    path.mkdir()
    folder.write_config(config)
    shape = np.full((len(scheme), 2), 0.5)
    header = Header(config, scheme, FacePlace(side=0.5, cx=0.5, cy=0.5), shape)
    network = random_network(config, scheme)
    save_tensors(folder.best, network.state_dict(), header.to_dict())
    unweighted = {key: value for key, value in record["model"].items() if key != "best_sha256"}
    save_record(record | {"model": unweighted}, folder.record)
    return folder


@torch.no_grad()
def random_network(config: Config, scheme: LandmarkScheme) -> LandmarkModel:
    """The network of a configuration. Its batch norms have seen noise, as numbers would grow or
    vanish from layer to layer otherwise, and very small ones are slow."""
    plan = model_plan(config, config.plugin("backbone"), config.plugin("head"))
    network = build_model(plan.without_start(), scheme).model
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    network.train()(torch.rand(8, 3, config.input_size, config.input_size))
    return network.eval()


if __name__ == "__main__":
    main()
