"""The whole audit of a data set: every check, gathered into one report.

A protocol *leaks* when two of its splits share a person, a video or a picture: the same pixels or a
near-copy (:mod:`.similarity`). Nothing else is a leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.evaluation.scores.protocols import SPLITS, Protocol, applicable, assign, find_protocol

from .duplicates import Kinds, across_splits, kinds_of, tally, within_data
from .findings import EXAMPLES, SEVERITIES, Finding, counted
from .labels import degenerate_faces, labels_that_are_none, normaliser_facts, out_of_frame
from .offset import Mirrored, measure_offset, offset_finding
from .other_faces import Detected, other_faces
from .pictures import Pictures
from .quantisation import find_grid, quantised, rounding_error
from .sharing import Assignment, shared_between_splits, unnamed
from .similarity import ALIKE, BITS, NEAR, Pairs, find_copies
from .statistics import attribute_facts, hidden_facts
from .subject import FrameNames, Labelled

SCHEMA = 1


@dataclass(frozen=True)
class Audit:
    """What was examined and what was found."""

    anonymous: bool
    protocols: dict[str, dict[str, Any]]
    """By id of the protocol: ``label``, ``leaks``, and ``splits`` (frames and people of each split)
    or ``folds`` (a list of such ``splits``)."""
    findings: tuple[Finding, ...]
    """Worst first."""
    measures: dict[str, Any]
    """Figures that are not findings by themselves."""

    @property
    def leaks(self) -> list[str]:
        """Ids of the protocols that leak."""
        return [id for id, entry in self.protocols.items() if entry["leaks"]]

    @property
    def spoiled(self) -> bool:
        """Whether a finding makes results invalid: a leak, or many labels that mean "no label"."""
        return any(finding.severity == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "anonymous": self.anonymous,
            "leaks": self.leaks,
            "protocols": self.protocols,
            "findings": [finding.to_dict() for finding in self.findings],
            "measures": self.measures,
        }


def choose_protocols(data: Labelled, wanted: Sequence[str]) -> list[Protocol]:
    """The ``wanted`` protocols, or else all that apply. Raises UsageError for an unknown name."""
    if wanted:
        return [find_protocol(name) for name in dict.fromkeys(wanted)]
    return applicable(data.people, data.release_splits)


def assignments(data: Labelled, protocol: Protocol) -> list[Assignment]:
    """One for each fold. Raises DataError if the protocol does not apply to the data."""
    return [
        Assignment(
            protocol=protocol,
            fold=fold if protocol.folds > 1 else None,
            splits=assign(protocol.id, data.ids, data.people, data.release_splits, fold),
        )
        for fold in range(protocol.folds)
    ]


def audit(
    data: Labelled,
    protocols: Sequence[Sequence[Assignment]],
    pictures: Pictures,
    seen: Mirrored | None = None,
    anonymous: bool = False,
    detected: Detected | None = None,
) -> Audit:
    """Run every check on a data set whose pictures have been read.

    ``protocols`` has the assignments (one for each fold) of each protocol to audit. ``seen``, the
    predictions of a trained model, adds a check of the labels' offset; ``detected``, the boxes of a
    face detector, adds a check for other faces. ``anonymous`` leaves ids, names and paths out of
    the whole report.
    """
    names = FrameNames(data, anonymous)
    pairs = find_copies(pictures)
    kinds = kinds_of(data, pairs)
    grid = find_grid(data.points, data.visible)
    floor = None if grid is None else rounding_error(data, grid.pitch)
    offset = None if seen is None else measure_offset(data, seen)

    findings = [*unnamed(data)]
    entries = {}
    for folds in protocols:
        leaks = [f for fold in folds for f in _leaks(data, pairs, kinds, names, fold)]
        findings += leaks
        sizes = [_sizes(data, fold) for fold in folds]
        entries[folds[0].protocol.id] = {
            "label": folds[0].protocol.label,
            "leaks": bool(leaks),
            **({"folds": sizes} if len(folds) > 1 else {"splits": sizes[0]}),
        }
    findings += within_data(pairs, kinds, names)
    findings += out_of_frame(data, pictures, names)
    findings += labels_that_are_none(data, names)
    findings += degenerate_faces(data, names)
    findings += other_faces(data, pictures, detected, names)
    findings += quantised(grid, floor)
    findings += offset_finding(offset)
    findings += _unreadable(pictures, names)
    findings += _skipped_rows(data, names)
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    measures = {
        "copies": {
            "bits": BITS,
            "near_bits": NEAR,
            "near_correlation": ALIKE,
            "pairs": tally(pairs, kinds),
        },
        "normaliser": normaliser_facts(data),
        "quantisation": None
        if grid is None
        else {
            "pitch_px": grid.pitch,
            "phase_px": list(grid.phase),
            "share": grid.share,
            "floor": floor,
        },
        "hidden": hidden_facts(data),
        "attributes": attribute_facts(data, anonymous),
        "label_offset": {"declared": list(data.label_offset), "measured": offset},
    }
    return Audit(anonymous, entries, tuple(findings), measures)


def _leaks(
    data: Labelled, pairs: Pairs, kinds: Kinds, names: FrameNames, assignment: Assignment
) -> tuple[Finding, ...]:
    return (
        *shared_between_splits(data, names, assignment),
        *across_splits(pairs, kinds, names, assignment),
    )


def _sizes(data: Labelled, assignment: Assignment) -> dict[str, dict[str, int | None]]:
    sizes: dict[str, dict[str, int | None]] = {}
    for split in SPLITS:
        rows = np.flatnonzero(assignment.splits == split).tolist()
        people = {data.people[row] for row in rows}
        sizes[split] = {"frames": len(rows), "people": None if None in people else len(people)}
    return sizes


def _unreadable(pictures: Pictures, names: FrameNames) -> tuple[Finding, ...]:
    if not pictures.problems:
        return ()
    count = len(pictures.problems)
    return (
        Finding(
            id="unreadable_files",
            kind="file",
            severity="warning",
            count=count,
            unit="files",
            sentence=f"{counted(count, 'picture')} cannot be read: training and scoring leave "
            "them out",
            examples=tuple(
                names.frame(row) if names.anonymous else f"{names.frame(row)}: {reason}"
                for row, reason in pictures.problems[:EXAMPLES]
            ),
        ),
    )


def _skipped_rows(data: Labelled, names: FrameNames) -> tuple[Finding, ...]:
    if not data.problems:
        return ()
    count = len(data.problems)
    shown = () if names.anonymous else data.problems[:EXAMPLES]
    return (
        Finding(
            id="skipped_rows",
            kind="file",
            severity="warning",
            count=count,
            unit="rows",
            sentence=f"{counted(count, 'row')} of the label files cannot be used and "
            f"{'was' if count == 1 else 'were'} left out",
            examples=tuple(map(str, shown)),
        ),
    )
