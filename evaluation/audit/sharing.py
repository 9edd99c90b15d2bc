"""People and videos in more than one split: what a protocol says it keeps apart, or does not."""

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
"""A split on which models are scored, and those that a model has learned from before: val chooses
the epoch, so for test it counts as seen."""


@dataclass(frozen=True)
class Assignment:
    """The splits that a protocol, or one of its folds, gives the frames."""

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
    """Findings on people and on videos that stand in two splits. Errors: the protocol leaks."""
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
    """A note where frames name no person: there, sharing people cannot be seen."""
    nobodies = [row for row, person in enumerate(data.people) if person is None]
    if not nobodies:
        return ()
    count = len(nobodies)
    which = "no frame names" if count == len(data.ids) else f"{counted(count, 'frame')} without"
    by_video = any(data.videos[row] is not None for row in nobodies)
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
    say: Callable[[str], str],
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
    for split, seen in SCORED.items():
        members = [splits for splits in frames.values() if split in splits]
        known = sum(any(other in splits for other in seen) for splits in members)
        figures[split] = {"shared": known, "of": len(members)}
        if known:
            whole = known == len(members)
            which = f"all {known:,} {many}" if whole else f"{known:,} of {len(members):,} {many}"
            which = f"the one {one}" if whole and known == 1 else which
            where = " or ".join(other for other in seen if _any(frames, split, other))
            parts.append(f"{which} of {split} {'is' if known == 1 else 'are'} in {where} too")
    return Finding(
        id=id,
        kind="leak",
        severity="error",
        count=len(shared),
        unit=many,
        sentence=f"{listed(parts)}: {consequence}",
        examples=tuple(
            f"{say(owner)}: {listed([counted(n[s], f'{s} frame') for s in SPLITS if n[s]])}"
            for owner, n in list(shared.items())[:EXAMPLES]
        ),
        protocol=assignment.protocol.label,
        fold=assignment.fold,
        figures=figures,
    )


def _any(frames: Mapping[str, Counter[str]], split: str, other: str) -> bool:
    return any(split in splits and other in splits for splits in frames.values())
