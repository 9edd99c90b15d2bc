"""The fields of a record, with their types and bounds.

Records come from strangers, so nothing in them is trusted. The types of known fields are checked.
Unknown fields (of plugins, or of later versions) are kept unchanged. Records of schema 1 are
upgraded when they are read; records of a schema that is too new are refused.

Errors, rates and shares are fractions; an error is a mean distance over a length of the face.
"""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Struct

from zoo.api import DataError, ZooDeprecationWarning

from ..scores.calibration import Calibration
from ..scores.clusters import Clusters

SCHEMA = 2
LARGEST = 2.0**63
"""Largest number in a record. No seed is larger, and no run has more parameters or frames."""

LONGEST = 5000
"""Most entries of a list that a board reads."""

RawRecord = dict[str, Any]
"""A record as JSON: the content of a file, and :attr:`Record.raw`."""

Number = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Positive = Annotated[float, Meta(gt=0, le=LARGEST)]
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{16,128}$")]
Sum = Annotated[float, Meta(ge=0, le=LARGEST)]
Sums = Annotated[list[Sum], Meta(min_length=1, max_length=LONGEST)]
Figures = dict[str, Number | None]
"""Values by name of the metric; names of its interval's bounds end in ``_low`` and ``_high``."""


class Plugin(Struct, kw_only=True):
    """A plugin that a run used: its id, and the distribution that it comes from."""

    id: str
    distribution: str | None = None
    version: str | None = None


class Configuration(Struct, kw_only=True):
    """The options that the board reads; ``Record.raw["config"]`` has the whole configuration."""

    head: str | None = None
    loss: str | None = None
    recipe: str | None = None
    pretrained: bool | None = None
    fold: Integer = 0
    refine: Integer = 0
    input_size: Integer | None = None

    @property
    def passes(self) -> int:
        """Number of forward passes for a face: one, and one more for each refinement."""
        return 1 + max(self.refine, 0)


class Data(Struct, kw_only=True):
    """The data on which a run was trained and scored."""

    dataset: str
    release: str
    protocol: str
    """The rule that splits the data, with its version: ``person/1``."""
    region: str
    fingerprint: str
    """Hex digits that identify the samples and labels."""
    partial: bool
    """Whether the data set had fewer samples than its release."""
    fold: Integer | None = None
    metrics: Integer = 1
    """The version of the metrics' definitions."""
    scheme: str | None = None
    frames: dict[str, Integer] = {}
    """Number of frames by split. ``people`` has counts too: the type keeps names out."""
    people: dict[str, Integer] = {}
    license: str | None = None


class NetworkFacts(Struct, kw_only=True):
    """Facts about a model. An external entry may have none of them."""

    parameters: Integer | None
    gmacs: Number | None = None
    """Multiply-adds of one face, in billions; None where they could not be counted."""
    weights: str | None = None
    head: str | None = None
    loss: str | None = None
    license: str | None = None
    weights_source: str | None = None
    """Where a file of weights came from, as its author describes it."""
    weights_license: str | None = None
    best_sha256: str | None = None
    """Digest of the weights that were scored; records of older versions lack it."""


class ErrorCurve(Struct, kw_only=True):
    """The share of faces whose error is at most k * ``step``, for k = 0, 1, ..."""

    step: Positive
    values: Annotated[list[Share], Meta(min_length=1, max_length=LONGEST)]

    @property
    def median(self) -> float | None:
        """The median error, interpolated linearly between two steps; None if the curve ends before
        it."""
        at = next((k for k, share in enumerate(self.values) if share >= 0.5), None)
        if at is None:
            return None
        before = self.values[at - 1] if at else 0.0
        into = (0.5 - before) / (self.values[at] - before)
        return self.step * (at - 1 + into) if at else 0.0


class PoseBin(Struct, kw_only=True):
    """Faces with a similar turn of the head, and their mean error."""

    name: str
    low: Number | None
    high: Number | None
    n: Integer
    nme: Number | None


class PersonSums(Struct, kw_only=True):
    """Errors summed by person, as :class:`..scores.clusters.Clusters` explains them."""

    key: Digest
    sum: Sums
    n: Sums
    failed: Sums | None = None
    missed: Sums | None = None

    def __post_init__(self) -> None:
        for name in ("n", "failed", "missed"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.sum):
                raise ValueError(f"{name} has {len(values)} entries and sum {len(self.sum)}")

    def clusters(self) -> Clusters:
        """The sums as arrays of length P. ``failed`` is NaN if a record lacks it."""
        count = len(self.sum)
        failed, missed = self.failed or [np.nan] * count, self.missed or [0.0] * count
        return Clusters(self.key, *np.array([self.sum, self.n, failed, missed], np.float64))


class MetricSums(PersonSums, kw_only=True):
    """Values of a plugin's metric summed by person; they may be below 0."""

    sum: Annotated[list[Number], Meta(min_length=1, max_length=LONGEST)]


class Flipped(Struct, kw_only=True):
    """Figures with test-time flip: points averaged with those on the mirror image."""

    nme_ioc: Number | None = None
    nme_box: Number | None = None
    fr_08: Number | None = None
    predictions: str | None = None


