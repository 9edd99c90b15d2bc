"""Self-training: a teacher, which is a run, labels frames that then join the training split.

Only frames that the run's own protocol puts into its training split are used. The protocol assigns
unlabelled frames by the same rule as labelled ones, so that no person of val or test is trained on,
not even through a teacher. The teacher predicts each frame and its mirror image. The label is the
mean of both predictions, and the frames on which both agree best are used. The predictions are
stored below ``ZOO_HOME``, so that all processes of a run, and a resumed run, read the same ones.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..api import DataError, OpenDataset
from ..config import Config
from ..data.batches import make_split
from ..data.regions import REGIONS
from ..data.source import DataSource
from ..data.store import Store, open_store
from ..data.table import SampleTable, read_table
from ..evaluation.records import Record
from ..evaluation.scores.protocols import assign
from ..files import write_whole, zoo_home
from ..files.reading import open_regular
from ..geometry import label_scale, to_source
from ..reporter import Reporter
from ..runs.folder import RunFolder
from ..runs.trained import load_trained
from ..scoring.mirrored import average_of_both, predict_mirrored, with_label_offset
from ..scoring.split import predict_split
from ..world import World
from .transfer import teacher_digest

FORMAT = 1
"""Part of the key of stored predictions."""


@dataclass(frozen=True)
class PseudoLabels:
    """What a run trains on."""

    source: DataSource
    """The data set with the teacher's frames behind the labelled ones, all of them in the training
    split."""
    count: int
    """Number of labelled rows in its table."""
    facts: Mapping[str, Any] | None = None
    """For the record: which run was the teacher, and how many frames it labelled."""

    def labelled(self, store: Store) -> Store:
        """The part of a store whose frames carry labels: its first frames."""
        kept = int((store.rows < self.count).sum())
        parts = {name: getattr(store, name)[:kept] for name in ("images", "regions", "rows")}
        return replace(store, **parts)


@dataclass(frozen=True)
class TeacherLabels:
    """A teacher's predictions for M frames."""

    rows: NDArray[np.int64]
    """(M,): rows of the table of unlabelled frames."""
    points: NDArray[np.float32]
    """(M, K, 2), source pixels, in the style of the labels."""
    doubt: NDArray[np.float64]
    """(M,): mean distance of the two predictions of a frame, divided by sqrt(w h) of the points."""


def pseudo_label(
    config: Config, source: DataSource, device: torch.device, reporter: Reporter
) -> PseudoLabels:
    """The source, with a teacher's frames where the configuration names one.

    Raises :class:`DataError` for a data set that offers no unlabelled frames, for a teacher of
    other points, and for one that may have been trained on val or test people.
    """
    count = len(source.table)
    if not config.pseudo:
        return PseudoLabels(source, count)
    folder = RunFolder(Path(config.pseudo))
    digest = teacher_digest(config.pseudo, config.pseudo_sha256)
    _check_teacher(folder, folder.read_record(), config, source, reporter)
    table, rows = _unlabelled(config, source)
    offset = source.table.label_offset
    key = f"{FORMAT}|{digest}|{table.fingerprint}|{offset}|{rows.tolist()}"
    labels = _stored(key, lambda: _predict(folder, table, rows, offset, device, reporter))
    count_kept = max(1, round(config.pseudo_keep_share * len(labels.rows)))
    kept = np.sort(np.argsort(labels.doubt, kind="stable")[:count_kept])
    joined = replace(
        source,
        table=_joined(source.table, table, labels, kept),
        splits=np.concatenate((source.splits, np.full(len(kept), "train"))),
    )
    people = {table.people[row] for row in labels.rows[kept]} - {None}
    doubt = float(labels.doubt[kept].max())
    facts = {
        "teacher": folder.name,
        "sha256": digest,
        "unlabelled": len(table),
        "in_train": len(rows),
        "read": len(labels.rows),
        "kept": len(kept),
        "people": len(people),
        "weight": config.pseudo_weight,
        "doubt_kept": doubt,
    }
    reporter.note(
        f"teacher {folder.name}: of {len(table)} unlabelled frames {len(rows)} are in the train "
        f"split, {len(kept)} are kept (its answers differ by at most "
        f"{100 * doubt:.2f}% of the face), with weight {config.pseudo_weight:g}"
    )
    return PseudoLabels(joined, count, facts)


def _check_teacher(
    folder: RunFolder, record: Record, config: Config, source: DataSource, reporter: Reporter
) -> None:
    trained, scheme = record.data, source.table.scheme
    if trained.scheme != scheme.name:
        raise DataError(
            f"{folder.path}: predicts points of {trained.scheme}, the data set's are of "
            f"{scheme.name}: it cannot label them"
        )
    if trained.fingerprint == source.table.fingerprint:
        here = (source.protocol.label, config.fold)
        there = (trained.protocol, max(trained.fold or 0, 0))
        if here != there:
            raise DataError(
                f"{folder.path}: was trained under protocol {there[0]} (fold {there[1]}), and this "
                f"run under {here[0]} (fold {here[1]}): frames that this one is scored on may have "
                "trained it; train a teacher under the same protocol"
            )
    elif (trained.dataset, trained.release) == (source.dataset, source.table.release):
        raise DataError(
            f"{folder.path}: was trained on another copy of {trained.dataset} (fingerprint "
            f"{trained.fingerprint[:12]}, this has {source.table.fingerprint[:12]}): whom it "
            "was trained on cannot be known; train a teacher on this copy"
        )
    else:
        reporter.note(
            f"teacher {folder.name}: was trained on {trained.dataset}; whether that shows "
            "people whom this run is scored on cannot be known here"
        )


