"""People and videos in more than one split of a protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.evaluation.scores.protocols import SPLITS, Protocol

from .findings import EXAMPLES, Finding, counted, listed
from .subject import FrameNames, Labelled

SCORED: Mapping[str, tuple[str, ...]] = {"val": ("train",), "test": ("train", "val")}
"""Each split on which models are scored, and the splits that a model has learned from before. val
chooses the epoch, so it counts for test."""


@dataclass(frozen=True)
class Assignment:
    """The split of each frame, under a protocol or one of its folds."""

    protocol: Protocol
    fold: int | None
    """None for a protocol without folds."""
    splits: NDArray[np.str_]
    """(N,)"""

    @property
    def title(self) -> str:
        """``person/1``, ``person-5fold/1 fold 2``."""
        return self.protocol.label + ("" if self.fold is None else f" fold {self.fold}")


def shared_between_splits(
    data: Labelled, names: FrameNames, assignment: Assignment
) -> tuple[Finding, ...]:
    """People and videos in more than one split. These are errors: the protocol leaks."""
    people = _finding(
        *("shared_people", "person", "people"),
        *(data.people, names.person, assignment),
        "a model is scored on faces that it has learned",
    )
    videos = _finding(
        *("shared_videos", "video", "videos"),
        *(data.videos, names.video, assignment),
        "a model is scored on the neighbours of frames that it has learned",
    )
    return tuple(finding for finding in (people, videos) if finding is not None)


def unnamed(data: Labelled) -> tuple[Finding, ...]:
    """A note if frames name no person: shared people cannot be found there."""
    rows = [row for row, person in enumerate(data.people) if person is None]
    if not rows:
        return ()
    count = len(rows)
    which = "no frame names" if count == len(data.ids) else f"{counted(count, 'frame')} without"
    by_video = any(data.videos[row] is not None for row in rows)
    return (
        Finding(
            id="unnamed_frames",
            kind="leak",
            severity="note",
            count=count,
            unit="frames",
            sentence=f"{which} a person: whether splits share people cannot be checked there, "
            f"only whether they share {'videos and pictures' if by_video else 'pictures'}",
        ),
    )


def _finding(
    id: str,
    one: str,
    many: str,
    owners: Sequence[str | None],
    name_of: Callable[[str], str],
    assignment: Assignment,
    consequence: str,
) -> Finding | None:
    frames: dict[str, Counter[str]] = {}
    for owner, split in zip(owners, assignment.splits.tolist(), strict=True):
        if owner is not None:
            frames.setdefault(owner, Counter())[split] += 1
    shared = {owner: splits for owner, splits in frames.items() if len(splits) > 1}
    if not shared:
        return None
    parts, figures = [], {}
    for split, learned in SCORED.items():
        members = [splits for splits in frames.values() if split in splits]
        leaked = sum(any(other in splits for other in learned) for splits in members)
        figures[split] = {"shared": leaked, "of": len(members)}
        if leaked:
            total = len(members)
            which = f"{leaked:,} of {total:,} {many}"
            if leaked == total:
                which = f"the one {one}" if leaked == 1 else f"all {leaked:,} {many}"
            where = " or ".join(other for other in learned if _share(frames, split, other))
            parts.append(f"{which} of {split} {'is' if leaked == 1 else 'are'} in {where} too")
    return Finding(
        id=id,
        kind="leak",
        severity="error",
        count=len(shared),
        unit=many,
        sentence=f"{listed(parts)}: {consequence}",
        examples=tuple(
            f"{name_of(owner)}: {listed([counted(n[s], f'{s} frame') for s in SPLITS if n[s]])}"
            for owner, n in list(shared.items())[:EXAMPLES]
        ),
        protocol=assignment.protocol.label,
        fold=assignment.fold,
        figures=figures,
    )


def _share(frames: Mapping[str, Counter[str]], split: str, other: str) -> bool:
    return any(split in splits and other in splits for splits in frames.values())
