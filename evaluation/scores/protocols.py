"""Protocols: which frames are for training, for choosing the epoch, and for scoring.

A data set's adapter yields samples and knows nothing about splits. A protocol assigns samples to
splits, by the names of people and by the release's own split. Splits by people use one number, the
*hash* of a person: crc32 of the name in UTF-8, modulo 100. It depends on the name alone, so people
stay in their split when frames are added, on any machine and in any programming language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError, UsageError
from zoo.api.errors import unknown_name

SPLITS = ("train", "val", "test")

TEST_BELOW, VAL_BELOW = 15, 25
"""Bounds of the hash: test people lie below the first, val people between the two."""


@dataclass(frozen=True)
class Protocol:
    """A way to split a data set. Results of two protocols, or versions, never share a table."""

    id: str
    version: int
    title: str
    """A few words on who is scored."""
    heading: str
    """What a reader of the table must know about it."""
    splits: Mapping[str, str]
    """A text on who is in each split, for messages and ``zoo data info``."""
    needs_people: bool = True
    needs_release: bool = False
    folds: int = 1
    """If more than one, this many models, each with its own split, make one row."""

    @property
    def label(self) -> str:
        """What records store: ``person/1``."""
        return f"{self.id}/{self.version}"


def _protocol(
    id: str,
    title: str,
    heading: str,
    train: str,
    val: str,
    test: str,
    *,
    people: bool = True,
    release: bool = False,
    folds: int = 1,
) -> Protocol:
    splits = MappingProxyType({"train": train, "val": val, "test": test})
    return Protocol(id, 1, title, heading, splits, people, release, folds)


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.id: protocol
        for protocol in (
            _protocol(
                "person",
                "unseen people",
                "no person in two splits",
                train=f"people whose hash is {VAL_BELOW} to 99",
                val=f"people whose hash is {TEST_BELOW} to {VAL_BELOW - 1}",
                test=f"people whose hash is below {TEST_BELOW}",
            ),
            _protocol(
                "official",
                "same people, same videos",
                "same people, same videos: every test person and video is in training too",
                train="the release's other training frames",
                val="the release's training frames of people whose hash is "
                f"{TEST_BELOW} to {VAL_BELOW - 1}",
                test="the release's test frames",
                release=True,
            ),
            _protocol(
                "person-5fold",
                "unseen people, five folds",
                "five models, each scored on people that neither trained it nor chose its epoch",
                train="all other people",
                val="of the people of the other folds, those whose hash is 0 to 4 or 50 to 54",
                test="people whose hash modulo 5 is the fold",
                folds=5,
            ),
            _protocol(
                "release",
                "the release's own split",
                "the release's own split; people may be in both parts",
                train="the release's other training samples",
                val="every tenth training sample, by the crc32 of its id",
                test="the release's test samples",
                people=False,
                release=True,
            ),
        )
    }
)


def find_protocol(name: str) -> Protocol:
    """The protocol with an id (``person``) or with a record's label (``person/1``).

    Raises UsageError, with close matches, for an unknown name, and for an unknown version.
    """
    id, slash, version = name.partition("/")
    if id not in PROTOCOLS:
        raise unknown_name("protocol", name, PROTOCOLS)
    protocol = PROTOCOLS[id]
    if slash and version != str(protocol.version):
        raise UsageError(f"protocol {name}: this version of the zoo knows {protocol.label} only")
    return protocol


def require_scored(split: str) -> None:
    """Raises UsageError unless runs are scored on this split."""
    if split not in SPLITS or split == "train":
        raise UsageError(f"--split {split}: expected val or test")


def person_hash(person: str) -> int:
    """0 to 99: the number that decides every split by people."""
    return crc32(person.encode("utf-8", "surrogateescape")) % 100


def assign(
    protocol: str,
    ids: Sequence[str],
    people: Sequence[str | None],
    release_splits: Sequence[str | None],
    fold: int = 0,
) -> NDArray[np.str_]:
    """Assign each sample to a split.

    Args:
        protocol: Its id, such as ``person``, or its label, such as ``person/1``.
        ids: The ids of N samples.
        people: N names; None for a sample that names no person.
        release_splits: N of ``train``, ``test`` and None, from the release.
        fold: The number of the fold, for a protocol with folds.

    Returns:
        (N,) of ``train``, ``val`` and ``test``, in the order of the samples.

    Raises:
        UsageError: The protocol or the fold is unknown.
        DataError: The protocol does not apply to the data; names those that do.
    """
    chosen = find_protocol(protocol)
    if not 0 <= fold < chosen.folds:
        last = chosen.folds - 1
        has = f"its folds are 0 to {last}" if last else "it has no folds (person-5fold has)"
        raise UsageError(f"protocol {chosen.id} has no fold {fold}: {has}")
    _check_applies(chosen, ids, people, release_splits)

    hashes = np.array([person_hash(p) if p is not None else 0 for p in people], dtype=np.int64)
    release = np.array([s or "" for s in release_splits], dtype=np.str_)
    if chosen.id == "person":
        return _split(test=hashes < TEST_BELOW, val=hashes < VAL_BELOW)
    if chosen.id == "official":
        val = (hashes >= TEST_BELOW) & (hashes < VAL_BELOW)
        return _split(test=release == "test", val=val)
    if chosen.id == "person-5fold":
        # val is a tenth of the other people, since scored people must not choose the epoch. 5 and
        # 50 divide 100, so hash % 5 and hash // 5 % 10 are as uniform as the crc32 itself.
        return _split(test=hashes % 5 == fold, val=(hashes // 5) % 10 == 0)
    numbers = np.array([crc32(i.encode("utf-8", "surrogateescape")) for i in ids], dtype=np.int64)
    return _split(test=release == "test", val=numbers % 10 == 0)


def applicable(
    people: Sequence[str | None], release_splits: Sequence[str | None]
) -> list[Protocol]:
    """The protocols that apply: all samples must have the person or release split that it needs."""
    named = all(p is not None for p in people)
    released = all(s is not None for s in release_splits)
    return [
        p
        for p in PROTOCOLS.values()
        if (named or not p.needs_people) and (released or not p.needs_release)
    ]


def _split(test: NDArray[np.bool_], val: NDArray[np.bool_]) -> NDArray[np.str_]:
    """The split of each sample: test comes before val, and val before train."""
    return np.asarray(np.where(test, "test", np.where(val, "val", "train")), dtype=np.str_)


def _check_applies(
    protocol: Protocol,
    ids: Sequence[str],
    people: Sequence[str | None],
    release_splits: Sequence[str | None],
) -> None:
    if not len(ids) == len(people) == len(release_splits):
        raise ValueError(
            f"{len(ids)} ids, {len(people)} people and {len(release_splits)} release splits"
        )
    reason = ""
    if protocol.needs_people and None in people:
        reason = f"sample {ids[list(people).index(None)]!r} names no person"
    elif protocol.needs_release and None in release_splits:
        reason = f"sample {ids[list(release_splits).index(None)]!r} has no release split"
    elif protocol.needs_release:
        strange = [i for i, s in enumerate(release_splits) if s not in ("train", "test")]
        if strange:
            i = strange[0]
            raise DataError(
                f"sample {ids[i]!r} has release split {release_splits[i]!r}: the adapter must say "
                '"train", "test" or None'
            )
    if not reason:
        return
    others = [p.id for p in applicable(people, release_splits)]
    advice = (
        f"use --protocol {' or '.join(others)}"
        if others
        else "the data set gives neither a person nor a release split for every sample, "
        "so no protocol applies; its adapter must give one of them"
    )
    raise DataError(f"protocol {protocol.id} does not apply: {reason}; {advice}")
