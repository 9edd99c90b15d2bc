"""Copies of pictures: within the data set, and between the splits of a protocol.

Frames of one video always resemble each other, so each pair is classed by the people that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .findings import EXAMPLES, Finding, counted, listed
from .sharing import SCORED, Assignment
from .similarity import Pairs
from .subject import FrameNames, Labelled

KINDS = {
    "different_people": "of different people",
    "unknown": "of unnamed people",
    "same_person": "of one person in two videos",
    "same_video": "of one video",
}
"""Kinds of pairs, the most serious first: one picture with two people's names is a fault, while two
frames of one video are expected to be alike."""

_ORDER = list(KINDS)
Kinds = NDArray[np.int64]
"""(P,) indices into ``_ORDER``."""


def kinds_of(data: Labelled, pairs: Pairs) -> Kinds:
    """The kind of each pair."""

    def kind(a: int, b: int) -> str:
        if data.videos[a] is not None and data.videos[a] == data.videos[b]:
            return "same_video"
        if data.people[a] is None or data.people[b] is None:
            return "unknown"
        return "same_person" if data.people[a] == data.people[b] else "different_people"

    ends = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    return np.array([_ORDER.index(kind(a, b)) for a, b in ends], np.int64)


def tally(pairs: Pairs, kinds: Kinds) -> dict[str, dict[str, int]]:
    """Number of pairs of each kind: ``identical`` ones, ``near`` ones and, among the near ones,
    ``mirrored`` ones."""
    return {
        kind: {
            "identical": int((pairs.identical & (kinds == k)).sum()),
            "near": int((~pairs.identical & (kinds == k)).sum()),
            "mirrored": int((pairs.mirrored & (kinds == k)).sum()),
        }
        for k, kind in enumerate(_ORDER)
    }


def within_data(pairs: Pairs, kinds: Kinds, names: FrameNames) -> tuple[Finding, ...]:
    """Findings that hold under any protocol: frames that occur twice.

    Near-copies of one person are only counted, by :func:`tally`: frames of a video look like that.
    """
    findings = []
    exact, near = pairs.identical, ~pairs.identical & (kinds < _ORDER.index("same_person"))
    if exact.any():
        copies, copy_kinds = pairs.among(exact), kinds[exact]
        strange = bool((copy_kinds < _ORDER.index("same_person")).any())
        findings.append(
            Finding(
                id="identical_pictures",
                kind="duplicate",
                severity="warning" if strange else "note",
                count=len(copies),
                unit="pairs",
                sentence=f"{counted(len(copies), 'pair')} of frames with the same pixels "
                f"({_by_kind(copy_kinds)}): each counts twice",
                examples=_examples(copies, copy_kinds, names),
                figures=_counts(copy_kinds),
            )
        )
    if near.any():
        copies, copy_kinds = pairs.among(near), kinds[near]
        findings.append(
            Finding(
                id="near_copies",
                kind="duplicate",
                severity="warning",
                count=len(copies),
                unit="pairs",
                sentence=f"{counted(len(copies), 'pair')} of near-copies ({_by_kind(copy_kinds)}): "
                "a picture saved anew, or one person under two names",
                examples=_examples(copies, copy_kinds, names),
                figures=_counts(copy_kinds),
            )
        )
    return tuple(findings)


def across_splits(
    pairs: Pairs, kinds: Kinds, names: FrameNames, assignment: Assignment
) -> tuple[Finding, ...]:
    """Exact and near pairs whose frames are in two splits. They are errors: the protocol leaks."""
    ends = assignment.splits[pairs.first], assignment.splits[pairs.second]
    crossing = ends[0] != ends[1]
    findings = []
    for id, what, chosen in (
        ("identical_across_splits", "the same pixels", crossing & pairs.identical),
        ("near_across_splits", "nearly the same picture", crossing & ~pairs.identical),
    ):
        if not chosen.any():
            continue
        copies, copy_kinds = pairs.among(chosen), kinds[chosen]
        parts, figures = _scored_frames(copies, assignment)
        findings.append(
            Finding(
                id=id,
                kind="duplicate",
                severity="error",
                count=len(copies),
                unit="pairs",
                sentence=f"{counted(len(copies), 'pair')} of frames in two splits with {what} "
                f"({_by_kind(copy_kinds)}): {listed(parts)}",
                examples=_examples(copies, copy_kinds, names, assignment.splits),
                protocol=assignment.protocol.label,
                fold=assignment.fold,
                figures=_counts(copy_kinds) | figures,
            )
        )
    return tuple(findings)


def _scored_frames(pairs: Pairs, assignment: Assignment) -> tuple[list[str], dict[str, Any]]:
    """How many frames of each scored split have a copy in a split that a model has learned from, by
    ``SCORED``."""
    splits = assignment.splits
    first = np.concatenate((pairs.first, pairs.second))
    second = np.concatenate((pairs.second, pairs.first))
    parts, figures = [], {}
    for split, learned in SCORED.items():
        copied = (splits[first] == split) & np.isin(splits[second], learned)
        rows, size = len(np.unique(first[copied])), int((splits == split).sum())
        figures[f"{split}_frames"] = {"copied": rows, "of": size}
        if rows:
            has = "has its copy" if rows == 1 else "have theirs"
            where = " or ".join(s for s in learned if (splits[second[copied]] == s).any())
            parts.append(f"{rows:,} of {size:,} {split} frames {has} in {where}")
    return parts, figures


def _counts(kinds: Kinds) -> dict[str, int]:
    return {kind: int((kinds == k).sum()) for k, kind in enumerate(_ORDER)}


def _by_kind(kinds: Kinds) -> str:
    return listed([f"{n:,} {KINDS[kind]}" for kind, n in _counts(kinds).items() if n])


def _examples(
    pairs: Pairs,
    kinds: Kinds,
    names: FrameNames,
    splits: Sequence[str] | NDArray[np.str_] | None = None,
) -> tuple[str, ...]:
    """Pairs of the most serious kinds first, and of each kind the closest first."""

    def frame(row: int) -> str:
        return names.frame(row) if splits is None else f"{splits[row]} {names.frame(row)}"

    lines = []
    for i in np.argsort(kinds, kind="stable")[:EXAMPLES].tolist():
        bits = "" if pairs.identical[i] else f", {counted(int(pairs.distance[i]), 'bit')}"
        mirror = ", mirrored" if pairs.mirrored[i] else ""
        frames = f"{frame(int(pairs.first[i]))} = {frame(int(pairs.second[i]))}"
        lines.append(f"{frames} ({KINDS[_ORDER[kinds[i]]].removeprefix('of ')}{bits}{mirror})")
    return tuple(lines)
