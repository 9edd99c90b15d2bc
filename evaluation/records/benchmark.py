"""The benchmark: everything that must be equal before two results are compared.

It consists of the data set, the rule that splits it, the region that the model sees, the length
that errors are divided by, and the version of the metrics. The board has one table for each
benchmark, fingerprint and split.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ..scores.protocols import PROTOCOLS
from .schema import Record

_TITLES = {
    "youtube_faces": "YouTube Faces",
    "wflw": "WFLW",
    "ibug_pts": "iBUG 68 points",
    "synthetic": "drawn faces",
}
"""Names of data sets as in papers. Others are called by their ids."""


@dataclass(frozen=True, order=True)
class Benchmark:
    """A way to score models. ``label`` names it: ``youtube_faces/udacity person/1 frame ioc/1``."""

    dataset: str
    release: str
    protocol: str
    """The rule that splits the data, with its version, as in records: ``person/1``."""
    region: str
    """The part of a picture that the model sees: the whole ``frame``, or a ``box`` around the
    face."""
    normaliser: str
    """The length that headline errors are divided by: ``ioc`` (outer eye corners), or ``box`` for a
    scheme without eye corners."""
    metrics: int
    """The version of the metrics' definitions."""
    trained_on: str = ""
    """The data of the training if it is another data set, and the points that were scored."""

    @property
    def id(self) -> str:
        """The benchmark without its versions: ``youtube_faces/udacity person frame ioc``."""
        data = f"{self.dataset}/{self.release}" if self.release else self.dataset
        name = f"{data} {self.protocol.partition('/')[0]} {self.region} {self.normaliser}"
        return f"{name} {self._training}".rstrip()

    @property
    def version(self) -> str:
        """Versions of the split rule and the metrics, such as ``1.1``."""
        return f"{self.protocol.partition('/')[2] or '0'}.{self.metrics}"

    @property
    def label(self) -> str:
        data = f"{self.dataset}/{self.release}" if self.release else self.dataset
        name = f"{data} {self.protocol} {self.region} {self.normaliser}/{self.metrics}"
        return f"{name} {self._training}".rstrip()

    @property
    def _training(self) -> str:
        return f"trained on {self.trained_on}" if self.trained_on else ""

    @property
    def title(self) -> str:
        """Data and split in words: ``YouTube Faces, unseen people``."""
        data = _TITLES.get(self.dataset, self.dataset.replace("_", " "))
        known = PROTOCOLS.get(self.protocol.partition("/")[0])
        split = known.title if known and known.label == self.protocol else self.protocol
        return ", ".join(filter(None, (data, split, self._training)))

    @property
    def headline(self) -> str:
        """The metric that rows are ranked by, and that failure rates are based on."""
        return f"nme_{self.normaliser}"

    @property
    def meaning(self) -> str:
        """What a reader must know about the protocol; empty if this zoo does not have it."""
        known = PROTOCOLS.get(self.protocol.partition("/")[0])
        return known.heading if known and known.label == self.protocol else ""


def benchmark_of(record: Record, split: str) -> Benchmark:
    """What a record's results on ``split`` were scored on."""
    data = record.data
    return _benchmark(
        data.dataset,
        data.release,
        data.protocol,
        data.region,
        record.results[split].normaliser,
        data.metrics,
        record.trained_on,
    )


# A board creates the same few benchmarks thousands of times.
_benchmark = lru_cache(maxsize=256)(Benchmark)
