"""Measure how many faces a detector finds, by size, angle, number and light.

    python finding.py --data FRAMES --detectors yunet haar        # FRAMES: see `zoo data fetch`

The results are in docs/results/robustness.md. Frames of the val split of YouTube Faces are put into
grey pictures, so that all faces are known. A face's size is the longer side of its 68 points' box,
in pixels. A face is found if a box holds the centre of its points and is half to three times as
long. Pictures without a face are drawn here, and taken from scikit-image if that is installed.
`dlib` and `mediapipe` can be named too, if they are installed; use a temporary environment for
them.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Detect = Callable[[Image], NDArray[Any]]
"""From a picture (H, W, 3) RGB to boxes (N, 4 or more): x0, y0, x1, y1 in pixels."""
GREY = (110, 120, 130)


class Frame(NamedTuple):
    """A picture of one face and its points (68, 2)."""

    image: Image
    points: NDArray[np.float64]


class Picture(NamedTuple):
    """A picture and the points of its faces, (N, 68, 2)."""

    image: Image
    points: NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """The properties of a composed picture."""

    size: float = 100
    angle: float = 0
    """Degrees, to the left or to the right."""
    count: int = 1
    width: int = 640
    height: int = 480
    light: float = 1.0
    blur: float = 0.0
    """Sigma of a Gaussian, in sizes of a face."""

    @property
    def name(self) -> str:
        parts = [f"{self.size:g} px"]
        parts += [f"turned by {self.angle:g} degrees"] if self.angle else []
        parts += [f"{self.count} faces"] if self.count > 1 else []
        parts += ["dark"] if self.light < 1 else []
        parts += ["blurred"] if self.blur else []
        return ", ".join([*parts, f"in {self.width} x {self.height}"])


BASE = Scene(count=4)
SIZES = [replace(BASE, size=s) for s in (16, 24, 32, 48, 64, 100)]
SIZES += [Scene(size=200), Scene(size=400, width=1024, height=768)]
ANGLES = [replace(BASE, angle=a) for a in (15, 30, 45, 60, 90, 120, 150, 180)]
OTHERS = [
    replace(BASE, size=24, width=1920, height=1080),
    replace(BASE, size=24, width=4000, height=3000),
    replace(BASE, size=32, width=4000, height=3000),
    Scene(size=1000, width=2000, height=1500),
    replace(BASE, size=48, count=9),
    replace(BASE, size=32, count=30, width=800, height=600),
    replace(BASE, size=32, count=100, width=1280, height=960),
    replace(BASE, light=0.15),
    replace(BASE, blur=0.06),
]


def compose(scene: Scene, frames: Sequence[Frame], rng: np.random.Generator) -> Picture:
    """A picture of the scene, with random faces from ``frames``, each in a cell of a grid."""
    columns = math.ceil(math.sqrt(scene.count * scene.width / scene.height))
    rows = math.ceil(scene.count / columns)
    cell = np.array([scene.width / columns, scene.height / rows])
    image = np.full((scene.height, scene.width, 3), GREY, np.uint8)
    points = []
    for number in range(scene.count):
        frame = frames[rng.integers(len(frames))]
        row, column = divmod(number, columns)
        free = np.maximum(cell - 1.8 * scene.size, 0)
        middle = (np.array([column, row]) + 0.5) * cell + rng.uniform(-0.5, 0.5, 2) * free
        points.append(_paste(image, frame, middle, scene, rng.choice([-1, 1])))
    if scene.light < 1:
        image = np.round(image * scene.light).astype(np.uint8)
    if scene.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), scene.blur * scene.size), np.uint8)
    return Picture(image, np.array(points))


def _paste(
    image: Image, frame: Frame, middle: NDArray[np.float64], scene: Scene, side: int
) -> NDArray[np.float64]:
    """Paste a frame into the picture, in place, and return its points there."""
    low, high = frame.points.min(0), frame.points.max(0)
    scale = scene.size / float((high - low).max())
    turn = math.radians(scene.angle) * side
    matrix = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    shift = middle - matrix @ ((low + high) / 2)
    source = frame.image
    if scale < 1:
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), 0.5 * math.sqrt(1 / scale**2 - 1)))
    mask = np.full(source.shape[:2], 255, np.uint8)
    affine, size = np.c_[matrix, shift], image.shape[1::-1]
    shown = cv2.warpAffine(mask, affine, size, flags=cv2.INTER_NEAREST) > 0
    image[shown] = cv2.warpAffine(source, affine, size, borderMode=cv2.BORDER_REPLICATE)[shown]
    return frame.points @ matrix.T + shift


def drawn(rng: np.random.Generator) -> Image:
    """A picture of shapes, stripes and noise, with no face in it."""
    height, width = rng.integers(240, 720, 2)
    small = rng.integers(0, 256, (rng.integers(2, 60), rng.integers(2, 60), 3), np.uint8)
    image = np.asarray(cv2.resize(small, (int(width), int(height)), interpolation=cv2.INTER_CUBIC))
    for _ in range(rng.integers(5, 40)):
        x, y, a, b = (int(v) for v in rng.integers(0, 720, 4))
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        thickness = int(rng.choice([-1, 1, 3, 9]))
        kind = rng.integers(4)
        if kind == 0:
            cv2.ellipse(image, (x, y), (a // 4, b // 4), a, 0, 360, colour, thickness)
        elif kind == 1:
            cv2.rectangle(image, (x, y), (a, b), colour, thickness)
        elif kind == 2:
            cv2.line(image, (x, y), (a, b), colour, abs(thickness))
        else:
            cv2.putText(image, "landmark", (x, y), cv2.FONT_HERSHEY_DUPLEX, 1 + a / 300, colour, 2)
    return np.asarray(image, np.uint8)


FACELESS = (
    *("brick", "cell", "chelsea", "chessboard_GRAY", "chessboard_RGB", "clock_motion", "coffee"),
    *("coins", "color", "grass", "gravel", "horse", "hubble_deep_field", "ihc", "logo"),
    *("microaneurysms", "moon", "motorcycle_left", "motorcycle_right", "page", "phantom", "retina"),
    *("rocket", "text"),
)


def photographs() -> Iterator[tuple[str, Image]]:
    """The pictures of scikit-image without a face."""
    from importlib.util import find_spec

    spec = find_spec("skimage")
    folder = Path(spec.origin).parent / "data" if spec and spec.origin else Path("nowhere")
    for name in FACELESS:
        for path in folder.glob(f"{name}.[jp][pn]g"):
            read = cv2.imread(str(path))
            if read is not None:
                yield name, np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


def matched(boxes: NDArray[Any], points: NDArray[np.float64]) -> tuple[list[int], int]:
    """For each face (N, 68, 2) the index of a box that finds it, or -1; and the number of boxes
    that find no face."""
    free = set(range(len(boxes)))
    found = []
    for face in points:
        low, high = face.min(0), face.max(0)
        (x, y), size = (low + high) / 2, float((high - low).max())
        hits = [
            i
            for i in sorted(free)
            if boxes[i][0] < x < boxes[i][2]
            and boxes[i][1] < y < boxes[i][3]
            and 0.5 < max(boxes[i][2] - boxes[i][0], boxes[i][3] - boxes[i][1]) / size < 3
        ]
        found.append(hits[0] if hits else -1)
        free -= set(hits)
    return found, len(free)


@dataclass
class Score:
    """A detector's results on pictures of one scene."""

    faces: int = 0
    found: int = 0
    wrong: int = 0
    pictures: int = 0
    seconds: float = 0.0

    def add(self, detect: Detect, picture: Picture) -> NDArray[Any]:
        """Run the detector on a picture, add the result, and return the boxes."""
        begun = time.process_time()
        boxes = detect(picture.image)
        self.seconds += time.process_time() - begun
        places, wrong = matched(boxes, picture.points)
        self.faces += len(places)
        self.found += sum(place >= 0 for place in places)
        self.wrong += wrong
        self.pictures += 1
        return boxes

    def cell(self) -> str:
        """Recall (or false faces in 100 pictures without faces), and milliseconds of CPU time."""
        share = (
            f"{100 * self.found / self.faces:.0f}%"
            if self.faces
            else f"{100 * self.wrong / self.pictures:.1f}"
        )
        return f"{share} ({1e3 * self.seconds / self.pictures:.0f} ms)"


