"""Measure what further passes are worth: a run's error after one, two, three and four passes.

    python docs/examples/count_passes.py RUN... [--data ROOT]

The same weights make all passes, whatever the run's own `refine` is. A model that was trained with
`refine` knows crops around the face; another model has never seen such crops. The runs are not
changed.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from zoo.data.batches import make_split
from zoo.evaluation.scores.results import results_of
from zoo.reporter import Reporter
from zoo.runs.folder import RunFolder
from zoo.runs.own_data import own_source
from zoo.runs.trained import load_trained
from zoo.scoring.split import Targets, predict_split
from zoo.world import join_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--split", default="val")
    arguments = parser.parse_args()
    for run in arguments.runs:
        print(run.name)
        count(RunFolder(run), arguments.split, arguments.data)


def count(folder: RunFolder, split: str, data: Path | None) -> None:
    trained = load_trained(folder)
    config = folder.read_config()
    source = own_source(folder, data, False, Reporter())
    store = source.store(split, config.region, config.input_size, Reporter())
    targets = Targets.of(store, source.table)
    with join_world(config.device) as world:
        model = trained.model.to(world.device)
        frames = make_split(store, source.table, world.device)
        for refine in range(4):
            started = time.perf_counter()
            predicted = predict_split(
                model, frames, replace(config, refine=refine), world, trained.header.upright
            )
            seconds = time.perf_counter() - started
            results = results_of(
                targets.predictions(predicted.points, predicted.scores, trained.header.mean_shape)
            )
            print(f"passes {refine + 1}: nme_ioc {100 * results['nme_ioc']:.2f}%, "
                  f"{1000 * seconds / len(frames):.1f} ms a frame")  # fmt: skip


if __name__ == "__main__":
    main()
