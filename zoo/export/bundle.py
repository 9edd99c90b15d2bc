"""Bundle a run with the package: `make bundle RUN=... NAME=...`, for maintainers.

The files are those that `zoo push` would publish: weights, configuration, record, card and ONNX
graph. They name no path of this machine and no person or frame of the data. Weights are stored
once, in 16 bits where this hardly moves the points, and the model computes in 32 bits. The graph
reads them from the file of the weights.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tomli_w
import torch
from torch import Tensor

from ..api import UsageError, WeightsError
from ..config import dumps, from_dict
from ..evaluation.records import Record, layout
from ..files import write_whole
from ..geometry import crop, frame_region
from ..prediction import graph
from ..prediction.agreement import compare, random_crops, why_not
from ..prediction.onnx_model import OnnxPredictor
from ..prediction.torch_model import TorchPredictor
from ..registry import registry
from ..runs.catalogue import BUNDLED, CATALOGUE, FILES, GRAPH, WEIGHTS, read, require_name
from ..runs.folder import RunFolder
from ..runs.trained import load_trained
from ..tensors import file_digest, load_tensors, save_tensors
from .card import plain_card
from .export import describe, facts_of
from .external_weights import refer
from .measured import measured
from .push import brought_files, require_no_names

MOST_BYTES = 8_000_000
"""Largest size of weights and graph together, so that the wheel stays small."""
MOST_MOVED = 0.05
"""Largest mean distance, in pixels of the input, of a model's points in 16 bits from those in 32.
Labels are whole pixels of frames that are larger than most inputs."""


@dataclass(frozen=True)
class Packed:
    folder: Path
    weights: int
    graph: int
    """Bytes of the two files."""
    half: bool
    moved: float
    """Pixels of the input that a point moved by on average, with the weights that were written."""


def pack(
    run: str | Path,
    name: str,
    summary: str,
    *,
    default: bool = True,
    models: Path = BUNDLED,
    catalogue: Path = CATALOGUE,
) -> Packed:
    """Write a finished run's files to ``models/name`` and its entry into the catalogue.

    With ``default``, it replaces the model that `zoo predict` uses where none is named. Raises
    :class:`UsageError` for a run that is not finished or too large to bundle,
    :class:`DataError` for a record that names a person, and :class:`WeightsError` where graph and
    network disagree; nothing has been written then.
    """
    try:
        require_name(name)
    except ValueError as error:
        raise UsageError(str(error)) from error
    folder = RunFolder(Path(run))
    record, config = folder.read_record(), folder.read_config()
    require_no_names(folder, record)
    tensors, header = load_tensors(folder.best)
    halved = {key: _halved(tensor) for key, tensor in tensors.items()}
    moved = _moved(folder.path, halved)
    half = moved <= MOST_MOVED
    chosen = halved if half else tensors
    target = models / name
    with TemporaryDirectory() as place:
        draft = Path(place) / name
        save_tensors(draft / WEIGHTS, chosen, header)
        if record.model.best_sha256 is not None:  # the new file differs: 16 bits, or its layout
            record.raw["model"]["best_sha256"] = file_digest(draft / WEIGHTS)
        files = {
            "config.toml": dumps(from_dict(config.to_share())),
            "record.json": f"{layout(record.raw)}\n",
            "card.md": plain_card(record, name, title=name, measured=measured(folder)),
        }
        for file, text in files.items():
            write_whole(draft / file, text.encode())
        _write_graph(RunFolder(draft), name)
        weights, size = ((draft / file).stat().st_size for file in (WEIGHTS, GRAPH))
        if weights + size > MOST_BYTES:
            reason = "" if half else f", since 16 bits would move points by {moved:.2f} px"
            raise UsageError(
                f"{run}: its weights take {weights / 1e6:.1f} MB{reason}, and its graph "
                f"{size / 1e6:.1f}; a bundled model may take {MOST_BYTES / 1e6:.1f} MB. "
                "Publish it instead: zoo push"
            )
        sources = {file: draft / file for file in (*FILES, GRAPH)} | brought_files(config)
        for file, source in sources.items():
            write_whole(target / file, source.read_bytes())
    _enter(catalogue, name, _entry(target, list(sources), record, summary), default)
    return Packed(target, weights, size, half, moved if half else 0.0)


def _write_graph(draft: RunFolder, name: str) -> None:
    """Raises :class:`WeightsError` where graph and network disagree, and what
    :func:`zoo.prediction.graph.trace` raises."""
    trained = load_trained(draft)
    facts = replace(facts_of(trained, draft), name=name)
    content = refer(graph.trace(trained, fold=False), draft.best, graph.PREFIX)
    file = draft.path / GRAPH
    write_whole(file, graph.with_metadata(content, facts.to_metadata(), describe(facts)))
    network, exported = TorchPredictor(trained, "cpu"), OnnxPredictor(file, weights_beside=True)
    check = compare(network, exported, random_crops(network.input_size), "random")
    if reason := why_not([check], trained.header.config):
        raise WeightsError(f"{name}: {reason}")


def _halved(tensor: Tensor) -> Tensor:
    """The tensor in 16 bits. Vectors stay in 32: a running variance may exceed 16 bits' range."""
    return tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor


def _moved(run: Path, halved: dict[str, Tensor]) -> float:
    """Mean distance, in pixels of the input, between a run's points on drawn faces with its own
    weights and with these. It is a mean, since a single point may jump: where a heat map has two
    peaks of the same height, either may win."""
    predictor = TorchPredictor.of_run(run, "cpu")
    size = predictor.input_size
    drawn: Any = registry("dataset").get("landmark-zoo/synthetic")
    faces = drawn.open(None, people=16, videos=1, frames=2, size=max(size, 48)).samples()
    images = [sample.image() for sample in faces]
    crops = np.stack([crop(i, frame_region(*i.shape[:2]), size) for i in images])
    before = predictor.run(crops).points
    predictor.model.load_state_dict({key: value.float() for key, value in halved.items()})
    with torch.no_grad():
        after = predictor.run(crops).points
    return float(np.linalg.norm(after - before, axis=-1).mean() * size)


def _entry(folder: Path, names: list[str], record: Record, summary: str) -> dict[str, Any]:
    files = {}
    for name in names:
        content = (folder / name).read_bytes()
        files[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    data, score = record.data, record.raw["results"].get("val", {})
    facts = {
        "backbone": record.plugin.id,
        "scheme": data.scheme,
        "dataset": data.dataset,
        "protocol": data.protocol,
        "parameters": record.model.parameters,
        "nme_ioc": score.get("nme_ioc"),
        "nme_ioc_low": score.get("nme_ioc_low"),
        "nme_ioc_high": score.get("nme_ioc_high"),
    }
    return {
        "summary": summary,
        "files": files,
        "record": {key: value for key, value in facts.items() if value is not None},
    }


def _enter(path: Path, name: str, entry: dict[str, Any], default: bool) -> None:
    """Write the entry into the catalogue. The comments above the first entry stay, and so do the
    names in the entry's ``replaces``."""
    text = path.read_text("utf-8") if path.is_file() else ""
    head = "".join(
        line for line in text.partition("\n[")[0].splitlines(keepends=True) if line[0] == "#"
    )
    table = tomllib.loads(text)
    if default:
        for other in table.values():
            other.pop("default", None)
        entry = {"default": True} | entry
    if replaced := table.get(name, {}).get("replaces"):
        entry = {"replaces": replaced} | entry
    table[name] = entry
    write_whole(path, f"{head}\n{tomli_w.dumps(table)}".encode())
    read(path)  # raises if the new catalogue cannot be read back