def measure(
    scene: Scene, frames: Sequence[Frame], detect: Detect, pictures: int, seed: int = 0
) -> Score:
    """A detector's score on this many pictures of a scene, the same ones for every detector."""
    rng, score = np.random.default_rng(seed), Score()
    for _ in range(pictures):
        score.add(detect, compose(scene, frames, rng))
    return score


def nme(
    scene: Scene, frames: Sequence[Frame], model: Any, pictures: int, seed: int = 0
) -> tuple[float, int]:
    """The model's error on the faces that it finds, in per cent of the distance of the outer eye
    corners, and the number of these faces."""
    rng, errors = np.random.default_rng(seed), []
    for _ in range(pictures):
        picture = compose(scene, frames, rng)
        faces = model.predict(picture.image)
        boxes = np.array([face.box for face in faces]).reshape(-1, 4)
        for place, truth in zip(matched(boxes, picture.points)[0], picture.points, strict=True):
            if place >= 0:
                distance = np.linalg.norm(faces[place].points - truth, axis=1).mean()
                errors.append(100 * distance / np.linalg.norm(truth[36] - truth[45]))
    return (float(np.mean(errors)) if errors else math.nan), len(errors)


def detector(name: str) -> Detect:
    """A detector of the zoo, or of another library."""
    if name == "dlib":
        import dlib

        frontal = dlib.get_frontal_face_detector()
        return lambda image: np.array(
            [(r.left(), r.top(), r.right(), r.bottom()) for r in frontal(image, 1)]
        ).reshape(-1, 4)
    if name == "mediapipe":
        return _mediapipe()
    from zoo.prediction import Finder

    return Finder.of(name).boxes


