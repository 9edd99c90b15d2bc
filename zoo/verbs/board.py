"""The verbs that fill the board and read it: ``zoo.import_points``, ``zoo.bench``,
``zoo.evaluate``, ``zoo.compare`` and ``zoo.leaderboard``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import UsageError
from ..api.notices import warn
from ..evaluation.board import compare as comparing
from ..evaluation.board.comparison import Comparison
from ..evaluation.board.contestants import find_contestant
from ..evaluation.board.leaderboard import collect, left_out_in_words
from ..evaluation.board.render import to_frame
from ..reporter import Reporter
from ..scoring import bench as benching
from ..scoring import imported as external
from ..training import run
from ..training.elsewhere import evaluate_on

if TYPE_CHECKING:
    import pandas as pd


def import_points(
    name: str,
    file: str | Path,
    *,
    dataset: str,
    out: str | Path = "runs",
    version: str = "",
    reference: str = "",
    license: str = "",
    data: str | Path = "",
    protocol: str = "",
    split: str = "val",
    region: str = "frame",
    options: Mapping[str, Any] | None = None,
    pixel_corner: bool = False,
    strict: bool = False,
    most_skipped: float = 0.1,
    reporter: Reporter | None = None,
) -> list[Path]:
    """Make a row of the board from another program's points, as ``zoo import``.

    Args:
        name: Name of the row, such as ``dlib-68``.
        file: CSV file, one row per frame: id, then x and y of each point in pixels of the picture.
        dataset: Id of the data set whose frames these are.
        out: Folder in which the run folders are made.
        version: Version of the program.
        reference: Paper or address that describes it.
        license: Licence of the program and its model.
        data: Folder of the data set; empty: the default places.
        protocol: Protocol that splits the frames; empty: the data set's own.
        split: Split to score: ``val`` or ``test``.
        region: Compare with runs that see the whole ``frame``, or a ``box`` about the face.
        options: Options of the data set.
        pixel_corner: Coordinates count from the corner of the top left pixel, not its centre.
        strict: Stop at a row or frame that would otherwise be left out.
        most_skipped: Largest share of the frames, from 0 to 1, that may be left out as unusable.
        reporter: Receives the progress of the work.

    Returns:
        The run folders: one, or one for each fold.

    Raises:
        zoo.api.DataError: The file does not fit the data set.
        zoo.api.UsageError: The entry has other points on this split already.

    Example:
        The labels themselves, as if another program had found every point exactly:

        >>> import zoo
        >>> options = {"people": 20, "videos": 1, "frames": 2}
        >>> opened = zoo.registry.registry("dataset").get("synthetic").open(None, **options)
        >>> with open("points.csv", "w") as file:
        ...     print("id", *(f"{axis}{k}" for k in range(68) for axis in "xy"), sep=",", file=file)
        ...     for sample in opened.samples():
        ...         print(sample.id, *sample.points.ravel(), sep=",", file=file)
        >>> [folder] = zoo.import_points(
        ...     "all-right", "points.csv", dataset="synthetic", options=options
        ... )
        >>> (folder / "record.json").is_file()
        True
    """
    folders = external.import_points(
        external.ExternalProgram(name, version, reference, license),
        Path(file),
        Path(out),
        dataset=dataset,
        data=data,
        protocol=protocol,
        split=split,
        region=region,
        options=options,
        pixel_corner=pixel_corner,
        strict=strict,
        most_skipped=most_skipped,
        reporter=reporter,
    )
    return [folder.path for folder in folders]


def bench(
    *runs: str | Path,
    device: str = "",
    batch_size: int = 32,
    threads: int = 0,
    precision: str = "fp32",
    rounds: int = benching.ROUNDS,
    reporter: Reporter | None = None,
) -> list[dict[str, Any]]:
    """Time the networks of runs; their records keep the figures.

    Args:
        *runs: Folders of runs.
        device: Device: cpu, cuda, cuda:1 or mps; empty: the best one found.
        batch_size: Number of images in a full batch, 2 or more.
        threads: Number of CPU threads; 0 leaves the choice to torch.
        precision: Number format of the arithmetic: fp32, bf16 or fp16.
        rounds: Number of turns that every network gets.
        reporter: Receives notes and progress.

    Returns:
        For each network what ``zoo bench --json`` prints: milliseconds, images per second,
        parameters, multiply-adds.

    Raises:
        zoo.api.ZooError: A run cannot be timed; raised once the others are timed.

    Example:
        >>> import zoo
        >>> [cost] = zoo.bench("runs/my-run", device="cpu", batch_size=2, rounds=1)
        >>> cost["backbone"], cost["parameters"]
        ('timm:test_resnet', 385880)
    """
    costs, refused = benching.bench(
        [Path(run) for run in runs],
        device=device,
        batch_size=batch_size,
        threads=threads,
        precision=precision,
        rounds=rounds,
        reporter=reporter,
    )
    if refused:
        raise refused[0]
    return [cost.to_dict() for cost in costs]


def evaluate(
    run_folder: str | Path,
    split: str = "val",
    data: str | Path | None = None,
    device: str = "",
    strict: bool = False,
    reporter: Reporter | None = None,
    on: str = "",
) -> dict[str, Any]:
    """Score a finished run on a split of its own protocol; its record keeps the results.

    Args:
        run_folder: Folder of the run.
        split: Split to score: ``val`` or ``test``.
        data: Folder of the data set, if it is elsewhere now.
        device: Device: cpu, cuda, cuda:1 or mps; empty: the run's.
        strict: Stop at a row or frame that would otherwise be left out.
        reporter: Receives the progress of the work.
        on: Another data set to score on, ``ID=ROOT``, which the run was not trained on.

    Returns:
        The record's results of that split: errors and rates as fractions, not percent.

    Raises:
        zoo.api.DataError: The data are not the run's, or the split has no frames.

    Example:
        >>> import zoo
        >>> results = zoo.evaluate("runs/my-run", "val")
        >>> f"NME {100 * results['nme_ioc']:.2f}% on {results['n']} frames"
        'NME ...% on 6 frames'
    """
    if on:
        if data is not None:
            raise UsageError("data has no use with on, which names its data itself")
        return evaluate_on(Path(run_folder), on, split, "", device, strict, reporter)
    root = None if data is None else Path(data)
    return run.evaluate(Path(run_folder), split, root, device, strict, reporter)


def compare(run_a: str | Path, run_b: str | Path, split: str = "val") -> Comparison:
    """Say whether one run is better than another, by a paired bootstrap over people.

    Args:
        run_a: Run folder, record file, or a folder or pattern that names several seeds of one
            configuration.
        run_b: The run, or the seeds, to compare it with.
        split: Split whose results are compared: ``train``, ``val`` or ``test``.

    Returns:
        The differences with their intervals, as fractions;
        ``zoo.evaluation.board.compare.sentence`` says them in words.

    Raises:
        zoo.api.ZooError: There is no such run, or the two were scored on different frames.

    Example:
        >>> import zoo
        >>> found = zoo.compare("runs/my-run", "runs/other-run")
        >>> found.metric, found.faces, found.people
        ('nme_ioc', 6, 3)
    """
    a, b = (find_contestant(str(run), split) for run in (run_a, run_b))
    return comparing.compare(a, b, split)


def leaderboard(
    *folders: str | Path,
    split: str = "val",
    protocol: str | None = None,
    sort: str = "nme_ioc",
    subset: str = "",
) -> pd.DataFrame:
    """Rank all runs below some folders.

    Args:
        *folders: Folders of runs, or record files. Default: ``runs``.
        split: Split whose results are ranked: ``val`` or ``test``.
        protocol: Show only runs of this protocol.
        sort: Metric that ranks the rows.
        subset: Rank on the frames of a subset alone, such as ``blur`` or ``challenging``.

    Returns:
        The board: one row for each configuration, and one for each group's baseline. A
        :class:`zoo.api.ZooWarning` names each record that cannot be read or does not count, and
        each run that is not finished.

    Raises:
        zoo.api.ZooError: A name is unknown, or no run was found.

    Example:
        >>> import zoo
        >>> board = zoo.leaderboard("runs/my-run", "runs/other-run")
        >>> board.loc[0, "backbone"], board.loc[0, "seeds"]
        ('timm:test_resnet', [0, 1])
    """
    places = list(map(Path, folders or ("runs",)))
    groups, problems = collect(places, split, protocol, sort, subset)
    for line in left_out_in_words(problems):
        warn(line)
    return to_frame(groups)
