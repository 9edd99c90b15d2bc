"""Run dlib's face detector and 68-point predictor on exported frames, and write their points.

    python -m venv dlib-env
    dlib-env/bin/pip install dlib-bin face_recognition_models numpy pillow
    dlib-env/bin/python docs/examples/dlib_points.py frames/ points.csv

``frames/`` was written by `zoo data export`, ``points.csv`` is for `zoo import`. dlib has a
separate environment, since the zoo neither needs nor imports it.

dlib gives points as indices of pixels: (0, 0) is the top left pixel, as in the zoo, so they are
written unchanged. If there are several faces in a frame, the one with the highest score is used. A
frame without a face gets no row.
"""

import argparse
import csv
import statistics
import time
from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np
from PIL import Image

MODEL = "models/shape_predictor_68_face_landmarks.dat"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("frames", type=Path)
    parser.add_argument("points", type=Path)
    parser.add_argument("--upsample", type=int, default=1, help="finds smaller faces; slower")
    arguments = parser.parse_args()

    detect = dlib.get_frontal_face_detector()
    # only its files are needed: importing the package would need setuptools' pkg_resources
    package = find_spec("face_recognition_models").submodule_search_locations[0]
    mark = dlib.shape_predictor(str(Path(package) / MODEL))

    with (arguments.frames / "frames.csv").open(newline="", encoding="utf-8") as stream:
        frames = list(csv.DictReader(stream))
    seconds, missed = [], 0
    with arguments.points.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", *(f"{axis}{k}" for k in range(68) for axis in "xy")])
        for frame in frames:
            image = np.array(Image.open(arguments.frames / frame["image"]))
            started = time.process_time()
            boxes, scores, _ = detect.run(image, arguments.upsample)
            face = mark(image, boxes[int(np.argmax(scores))]) if boxes else None
            seconds.append(time.process_time() - started)
            if face is None:
                missed += 1
            else:
                points = [(point.x, point.y) for point in face.parts()]
                writer.writerow([frame["id"], *(value for point in points for value in point)])
    print(f"{len(frames)} frames, {missed} without a face")
    print(f"{1000 * statistics.median(seconds):.1f} ms of one core a frame, the median")


if __name__ == "__main__":
    main()
