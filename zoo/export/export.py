"""`zoo export`: a run's best model as one file that predicts without torch and without the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import UsageError, WeightsError
from ..evaluation.records import Record
from ..files import write_whole
from ..geometry import crop, frame_region
from ..images import read_image
from ..prediction import graph
from ..prediction.agreement import Agreement, batches, compare, random_crops, why_not
from ..prediction.onnx_file import OnnxFacts
from ..prediction.onnx_model import OnnxPredictor
from ..prediction.torch_model import TorchPredictor
from ..reporter import Reporter
from ..runs.catalogue import run_folder
from ..runs.folder import RunFolder
from ..runs.own_data import reopen_source
from ..runs.trained import Trained, load_trained

FORMATS = ("onnx",)
FROM_DATA = 64
"""How many frames of the validation split a check uses, evenly spaced."""

DATA = ("dataset", "release", "protocol", "region", "scheme", "fingerprint", "frames", "partial")
RESULTS = ("nme_ioc", "nme_ioc_low", "nme_ioc_high", "nme_box", "auc_08", "fr_08", "n")


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how well it agrees with the run."""

    path: Path
    facts: OnnxFacts
    size: int
    """Bytes."""
    checks: tuple[Agreement, ...]


def export_onnx(
    run: str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | None = None,
    pictures: Sequence[str | Path] = (),
    reporter: Reporter | None = None,
) -> Exported:
    """Write a run's best model as an ONNX file.

    Before it is written, the graph is compared with the network on random crops and, with ``data``
    and ``pictures``, on validation frames and on whole pictures.

    Args:
        run: Folder of a run, or name of a model that `zoo models` lists.
        out: File to write. Default: ``model.onnx`` in the run's folder; for a model of
            `zoo models`, ``NAME.onnx`` here.
        data: Folder of the run's data set: compare on validation frames too.
        pictures: Picture files: compare on these too.
        reporter: Receives the progress.

    Returns:
        The file, its size in bytes, and the comparisons.

    Raises:
        WeightsError: A point is off by more than 0.05 px of the input; the message says by how
            much, and a file that was there before is left as it was.
        UsageError: ``out`` cannot be written.

    Example:
        >>> import zoo
        >>> exported = zoo.export_onnx("runs/my-run", "my-run.onnx")
        >>> exported.path.name, exported.facts.input_size
        ('my-run.onnx', 64)
    """
    graph.require_packages()
    folder = RunFolder(run_folder(run))
    # the folder of a model from the package or from `zoo fetch` stays as it was verified
    default = folder.path / "model.onnx" if folder.path == Path(run) else Path(f"{run}.onnx")
    path = default if out is None else Path(out)
    if path.is_dir():
        raise UsageError(f"--out {path}: is a folder; name a file, such as {path / 'model.onnx'}")
    trained = load_trained(folder)
    real = _real_crops(trained, folder, data, pictures, reporter or Reporter())
    facts = facts_of(trained, folder)
    content = graph.with_metadata(graph.trace(trained), facts.to_metadata(), describe(facts))
    try:
        checks = _check(trained, content, real)
    except WeightsError as error:
        why = graph.why_wrong(trained)
        raise WeightsError(f"{path}: not written: {error}{why}") from error
    if reason := why_not(checks, trained.header.config):
        raise WeightsError(f"{path}: not written: {reason}{graph.why_wrong(trained)}")
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(f"--out {path}: cannot write there: {error.strerror or error}") from error
    return Exported(path, facts, len(content), checks)


def _check(
    trained: Trained, content: bytes, real: Mapping[str, NDArray[np.uint8]]
) -> tuple[Agreement, ...]:
    network, exported = TorchPredictor(trained, "cpu"), OnnxPredictor.of_bytes(content)
    random = compare(network, exported, random_crops(network.input_size), "random")
    return (
        random,
        *(compare(network, exported, batches(crops), name) for name, crops in real.items()),
    )


def _real_crops(
    trained: Trained,
    folder: RunFolder,
    data: str | Path | None,
    pictures: Sequence[str | Path],
    reporter: Reporter,
) -> dict[str, NDArray[np.uint8]]:
    """Crops (N, S, S, 3) by their source: the data set's id, or ``pictures``."""
    config = trained.header.config
    crops: dict[str, NDArray[np.uint8]] = {}
    if data is not None:
        source = reopen_source(folder, data, False, reporter)
        store = source.store("val", config.region, config.input_size, reporter)
        rows = np.unique(np.linspace(0, len(store) - 1, FROM_DATA).round().astype(np.int64))
        crops[source.dataset] = np.asarray(store.images[rows])
    if pictures:
        images = [read_image(Path(path)) for path in pictures]
        crops["pictures"] = np.stack(
            [crop(i, frame_region(*i.shape[:2]), config.input_size) for i in images]
        )
    return crops


def facts_of(trained: Trained, folder: RunFolder) -> OnnxFacts:
    """The metadata of the file; without a summary of the record where the run is not finished."""
    record = folder.read_record() if folder.record.is_file() else None
    return replace(
        graph.facts_of(trained, folder.path.resolve().name, record.calibration if record else None),
        licenses=_licenses(record),
        record=summary(record) if record else {},
    )


def _licenses(record: Record | None) -> dict[str, str]:
    """The licences in the record."""
    if record is None:
        return {}
    licenses = {
        "code": record.model.license,
        "weights": record.model.weights_license,
        "data": record.data.license,
    }
    return {what: text for what, text in licenses.items() if text}


def summary(record: Record) -> dict[str, Any]:
    """The part of a record that says which model this is and how good it was: no people's names."""
    raw = record.raw
    data, model = raw["data"], raw["model"]
    return {
        "run": record.run,
        "plugin": dict(raw["plugin"]),
        "config_hash": record.config_hash,
        "seed": record.seed,
        "best_epoch": record.best_epoch,
        "data": {key: data[key] for key in DATA if key in data},
        "model": {
            key: model[key] for key in ("head", "parameters", "gmacs", "weights") if key in model
        },
        "results": {
            split: {key: results[key] for key in RESULTS if results.get(key) is not None}
            for split, results in raw["results"].items()
        },
    }


def describe(facts: OnnxFacts) -> str:
    """The description that viewers of ONNX files show."""
    size = facts.input_size
    return (
        f"{facts.name}: {len(facts.scheme)} facial landmarks ({facts.scheme.name}). "
        f"images: uint8 (N, {size}, {size}, 3) RGB, values 0 to 255; "
        f"points: float32 (N, {len(facts.scheme)}, 2) as x, y in fractions of the crop, 0 at its "
        "left (top) edge and 1 at its right (bottom) edge. "
        f"Written by landmark-zoo {facts.zoo_version}; `zoo predict FILE.onnx picture.jpg`."
    )