def _unlabelled(config: Config, source: DataSource) -> tuple[SampleTable, NDArray[np.int64]]:
    """The data set's frames without labels, and the rows of those in the training split."""
    dataset: OpenDataset = source.opened
    offer = getattr(dataset, "unlabelled", None)
    samples = [] if offer is None else list(offer())
    if not samples:
        raise DataError(
            f"pseudo = {config.pseudo}: {source.dataset} offers no unlabelled frames here "
            f"(release {source.table.release}); leave pseudo out"
        )
    table = read_table(dataset, given=samples)
    overlap = set(source.table.ids).intersection(table.ids)
    if overlap:
        raise DataError(f"{min(overlap)}: is offered as an unlabelled frame and has labels")
    splits = assign(
        source.protocol.id, table.ids, table.people, table.release_splits, fold=config.fold
    )
    rows = np.flatnonzero(splits == "train").astype(np.int64)
    if not len(rows):
        raise DataError(
            f"pseudo = {config.pseudo}: none of the {len(table)} unlabelled frames is in the train "
            f"split of protocol {source.protocol.label}; leave pseudo out"
        )
    return table, rows


def _stored(key: str, predict: Callable[[], TeacherLabels]) -> TeacherLabels:
    """The predictions that are stored under a key; where there are none yet, they are made."""
    path = zoo_home() / "answers" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
    if not path.is_file():
        buffer = io.BytesIO()
        np.savez(buffer, **vars(predict()))
        write_whole(path, buffer.getvalue())
    try:
        with open_regular(path) as stream, np.load(stream, allow_pickle=False) as stored:
            return TeacherLabels(**{name: stored[name] for name in ("rows", "points", "doubt")})
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{path}: is damaged ({error}); delete it, it is made anew") from error


def _predict(
    folder: RunFolder,
    table: SampleTable,
    rows: NDArray[np.int64],
    offset: tuple[float, float],
    device: torch.device,
    reporter: Reporter,
) -> TeacherLabels:
    trained = load_trained(folder)
    config = replace(trained.header.config, precision="fp32")
    model, world = trained.model.to(device), World(0, 1, device)
    store = open_store(
        table,
        rows,
        REGIONS[config.region],
        config.input_size,
        progress=reporter.decoding("unlabelled"),
        note=reporter.note,
    )
    split = make_split(store, table, device)
    predicted = predict_split(model, split, config, world, trained.header.upright)
    plain, scores = predicted.points, predicted.scores
    scheme = trained.header.scheme
    if scheme.flip is not None:
        upright = trained.header.upright
        mirrored = predict_mirrored(model, split, config, scheme.flip, world, upright)
        unit = average_of_both(plain, mirrored, offset)
        size = label_scale(unit, np.ones(unit.shape[:2], np.bool_))
        distances = np.linalg.norm(plain - with_label_offset(plain, mirrored, offset), axis=2)
        doubt = distances.mean(1) / np.maximum(size, 1e-9)
    elif scores is not None:
        unit, doubt = plain, 1 - scores.astype(np.float64).mean(1)
    else:
        raise DataError(
            f"{folder.path}: its scheme {scheme.name} has no known symmetry and its head gives no "
            "scores, so nothing tells what it is sure of; take a teacher with a head that scores"
        )
    finite = np.isfinite(unit).all((1, 2)) & np.isfinite(doubt)
    if not finite.any():
        raise DataError(f"{folder.path}: not one of its answers is finite; train another teacher")
    points = to_source(unit, store.regions).astype(np.float32)
    return TeacherLabels(store.rows[finite], points[finite], np.asarray(doubt[finite], np.float64))


def _joined(
    labelled: SampleTable, table: SampleTable, labels: TeacherLabels, kept: NDArray[np.int64]
) -> SampleTable:
    rows = labels.rows[kept]

    def both(name: str) -> tuple[Any, ...]:
        more = getattr(table, name)
        return (*getattr(labelled, name), *(more[row] for row in rows))

    names = ("ids", "people", "videos", "release_splits", "images", "attributes")
    joined: dict[str, Any] = {name: both(name) for name in names}
    visible = np.ones((len(kept), len(labelled.scheme)), bool)
    return replace(
        labelled,
        **joined,
        points=np.concatenate((labelled.points, labels.points[kept])),
        visible=np.concatenate((labelled.visible, visible)),
        boxes=np.concatenate((labelled.boxes, table.boxes[rows])),
        bytes=np.concatenate((labelled.bytes, table.bytes[rows])),
        orientations=np.concatenate((labelled.orientations, table.orientations[rows])),
        occluded=np.concatenate((labelled.occluded, np.full_like(visible, np.nan, np.float32))),
    )