class MetricFigure(Struct, kw_only=True):
    """The figure of a plugin's metric, with all that a table needs if it is not installed."""

    title: str
    value: Number | None
    unit: str = ""
    """If it is ``%``, the value is a fraction."""
    lower_is_better: bool = True
    version: str | None = None
    """The version of the plugin's distribution."""
    low: Number | None = None
    high: Number | None = None
    n: Integer = 0
    """Number of faces that were measured."""
    baseline: Number | None = None
    by_person: MetricSums | None = None


class Results(Struct, kw_only=True):
    """The figures of a model on one split. None means that there is no such figure."""

    nme_ioc: Number | None
    nme_ioc_low: Number | None
    nme_ioc_high: Number | None
    nme_box: Number | None
    loss: Number | None
    fr_08: Number | None
    auc_08: Number | None
    n: Integer
    """Number of faces that count."""
    baseline: Figures = msgspec.field(name="floor")
    """The figures of the training split's mean shape on the same frames."""
    nme_box_low: Number | None = None
    nme_box_high: Number | None = None
    nme_pupil: Number | None = None
    nme_diag: Number | None = None
    nme_seen: Number | None = None
    nme_hidden: Number | None = None
    hidden_ap: Number | None = None
    hidden_f1: Number | None = None
    fr_10: Number | None = None
    auc_10: Number | None = None
    coverage: Number | None = None
    people: Integer | None = None
    floored: Integer | None = None
    unlabelled: Integer | None = None
    unmeasured: Integer | None = None
    predictions: str | None = None
    """The sha256 of the predictions file."""
    regions: Figures = {}
    ced: ErrorCurve | None = None
    pose: Annotated[list[PoseBin], Meta(max_length=LONGEST)] = []
    by_person: PersonSums | None = None
    flip: Flipped | None = None
    subsets: Annotated[dict[str, Results], Meta(max_length=LONGEST)] = {}
    """The figures of frames that share an attribute, by name of the subset."""
    metrics: dict[str, MetricFigure] = {}
    """Figures of plugins' metrics, by ``distribution/id``."""

    def figure(self, key: str) -> float | None:
        """The figure of this name, such as ``nme_ioc`` or ``nme_ioc_low``, or None."""
        value: float | None = getattr(self, key, None)
        return value

    @property
    def normaliser(self) -> str:
        """The length that headline errors are divided by: ``ioc``, or ``box`` for a scheme without
        eye corners.

        The baseline has an error for every face, so it shows whether there are eye corners even if
        a model found no face.
        """
        known = (self.nme_ioc, self.baseline.get("nme_ioc")) != (None, None)
        return "ioc" if known else "box"

    @property
    def headline(self) -> str:
        """The metric that the split is ranked by."""
        return f"nme_{self.normaliser}"


class Bench(Struct, kw_only=True):
    """What ``zoo bench`` measured."""

    device: str
    latency_ms: Number
    images_per_second: Number
    threads: Integer | None = None
    precision: str | None = None
    input_size: Integer | None = None
    batch: Integer | None = None

    @property
    def conditions(self) -> tuple[Any, ...]:
        """The values that must be equal before two measurements are averaged."""
        return (self.device, self.threads, self.precision, self.input_size, self.batch)


class Cost(Struct, kw_only=True):
    """The cost of training and scoring."""

    images_per_second: Number | None = None
    train_seconds: Number | None = None
    bench: Bench | None = None


class Environment(Struct, kw_only=True):
    """Where a run was trained."""

    device: str | None


class Epoch(Struct, kw_only=True):
    """A row of the learning curves."""

    epoch: Integer
    train_loss: Number | None
    val_loss: Number | None
    val_nme: Number | None
    lr: Number | None


class Elsewhere(Struct, kw_only=True):
    """The results of a model on another data set than that of its training."""

    data: Data
    """``scheme`` is that of the scored points: those that both data sets have."""
    results: dict[str, Results]
    """Results by split."""


class Facts(Struct, kw_only=True):
    """The parts of a record that say how a run was made, with unknown fields.

    Results and history, which are nearly all of a file, are left out.
    """

    config: RawRecord
    model: RawRecord
    data: RawRecord
    environment: RawRecord
    cost: RawRecord


