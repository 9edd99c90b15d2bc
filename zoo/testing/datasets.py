"""The list of checks for a data set.

The labels of every sample are read, and the images of some, evenly spaced. If a data set lacks
something optional (people, a symmetry), the checks of that say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.api import DataError, LandmarkScheme, OpenDataset, Problem, Sample, ZooError
from zoo.data.table import read_table
from zoo.registry.call import call_unblamed
from zoo.testing import labels
from zoo.testing.common import (
    declares_valid_facts,
    found_through_metadata,
    import_leaves_no_trace,
    require_keyword_only,
)
from zoo.testing.elsewhere import moved
from zoo.testing.failures import CheckFailed, must, needs, reason_of
from zoo.testing.subject import Subject

IMAGES = 24
"""Number of pictures that are decoded."""


class DataSubject(Subject):
    """A data set, opened once, and its samples."""

    def open(self, root: Path | None) -> OpenDataset:
        opened: OpenDataset = call_unblamed(
            "dataset", self.plugin_id, self.plugin.open, root, **self.options
        )
        return opened

    @cached_property
    def opened(self) -> OpenDataset:
        root = self.root
        with needs("opens_and_describes_itself"):
            return self.open(root)

    @cached_property
    def samples(self) -> list[Sample]:
        with needs("samples_are_well_formed"):
            return self.read()

    def read(self) -> list[Sample]:
        """All samples. Raises CheckFailed for one that is not as the contract says."""
        opened = self.opened
        with must("samples()"):
            samples = list(opened.samples())
        if not samples:
            first = "".join(f"; the first row left out: {p}" for p in opened.problems[:1])
            raise CheckFailed(f"it has no usable sample{first}")
        for sample in samples:
            if wrong := labels.wrong_sample(sample, opened.scheme):
                raise CheckFailed(f"{getattr(sample, 'id', sample)!s:.80}: {wrong}")
        return samples

    @cached_property
    def unlabelled(self) -> list[Sample]:
        """Samples without a visible point, of a data set that offers some."""
        with needs("samples_are_well_formed"):
            return self.read_unlabelled()

    def read_unlabelled(self) -> list[Sample]:
        opened: Any = self.opened
        if not hasattr(opened, "unlabelled"):
            return []
        with must("unlabelled()"):
            samples = list(opened.unlabelled())
        for sample in samples:
            if wrong := labels.wrong_sample(sample, opened.scheme, labelled=False):
                raise CheckFailed(f"unlabelled(), {getattr(sample, 'id', sample)!s:.80}: {wrong}")
        return samples

    def some(self) -> list[Sample]:
        """Evenly spaced samples, the first and the last among them."""
        places = np.linspace(0, len(self.samples) - 1, min(IMAGES, len(self.samples)))
        return [self.samples[i] for i in places.round().astype(int)]

    @cached_property
    def images(self) -> dict[str, NDArray[np.uint8]]:
        """Images of :meth:`some`, by id."""
        with needs("images_decode"):
            return {sample.id: sample.image() for sample in self.some()}


def options_are_keyword_only(subject: DataSubject) -> None:
    """``open(root, *, ...)``: every option by name, and with a default."""
    require_keyword_only(subject.plugin.open, ("root",))


def refuses_a_root_without_data(subject: DataSubject) -> None:
    """An empty folder, or a root for a data set that reads no files, is refused with an error that
    says what was wanted."""
    import tempfile

    _ = subject.plugin
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as folder:
        try:
            opened = subject.open(Path(folder))
            count = len(list(opened.samples()))
        except ZooError as error:
            if not str(error).strip():
                raise CheckFailed(f"it raises {type(error).__name__} without a word") from error
            return
        except Exception as error:
            raise CheckFailed(
                f"an empty folder raises {reason_of(error)}; raise zoo.api.DataError that says "
                "what was looked for"
            ) from error
    what = "an empty folder" if subject.plugin.needs_root else "a root, though it reads none,"
    raise CheckFailed(f"{what} opens without complaint, with {count} samples")


def opens_and_describes_itself(subject: DataSubject) -> None:
    """It opens, and has a scheme, a release, a label offset, a licence, notes and problems."""
    root = subject.root
    with must("opening it"):
        opened = subject.open(root)
        scheme, offset = opened.scheme, opened.label_offset
        texts = {"release": opened.release, "license": opened.license, "notes": opened.notes}
        problems, released = opened.problems, opened.released()
    if not isinstance(scheme, LandmarkScheme) or not len(scheme):
        raise CheckFailed(f"scheme is {scheme!r:.60}, no zoo.api.LandmarkScheme with points")
    for name, text in texts.items():
        if not isinstance(text, str) or (name != "notes" and not text.strip()):
            raise CheckFailed(f"{name} is {text!r:.60}, and a text is wanted")
    numbers = isinstance(offset, tuple) and len(offset) == 2
    if not numbers or not all(isinstance(v, float | int) and abs(v) < 0.5 for v in offset):
        raise CheckFailed(
            f"label_offset is {offset!r:.60}; two numbers are wanted, in units of sqrt(w h) of the "
            "face, so far below 1"
        )
    if released not in (True, False, None):
        raise CheckFailed(f"released() gives {released!r:.60}; True, False or None is wanted")
    if not isinstance(problems, Sequence) or not all(isinstance(p, Problem) for p in problems):
        raise CheckFailed("problems is no sequence of zoo.api.Problem")


def samples_are_well_formed(subject: DataSubject) -> None:
    """points float32 (K, 2) and finite, visible bool (K,), every other field as the contract
    says."""
    subject.read()
    subject.read_unlabelled()


def ids_are_unique(subject: DataSubject) -> None:
    """No two samples have one id, and none holds the root's path."""
    seen: set[str] = set()
    for sample in (*subject.samples, *subject.unlabelled):
        if sample.id in seen:
            raise CheckFailed(f"two samples have the id {sample.id!r}")
        seen.add(sample.id)
    root = subject.root
    if root is not None and any(str(root) in name for name in seen):
        raise CheckFailed(f"ids hold the root's path {root}: another copy would have other ids")


