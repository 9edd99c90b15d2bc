"""Copies of pictures: within the data set, and between the splits of a protocol.

Frames of one video resemble each other by nature, so pairs are told apart by whom they show.
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
"""Kinds of pairs, the most telling first: two people under one picture are a fault, two frames of
one video are alike by nature."""

_ORDER = list(KINDS)
Kinds = NDArray[np.int64]
"""(P,) places in ``_ORDER``."""


def kinds_of(data: Labelled, pairs: Pairs) -> Kinds:
    """Whom each pair shows."""

    def kind(a: int, b: int) -> str:
        if data.videos[a] is not None and data.videos[a] == data.videos[b]:
            return "same_video"
        if data.people[a] is None or data.people[b] is None:
            return "unknown"
        return "same_person" if data.people[a] == data.people[b] else "different_people"

    ends = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    return np.array([_ORDER.index(kind(a, b)) for a, b in ends], np.int64)


def tally(pairs: Pairs, kinds: Kinds) -> dict[str, dict[str, int]]:
    """Number of pairs by kind: how many are ``identical``, ``near`` and, of the near ones,
    ``mirrored``."""
    return {
        kind: {
            "identical": int((pairs.identical & (kinds == k)).sum()),
            "near": int((~pairs.identical & (kinds == k)).sum()),
            "mirrored": int((pairs.mirrored & (kinds == k)).sum()),
        }
        for k, kind in enumerate(_ORDER)
    }


def within_data(pairs: Pairs, kinds: Kinds, names: FrameNames) -> tuple[Finding, ...]:
    """Findings that hold under any protocol: frames that are there twice.

    Near-copies of one person are left to :func:`tally`: they are what frames of a video look like.
    """
    findings = []
    exact, near = pairs.identical, ~pairs.identical & (kinds < _ORDER.index("same_person"))
    if exact.any():
        found, whom = pairs.among(exact), kinds[exact]
        strange = bool((whom < _ORDER.index("same_person")).any())
        findings.append(
            Finding(
                id="identical_pictures",
                kind="duplicate",
                severity="warning" if strange else "note",
                count=len(found),
                unit="pairs",
                sentence=f"{counted(len(found), 'pair')} of frames with the same pixels "
                f"({_by_kind(whom)}): each counts twice",
                examples=_examples(found, whom, names),
                figures=_counts(whom),
            )
        )
    if near.any():
        found, whom = pairs.among(near), kinds[near]
        findings.append(
            Finding(
                id="near_copies",
                kind="duplicate",
                severity="warning",
                count=len(found),
                unit="pairs",
                sentence=f"{counted(len(found), 'pair')} of near-copies ({_by_kind(whom)}): a "
                "picture saved anew, or one person under two names",
                examples=_examples(found, whom, names),
                figures=_counts(whom),
            )
        )
    return tuple(findings)


def across_splits(
    pairs: Pairs, kinds: Kinds, names: FrameNames, assignment: Assignment
) -> tuple[Finding, ...]:
    """Pairs whose two frames are in two splits, exact and near. Errors: a protocol leaks."""
    ends = assignment.splits[pairs.first], assignment.splits[pairs.second]
    crossing = ends[0] != ends[1]
    findings = []
    for id, what, chosen in (
        ("identical_across_splits", "the same pixels", crossing & pairs.identical),
        ("near_across_splits", "nearly the same picture", crossing & ~pairs.identical),
    ):
        if not chosen.any():
            continue
        found, whom = pairs.among(chosen), kinds[chosen]
        parts, figures = _scored_frames(found, assignment)
        findings.append(
            Finding(
                id=id,
                kind="duplicate",
                severity="error",
                count=len(found),
                unit="pairs",
                sentence=f"{counted(len(found), 'pair')} of frames in two splits with {what} "
                f"({_by_kind(whom)}): {listed(parts)}",
                examples=_examples(found, whom, names, assignment.splits),
                protocol=assignment.protocol.label,
                fold=assignment.fold,
                figures=_counts(whom) | figures,
            )
        )
    return tuple(findings)


def _scored_frames(pairs: Pairs, assignment: Assignment) -> tuple[list[str], dict[str, Any]]:
    """How many frames of a scored split have a copy among those that a model has seen before."""
    splits = assignment.splits
    first = np.concatenate((pairs.first, pairs.second))
    second = np.concatenate((pairs.second, pairs.first))
    parts, figures = [], {}
    for split, seen in SCORED.items():
        copied = (splits[first] == split) & np.isin(splits[second], seen)
        rows, size = len(np.unique(first[copied])), int((splits == split).sum())
        figures[f"{split}_frames"] = {"copied": rows, "of": size}
        if rows:
            has = "has its copy" if rows == 1 else "have theirs"
            where = " or ".join(s for s in seen if (splits[second[copied]] == s).any())
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
    """The most telling kinds first, the closest of each first."""

    def end(row: int) -> str:
        return names.frame(row) if splits is None else f"{splits[row]} {names.frame(row)}"

    lines = []
    for i in np.argsort(kinds, kind="stable")[:EXAMPLES].tolist():
        bits = "" if pairs.identical[i] else f", {counted(int(pairs.distance[i]), 'bit')}"
        mirror = ", mirrored" if pairs.mirrored[i] else ""
        ends = f"{end(int(pairs.first[i]))} = {end(int(pairs.second[i]))}"
        lines.append(f"{ends} ({KINDS[_ORDER[kinds[i]]].removeprefix('of ')}{bits}{mirror})")
    return tuple(lines)
