"""`zoo predict`: points on the faces of pictures and videos, drawn and written."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.api import UsageError
from zoo.cli.completion import offer, plugins, runs_and_files, video_keys
from zoo.cli.options import Device, Files, Json
from zoo.cli.output import plain, print_json, say

if TYPE_CHECKING:
    from zoo.media.job import PredictOutcome
    from zoo.prediction import Predictor


class Form(StrEnum):
    csv = "csv"
    jsonl = "jsonl"


class As(StrEnum):
    auto = "auto"
    pictures = "pictures"
    video = "video"


def predict(
    model_and_inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] INPUT",
            help="MODEL: a run's folder, a name that `zoo models` lists, or an ONNX file; without "
            "one, the bundled model. INPUT: pictures, videos, folders, 'patterns*' or "
            "frames/%04d.png.",
            autocompletion=offer(runs_and_files),
        ),
    ],
    detector: Annotated[
        str,
        typer.Option(
            help="Id of the face detector: yunet by default (haar where its file cannot be "
            "fetched); `none` takes the whole picture as one face.",
            autocompletion=offer(plugins("detector")),
            show_default=False,
        ),
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder that gets everything that is written.")] = Path(
        "predictions"
    ),
    form: Annotated[
        Form, typer.Option("--format", help="Format of the points: points.csv or points.jsonl.")
    ] = Form.csv,
    pts: Annotated[bool, typer.Option("--pts", help="Write a .pts file per face too.")] = False,
    crops: Annotated[
        bool,
        typer.Option(
            "--crops",
            help="Write a crop of each face too, upright and 112 pixels wide, with eyes, nose and "
            "mouth where recognition networks want them.",
        ),
    ] = False,
    draw: Annotated[
        bool, typer.Option(help="Draw the points on copies of the pictures and videos.")
    ] = True,
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--draw-uncertainty",
            help="Draw an ellipse about each point, of two standard deviations, where the model's "
            "head gives a covariance.",
        ),
    ] = False,
    track: Annotated[
        bool,
        typer.Option(help="Follow faces through a video instead of detecting them in every frame."),
    ] = True,
    smooth: Annotated[
        bool, typer.Option(help="Steady the points of followed faces (One Euro filter).")
    ] = True,
    taken_as: Annotated[
        As,
        typer.Option("--as", help="Read a folder of pictures as single pictures or as one video."),
    ] = As.auto,
    rate: Annotated[
        float, typer.Option(min=0.1, max=1000, help="Frames per second of a sequence of pictures.")
    ] = 25.0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set an option: detector.KEY, track.KEY or smooth.KEY. Repeat for more.",
            autocompletion=offer(video_keys),
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Leave out faces with a lower probability; 0 keeps all. Default: 0.5 where the "
            "model is calibrated.",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Number of pictures that go through the model together.")
    ] = 16,
    device: Device = "",
    files: Files = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what an earlier prediction wrote into OUT.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Mark the faces of pictures and videos.

    OUT gets a copy of each picture (NAME-points.png or .jpg) and video (NAME-points.mp4) with the
    points drawn, and one points.csv, a row a face. What cannot be read, or shows no face, is listed
    at the end and makes the exit status 1; the others are done. What lies in OUT stays: files of
    the same name get a number.
    """
    options = _options(settings or ())

    from zoo.cli.progress import PlainReporter, reporter
    from zoo.media.inputs import find_all
    from zoo.media.job import PredictJob, PredictOutcome
    from zoo.media.predict import run
    from zoo.media.settings import smoothing_from, tracking_from
    from zoo.prediction import Finder
    from zoo.prediction.outputs import COVARIANCE

    tracking, smoothing = tracking_from(options["track"]), smoothing_from(options["smooth"])
    model, inputs = _split(model_and_inputs)
    sources, errors, notes = find_all(inputs, taken_as.value)
    predictor = _load(model, device)
    predictor.limit(min_confidence)  # raises for an uncalibrated model, before anything is written
    if uncertainty and COVARIANCE not in predictor.outputs:
        raise UsageError(
            f"--draw-uncertainty: the head of {predictor.name} gives no covariance of its points; "
            "leave it out, or take a model whose head does"
        )
    # where there is no picture, no file of a detector is fetched
    finder = Finder.of(detector, **options["detector"]) if sources else Finder.of_boxes()
    job = PredictJob(
        predictor=predictor,
        finder=finder,
        out=out,
        no_face=f"{finder.name} found no face",
        form=form.value,
        pts=pts,
        crops=crops,
        draw=draw,
        uncertainty=uncertainty,
        tracking=tracking if track else None,
        smoothing=smoothing if smooth else None,
        batch=batch_size,
        min_confidence=min_confidence,
        rate=rate,
        overwrite=overwrite,
        keep=as_json,
    )
    outcome = PredictOutcome()
    is_single_picture = len(sources) < 2 and not any(source.moves for source in sources)
    try:
        # a single picture needs no bar, and no library that draws one
        reporting = nullcontext(PlainReporter()) if is_single_picture else reporter()
        with _stoppable(), reporting as watcher:
            for note in notes:
                watcher.note(note)
            run(job, sources, watcher, outcome)
    finally:  # what was done is printed after an early stop too
        if as_json:
            print_json(outcome.kept)
        failures = [*map(str, errors), *outcome.failures]
        _print_outcome(failures, outcome)
    if failures:
        raise typer.Exit(1)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does, so that what was done is printed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _options(settings: list[str] | tuple[()]) -> dict[str, dict[str, Any]]:
    """The options of the detector, the tracking and the smoothing."""
    options: dict[str, dict[str, Any]] = {"detector": {}, "track": {}, "smooth": {}}
    for text in settings:
        from zoo.config.recipes import parse_set

        key, value = parse_set(text)
        kind, _, option = key.partition(".")
        if kind not in options or not option:
            raise UsageError(
                f"--set {text}: what can be set here are detector.KEY, track.KEY and smooth.KEY"
            )
        options[kind][option] = value
    return options


