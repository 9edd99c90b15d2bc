"""Measure what smoothing gains and costs, on drawn videos with known points.

    python docs/examples/video_jitter.py                known points with noise
    python docs/examples/video_jitter.py --model RUN    predictions, tracked and smoothed
    python docs/examples/video_jitter.py --set smooth.min_cutoff=1 --set track.leash=0

Jitter is that of the error (zoo.evaluation.scores.jitter), in per cent of the distance of the outer
eye corners. Lag is in frames, at 25 frames a second. NME is the mean distance from the known
points, in per cent of the same length.
"""

import argparse
from collections.abc import Iterator

import numpy as np

from zoo.config.recipes import parse_set
from zoo.evaluation.scores.jitter import interocular, jitter, lag
from zoo.media.settings import OneEuro, Tracking, smoothing_from, tracking_from
from zoo.media.smoothing import PointFilter
from zoo.media.tracking import Tracker
from zoo.prediction import Finder, load
from zoo.registry import registry

RATE = 25.0
CORNERS = (36, 45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", help="a run's folder, or what else `zoo predict` takes")
    parser.add_argument("--detector", default="none")
    parser.add_argument("--videos", type=int, default=6)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--size", type=int, default=240, help="pixels of a frame's longer side")
    parser.add_argument(
        "--noise",
        type=float,
        nargs="+",
        default=[0.5, 1.0, 2.0],
        help="standard deviation in x and in y, per cent of the eye distance",
    )
    parser.add_argument(
        "--pace", type=float, nargs="+", default=[0.05, 0.1, 0.3], help="how fast faces move"
    )
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    options: dict[str, dict] = {"smooth": {}, "track": {}}
    for key, value in map(parse_set, arguments.sets):
        kind, _, option = key.partition(".")
        options[kind][option] = value
    smoothing, tracking = smoothing_from(options["smooth"]), tracking_from(options["track"])

    print(f"{'pace':>5} {'speed':>6}  {'points':<24} {'jitter':>7} {'lag':>6} {'NME':>6}")
    for pace in arguments.pace:
        films = list(drawn(arguments, pace))
        known = [points for _, points in films]
        speed = np.mean([speed_of(points) for points in known])
        rows = (
            predicted(films, arguments.model, arguments.detector, tracking, smoothing)
            if arguments.model
            else noisy(known, arguments.noise, smoothing)
        )
        for name, found in rows:
            figures = np.mean([measure(a, b) for a, b in zip(found, known, strict=True)], axis=0)
            values = "{:7.2f} {:6.2f} {:6.2f}".format(*(figures.round(2) + 0.0))
            print(f"{pace:5g} {speed:6.2f}  {name:<24} {values}")


def drawn(arguments: argparse.Namespace, pace: float) -> Iterator[tuple[list, np.ndarray]]:
    """For each video: functions that draw its frames, and its known points (T, 68, 2)."""
    for seed in range(100, 100 + arguments.videos):
        data = registry("dataset").get("synthetic").open(
            None, people=1, videos=1, frames=arguments.frames, seed=seed, size=arguments.size,
            pace=pace,
        )  # fmt: skip
        samples = list(data.samples())
        yield [each.image for each in samples], np.stack([each.points for each in samples])


def noisy(known: list, levels: list[float], smoothing: OneEuro) -> Iterator[tuple[str, list]]:
    """Known points with an independent normal error in every coordinate of every frame."""
    for level in levels:
        random = np.random.default_rng(0)
        raw = [
            points + random.normal(0, level / 100 * interocular(points, CORNERS), points.shape)
            for points in known
        ]
        yield f"noise {level:g}%", raw
        yield f"noise {level:g}%, smoothed", [smoothed(points, smoothing) for points in raw]


def smoothed(points: np.ndarray, smoothing: OneEuro) -> np.ndarray:
    smooth = PointFilter(smoothing)
    return np.stack([smooth(each, size_of(each), 1 / RATE) for each in points])


def predicted(
    films: list, model: str, detector: str, tracking: Tracking, smoothing: OneEuro
) -> Iterator[tuple[str, list]]:
    """Predictions for the drawn frames: each frame alone, tracked, and tracked and smoothed."""
    predictor = load(model, "cpu")
    finder, whole_frame = Finder.of(detector), Finder.of("none")

    def largest_face(image: np.ndarray) -> list:
        """The largest face; if the detector finds none, the whole frame is its box."""
        faces = predictor.predict(image, finder) or predictor.predict(image, whole_frame)
        return [max(faces, key=lambda face: size_of(face.points))]

    def each(film: tuple[list, np.ndarray]) -> np.ndarray:
        return np.stack([largest_face(image())[0].points for image in film[0]])

    def followed(film: tuple[list, np.ndarray], smoothing: OneEuro | None) -> np.ndarray:
        tracker = Tracker(predictor, largest_face, RATE, tracking, smoothing)
        track: list[np.ndarray] = []
        for image in film[0]:
            faces = tracker(image())  # empty for a frame or two if a track is lost
            track.append(faces[0].face.points if faces else track[-1])
        return np.stack(track)

    yield "each frame for itself", [each(film) for film in films]
    yield "followed", [followed(film, None) for film in films]
    yield "followed and smoothed", [followed(film, smoothing) for film in films]


def measure(points: np.ndarray, known: np.ndarray) -> tuple[float, float, float]:
    scale = interocular(known, CORNERS)
    distance = float(np.linalg.norm(points - known, axis=-1).mean()) / scale
    return 100 * jitter(points, scale, known), lag(points, known), 100 * distance


def size_of(points: np.ndarray) -> float:
    return float(np.sqrt(np.prod(np.ptp(points, axis=0))))


def speed_of(points: np.ndarray) -> float:
    """Mean speed in face sizes a second."""
    step = np.linalg.norm(np.diff(points, axis=0), axis=-1).mean()
    return float(step * RATE / np.mean([size_of(each) for each in points]))


if __name__ == "__main__":
    main()