def people_and_splits_fit_together(subject: DataSubject) -> None:
    """A video has one person, a release split is "train" or "test", and the default protocol can
    split the samples."""
    from zoo.evaluation.scores.protocols import assign, find_protocol

    people = labels.people_of_videos(subject.samples)
    if torn := [video for video, names in people.items() if len(names) > 1]:
        raise CheckFailed(f"video {torn[0]!r} is of {len(people[torn[0]])} people")
    odd = {s.release_split for s in subject.samples} - {"train", "test", None}
    if odd:
        raise CheckFailed(f'a release split is {min(map(str, odd))!r}, not "train", "test" or None')
    with needs("declares_valid_facts"):
        protocol = find_protocol(subject.plugin.default_protocol).id
    try:
        assign(protocol, *labels.columns(subject.samples))
    except DataError as error:
        raise CheckFailed(f"its default_protocol cannot split it: {error}") from error


def person_protocol_shares_nobody(subject: DataSubject) -> str | None:
    """Under `person` no person is in two splits, and nobody is spelled in two ways."""
    from zoo.evaluation.scores.protocols import assign

    ids, people, releases = labels.columns(subject.samples)
    try:
        splits = assign("person", ids, people, releases)
    except DataError as error:
        return str(error)
    found: dict[str, tuple[str | None, str]] = {}
    for person, split in zip(people, splits, strict=True):
        first, place = found.setdefault(labels.plain_name(person), (person, split))
        if place != split:
            raise CheckFailed(f"{first!r} is in {place} and {person!r} in {split}: one person?")
    return None


def images_decode(subject: DataSubject) -> None:
    """An image is uint8 (H, W, 3), the same each time, and a new array each time."""
    for sample in subject.some():
        with must(f"the image of {sample.id}"):
            image, again = sample.image(), sample.image()
        good = isinstance(image, np.ndarray) and image.dtype == np.uint8
        if not good or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image)
            raise CheckFailed(f"{sample.id}: its image is {what}, not uint8 (H, W, 3)")
        if not np.array_equal(image, again):
            raise CheckFailed(f"{sample.id}: decoded again, its image is another")
        if np.shares_memory(image, again):
            raise CheckFailed(f"{sample.id}: both times it gives the same array: copy it")


def points_lie_in_the_images(subject: DataSubject) -> None:
    """Points are source pixels, x before y: in the image, or near its edge."""
    _require_points(subject)


def _require_points(subject: DataSubject) -> None:
    with_images = [(s, subject.images[s.id].shape[:2]) for s in subject.some()]
    for sample, (height, width) in with_images:
        if wrong := labels.far_from_image(sample, height, width):
            raise CheckFailed(f"{sample.id}: {wrong}")
    if wrong := labels.wrong_units(with_images):
        raise CheckFailed(wrong)


def flip_swaps_left_and_right(subject: DataSubject) -> str | None:
    """The flip permutation undoes itself, swaps eye corners and pupils, and fits the labels."""
    scheme = subject.opened.scheme
    if scheme.flip is None:
        return f"{scheme.name} has no known symmetry, and is never mirrored"
    with needs("points_lie_in_the_images"):
        _require_points(subject)
    if wrong := labels.wrong_flip(scheme, subject.samples):
        raise CheckFailed(f"{scheme.name}: {wrong}")
    return None


def order_is_the_same_every_time(subject: DataSubject) -> None:
    """A data set that is read again and opened again yields the same samples in the same order."""
    _require_same_order(subject)


def _require_same_order(subject: DataSubject) -> None:
    first = [s.id for s in subject.samples]
    reopened = subject.open(subject.root)
    for name, source in (("read again", subject.opened), ("opened again", reopened)):
        with must(f"samples(), {name},"):
            samples = list(source.samples())
        if wrong := labels.first_difference(first, samples):
            raise CheckFailed(f"{name}, {wrong}")
        if not all(map(labels.same_labels, subject.samples, samples)):
            raise CheckFailed(f"{name}, a sample has other labels")


def independent_of_the_file_system(subject: DataSubject) -> None:
    """A copy in another place, whose folders are listed in another order, gives the same order and
    fingerprint."""
    first = [s.id for s in subject.samples]
    with needs("ids_are_unique"):
        fingerprint = read_table(subject.opened).fingerprint
    with needs("order_is_the_same_every_time"):
        _require_same_order(subject)
    with moved(subject.root) as root:
        with must("opening a copy of it elsewhere"):
            copy = subject.open(root)
            samples = list(copy.samples())
        if wrong := labels.first_difference(first, samples):
            raise CheckFailed(f"from a copy elsewhere, its folders listed backwards, {wrong}")
        if read_table(copy).fingerprint != fingerprint:
            raise CheckFailed("a copy elsewhere has another fingerprint")


SUBJECT = DataSubject
CHECKS: tuple[Callable[[Any], str | None], ...] = (
    found_through_metadata,
    import_leaves_no_trace,
    declares_valid_facts,
    options_are_keyword_only,
    refuses_a_root_without_data,
    opens_and_describes_itself,
    samples_are_well_formed,
    ids_are_unique,
    people_and_splits_fit_together,
    person_protocol_shares_nobody,
    images_decode,
    points_lie_in_the_images,
    flip_swaps_left_and_right,
    order_is_the_same_every_time,
    independent_of_the_file_system,
)