def _split(arguments: list[str]) -> tuple[str, list[str]]:
    """The model and the inputs. The model is empty, for the bundled one, unless it comes first."""
    from zoo.api.errors import did_you_mean
    from zoo.media.inputs import is_meant
    from zoo.prediction import is_model
    from zoo.runs.listed import models

    first, *others = arguments
    model, inputs = (first, others) if is_model(first) else ("", arguments)
    if late := next(filter(is_model, inputs), ""):
        raise UsageError(
            f"{late}: a second model beside {model}; name one, and then pictures, videos or folders"
            if model
            else f"{late}: a model comes first: zoo predict {late} {first}"
        )
    if not inputs:
        raise UsageError(f"{first}: name a picture, video or folder after the model")
    if not model and others and not is_meant(first):
        near = did_you_mean(first, models())
        raise UsageError(
            f"{first}: no run here, nor a model that `zoo models` lists, nor a picture or video"
            f"{f'; {near}' if near else ''}"
        )
    return model, inputs


def _load(model: str, device: str) -> Predictor:
    from zoo.prediction import load, load_default

    return load(model, device) if model else load_default(device)


def _print_outcome(failures: list[str], outcome: PredictOutcome) -> None:
    """Print what was written, what failed, and what was not done."""
    from zoo.media.naming import count

    if outcome.points is not None:
        say(f"points of {count(outcome.faces, 'face')} in {outcome.points}")
    if outcome.dropped:
        left_out = count(outcome.dropped, "candidate")
        say(f"left out as no face: {left_out}; --min-confidence 0 keeps all")
    for reason in failures:
        say(f"zoo: {plain(reason)}")
    if outcome.missing and (outcome.points is not None or failures):
        say(f"zoo: ended early: {plain(outcome.missing)} missing")
