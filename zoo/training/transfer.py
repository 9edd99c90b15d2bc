"""A model that starts from another run: from its whole backbone, and from the parts of its head
that fit.

``--weights`` takes the folder of a run, its ``best.safetensors`` or the name of a model that `zoo
models` lists, besides files of a backbone alone. Head tensors of the same name and shape are copied
whole. If the two runs predict different points, tensors with a row for each point (``K`` rows, or
``2 K`` for x and y of each in turn) are copied row by row, for the points that mark the same place
(:mod:`zoo.api.schemes`). The other rows start as those of a new head do, from the mean shape.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..api import DataError, LandmarkScheme, UsageError, WeightsError
from ..api.schemes import partners
from ..evaluation.records import load_record
from ..files.reading import require_regular
from ..model import BuiltModel, ModelPlan, build_model
from ..registry import bare_id
from ..reporter import Reporter
from ..runs.catalogue import run_folder
from ..runs.folder import RunFolder
from ..runs.trained import best_of, read_best
from ..tensors import file_digest


@dataclass(frozen=True)
class StartRun:
    """The best weights of a run, from which another one starts."""

    name: str
    backbone: str
    scheme: LandmarkScheme
    head: Mapping[str, Tensor]
    provenance: Mapping[str, str] = field(default_factory=dict)
    """``source`` and ``license`` of its weights, as far as its record says."""


def weights_file(given: str) -> str:
    """The file that ``--weights`` means. For a run's folder, or a model that `zoo models` lists, it
    is the best weights. Raises :class:`WeightsError` for a folder without them."""
    path = run_folder(Path(os.path.expanduser(given)))
    if not given or not path.is_dir():
        return given
    try:
        return str(best_of(RunFolder(path)))
    except (UsageError, WeightsError) as error:
        raise WeightsError(f"--weights {error}") from error


def find_start(path: Path) -> StartRun | None:
    """The run whose weights a file holds; None for a file that no run wrote, and for a missing or
    damaged one, which is reported where its tensors are read."""
    try:
        require_regular(path)
        with safe_open(path, "pt") as stream:
            if "zoo" not in (stream.metadata() or {}):
                return None
    except (SafetensorError, OSError, DataError):
        return None
    tensors, header = read_best(path)
    folder = RunFolder(path.parent)
    name = path.parent.name if folder.config.is_file() else path.name
    return StartRun(
        name=name,
        backbone=bare_id(header.config.backbone),
        scheme=header.scheme,
        head={n.removeprefix("head."): t for n, t in tensors.items() if n.startswith("head.")},
        provenance=_terms(name, folder.record) if folder.record.is_file() else {},
    )


def _terms(name: str, record: Path) -> dict[str, str]:
    """Source and terms of a run's weights. The source includes the weights that the run started
    from; the terms are those of that start and of the training frames."""
    found = load_record(record)
    terms = (found.model.weights_license, found.data.license)
    return {
        "source": ", from ".join(filter(None, (name, found.model.weights_source))),
        "license": "; ".join(dict.fromkeys(filter(None, terms))),
    }


def build_with_weights(
    plan: ModelPlan, scheme: LandmarkScheme, reporter: Reporter
) -> tuple[BuiltModel, StartRun | None]:
    """The model of a plan, and the run that it starts from, if it does. The run's head is copied
    later, once the new head has the mean shape (:func:`carry_head`)."""
    path, backbone = Path(os.path.expanduser(plan.weights)), plan.backbone.entry.id
    start = find_start(path) if plan.weights else None
    try:
        built = build_model(plan, scheme)
    except WeightsError as error:
        if start is None or start.backbone == backbone:
            raise
        raise WeightsError(
            f"{path}: is of a run with the backbone {start.backbone}, and its weights do not fit "
            f"{backbone}; train {start.backbone}, or name a run of this backbone"
        ) from error
    unused = [n for n in built.ignored if start is None or not n.startswith("head.")]
    if unused:
        reporter.note(
            f"{plan.weights}: {len(unused)} tensors not used, such as {', '.join(unused[:3])}"
        )
    if start is not None:
        weights = f"run: {start.name} sha256: {file_digest(path)}"
        built = replace(built, weights=weights, provenance=start.provenance)
    return built, start


def carry_head(start: StartRun, head: nn.Module, scheme: LandmarkScheme) -> str:
    """Copy the parts of the head that fit; returns in words what was copied and what is new."""
    pairs = partners(scheme, start.scheme)
    same = pairs == {i: i for i in range(len(start.scheme))} and len(pairs) == len(scheme)
    copied, by_point, fresh = 0, 0, []
    with torch.no_grad():
        for name, tensor in head.state_dict().items():
            source = start.head.get(name)
            rows = 0
            if source is not None and not same:
                rows = _rows_a_point(tensor, source, scheme, start.scheme)
            if (
                source is None
                or (rows and not pairs)
                or (not rows and source.shape != tensor.shape)
            ):
                fresh.append(name)
            elif rows:
                here = torch.tensor([rows * i + k for i in pairs for k in range(rows)])
                there = torch.tensor([rows * i + k for i in pairs.values() for k in range(rows)])
                tensor[here] = source[there].to(tensor.dtype)
                by_point += 1
            else:
                tensor.copy_(source)
                copied += 1
    parts = [f"{copied} tensors whole"] if copied else []
    if by_point:
        parts.append(f"{by_point} tensors for {len(pairs)} of {len(scheme)} points")
    if fresh:
        parts.append(f"fresh: {', '.join(fresh[:4])}{' ...' if len(fresh) > 4 else ''}")
    return (
        f"starts from {start.name} ({start.backbone}, {len(start.scheme)} points of "
        f"{start.scheme.name}): the backbone whole; of the head {'; '.join(parts) or 'nothing'}"
    )


def _rows_a_point(
    target: Tensor, source: Tensor, scheme: LandmarkScheme, other: LandmarkScheme
) -> int:
    """Number of rows of a point in the new head's tensor, ``target``: 1 or 2; 0 where rows are no
    points. ``source`` is the tensor of a head that predicts the points of ``other``."""
    if target.ndim == 0 or source.ndim == 0 or target.shape[1:] != source.shape[1:]:
        return 0
    counts = {len(scheme): len(other), 2 * len(scheme): 2 * len(other)}
    if counts.get(target.shape[0]) != source.shape[0]:
        return 0
    return target.shape[0] // len(scheme)


def teacher_digest(run: str, wanted: str) -> str:
    """sha256 of a teacher's best weights. Raises :class:`WeightsError` for a folder without them,
    and for other weights than a configuration wants."""
    if not run:
        return wanted
    if not Path(os.path.expanduser(run)).is_dir():
        raise WeightsError(f"pseudo = {run}: no such folder; name the folder of a run, the teacher")
    digest = file_digest(Path(weights_file(run)))
    if wanted not in ("", digest):
        raise WeightsError(
            f"{run}: the sha256 of its best weights is {digest}, and the configuration learns from "
            f"another teacher, {wanted}: name that run"
        )
    return digest