def _mediapipe() -> Detect:
    import mediapipe

    far = mediapipe.solutions.face_detection.FaceDetection(model_selection=1)

    def detect(image: Image) -> NDArray[Any]:
        size = np.array(image.shape[1::-1] * 2)
        found = far.process(image).detections or []
        each = [d.location_data.relative_bounding_box for d in found]
        boxes = [(b.xmin, b.ymin, b.xmin + b.width, b.ymin + b.height) for b in each]
        return np.array(boxes).reshape(-1, 4) * size

    return detect


def val_frames(data: str, most: int) -> list[Frame]:
    """Frames of the val split, on which the bundled model was not trained."""
    from zoo.data.source import read_source

    source = read_source("youtube_faces", data=data)
    rows = np.random.default_rng(0).permutation(source.rows("val"))[:most]
    return [Frame(source.table.images[r](), np.float64(source.table.points[r])) for r in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", required=True, help="root of YouTube Faces' frames")
    parser.add_argument("--detectors", nargs="+", default=["yunet", "haar"])
    parser.add_argument("--pictures", type=int, default=100, help="of each scene")
    parser.add_argument("--nme", action="store_true", help="the bundled model's error, by angle")
    parser.add_argument("--show", help="folder for a picture of each scene, with the boxes")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    frames = val_frames(arguments.data, 200)
    detects = {name: detector(name) for name in arguments.detectors}
    print("| | " + " | ".join(detects) + " |\n|" + " --- |" * (len(detects) + 1))

    def row(name: str, scores: Sequence[Score]) -> None:
        print(f"| {name} | " + " | ".join(score.cell() for score in scores) + " |", flush=True)

    for scene in (*SIZES, *ANGLES, *OTHERS):
        few = max(1, min(arguments.pictures, math.ceil(2e7 / scene.width / scene.height)))
        row(scene.name, [measure(scene, frames, each, few) for each in detects.values()])
        if arguments.show:
            show(Path(arguments.show), scene, frames, detects)
    sets = {
        "drawn pictures without a face": [drawn(np.random.default_rng(i)) for i in range(100)],
        "scikit-image's without a face": [image for _, image in photographs()],
    }
    for name, images in sets.items():
        scores = [Score() for _ in detects]
        for image in images:
            for score, detect in zip(scores, detects.values(), strict=True):
                score.add(detect, Picture(image, np.empty((0, 68, 2))))
        if images:
            row(f"{len(images)} {name}", scores)
    if arguments.nme:
        import zoo

        print("\n| angle | faces | NME |\n| --- | --- | --- |")
        for scene in (BASE, *ANGLES):
            error, count = nme(scene, frames, zoo.load(), arguments.pictures)
            print(f"| {scene.angle:g} | {count} | {error:.1f} |", flush=True)


def show(folder: Path, scene: Scene, frames: Sequence[Frame], detects: dict[str, Detect]) -> None:
    """Save the first picture of a scene, with each detector's boxes in another colour."""
    image = compose(scene, frames, np.random.default_rng(0)).image
    shown = image.copy()
    for number, detect in enumerate(detects.values()):
        colour = [(0, 255, 0), (255, 0, 0), (0, 0, 255), (255, 255, 0)][number % 4]
        for x0, y0, x1, y1 in np.round(detect(image)[:, :4]).astype(int).tolist():
            cv2.rectangle(shown, (x0, y0), (x1, y1), colour, max(1, image.shape[1] // 400))
    folder.mkdir(parents=True, exist_ok=True)
    name = scene.name.replace(" ", "-").replace(",", "")
    cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