class Record(Struct, kw_only=True, dict=True):
    """The configuration, the data and the results of a run."""

    schema: Integer
    run: str
    plugin: Plugin
    config: Configuration
    config_hash: str
    seed: Integer | None
    data: Data
    model: NetworkFacts
    results: dict[str, Results]
    """Results by split."""
    cost: Cost
    environment: Environment
    plugins: dict[str, Plugin] = {}
    """Every plugin that the run used, by kind; older records have only ``plugin``."""
    epochs: Integer | None = None
    best_epoch: Integer | None = None
    external: bool = False
    """Whether a program outside the zoo predicted the points."""
    history: Annotated[list[Epoch], Meta(max_length=LONGEST)] = []
    calibration: Calibration | None = None
    """Turns the model's scores into probabilities; None if it was not fitted."""
    elsewhere: dict[str, Elsewhere] = {}
    """Results on other data sets, by a name for each."""

    @property
    def trained_on(self) -> str:
        """For a view of results on another data set: the data set of the training, and the points
        that were scored. Else empty."""
        return str(self.__dict__.get("trained_on", ""))

    def predictions_of(self, split: str) -> str:
        """The name of the file that holds the predictions of a split."""
        return f"{self.__dict__.get('stem', '')}{split}.npz"

    @property
    def raw(self) -> RawRecord:
        """The record as JSON, with unknown fields. To edit a record, edit this and save it."""
        cache = self.__dict__
        if "raw" not in cache:
            cache["raw"] = _upgraded(msgspec.json.decode(cache["content"]), self)
        return cache["raw"]  # type: ignore[no-any-return]

    @property
    def facts(self) -> Facts:
        """These parts of :attr:`raw`, decoded alone: a large board needs nothing else."""
        cache = self.__dict__
        if "facts" not in cache:
            content = cache.get("content")
            facts = _FACTS.decode(content) if content else msgspec.convert(self.raw, Facts)
            facts.data.setdefault("metrics", self.data.metrics)
            cache["facts"] = facts
        return cache["facts"]  # type: ignore[no-any-return]

    @property
    def used(self) -> dict[str, Plugin]:
        """The recorded plugins by kind; the backbone is always there."""
        return {"backbone": self.plugin, **self.plugins}

    @property
    def fold(self) -> int:
        """Number of the run's fold in its protocol; 0 for a protocol without folds."""
        return self.config.fold if self.data.fold is None else self.data.fold

    def __getitem__(self, key: str) -> Any:
        warnings.warn(
            f"records have attributes: write record.{key} (or record.raw[{key!r}] for JSON); "
            f"record[{key!r}] works for one more release",
            ZooDeprecationWarning,
            stacklevel=2,
        )
        return self.raw[key]


def results_from(raw: RawRecord) -> Results:
    """A split's results, just computed, with the types of a record."""
    return msgspec.convert(raw, Results)


def checked(where: str, value: Any) -> Record:
    """Check a record and give it its types.

    Args:
        where: The file, for messages.
        value: The record as JSON. It is upgraded to SCHEMA in place, and kept as ``raw``.

    Returns:
        The record.

    Raises:
        DataError: A field is missing or wrong; begins with ``where`` and names the field.
    """
    if not isinstance(value, dict):
        raise DataError(f"{where}: not a run record: a JSON {type(value).__name__}, not an object")
    _check_schema(where, value)
    try:
        record = msgspec.convert(value, Record)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {_in_words(value, error)}") from error
    record.schema = SCHEMA
    record.__dict__["raw"] = _upgraded(value, record)
    return record


def decoded(content: bytes) -> Record | None:
    """The record in a file's content, checked as by :func:`checked`; its ``raw`` is parsed later.

    None if the content is not a valid record: then :func:`checked` says why.
    """
    try:
        record = _DECODER.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if not 1 <= record.schema <= SCHEMA:
        return None
    record.schema = SCHEMA
    record.__dict__["content"] = content
    return record


_DECODER = msgspec.json.Decoder(Record)
_FACTS = msgspec.json.Decoder(Facts)


def _upgraded(value: RawRecord, record: Record) -> RawRecord:
    value["schema"] = SCHEMA
    value["data"].setdefault("metrics", record.data.metrics)
    return value


def _check_schema(where: str, value: RawRecord) -> None:
    schema = value.get("schema")
    if type(schema) is not int or schema < 1:
        raise DataError(f"{where}: not a run record: it has no schema number")
    if schema > SCHEMA:
        raise DataError(
            f"{where}: record of schema {schema}, newer than the {SCHEMA} that this version of the "
            "zoo reads: upgrade landmark-zoo"
        )


def _in_words(value: Any, error: msgspec.ValidationError) -> str:
    """Such as ``results.val.n: expected int, got bool``."""
    reason, _, path = str(error).partition(" - at `$")
    field = _named(value, path.removesuffix("`"))
    missing = re.fullmatch(r"Object missing required field `(\w+)`", reason)
    if missing:
        return f"record without {field}.{missing[1]}".replace(" .", " ")
    reason = reason.replace("`", "").replace(" | ", " or ")
    return f"{field or 'record'}: {reason[:1].lower()}{reason[1:]}"


def _named(value: Any, path: str) -> str:
    """A path from msgspec (``.results[...].n``) with a key in place of each ``[...]``: the first
    one whose value has a wrong type."""
    found: list[str] = []
    steps = re.findall(r"\.(\w+)|\[(\d+)\]|(\[\.\.\.\])", path)
    for name, index, any_key in steps:
        if any_key:
            name = _wrong_key(value, found)
        found.append(name or index)
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and index:
            value = value[int(index)]
    return ".".join(found)


def _wrong_key(value: Any, path: list[str]) -> str:
    kind: Any = Results if path == ["results"] else Number | None
    if path and path[0] == "data":
        kind = Integer
    for key, item in value.items():
        try:
            msgspec.convert(item, kind)
        except msgspec.ValidationError:
            return str(key)
    return "*"
