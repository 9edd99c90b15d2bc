"""The benchmark: all that two results must share before they are compared.

Which data, split by which rule, seen through which input, measured against which length, by which
version of the metrics. The board makes a table of each benchmark, fingerprint and split.
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
"""Data sets as papers write them; another is called by its id."""


@dataclass(frozen=True, order=True)
class Benchmark:
    """A way to score models. ``label`` names it: ``youtube_faces/udacity person/1 frame ioc/1``."""

    dataset: str
    release: str
    protocol: str
    """The rule that splits the data, with its version, as records have it: ``person/1``."""
    region: str
    """The part of a picture that the model sees: the whole ``frame``, or a ``box`` about the
    face."""
    normaliser: str
    """The length behind the headline error: ``ioc`` (outer eye corners), or ``box`` for a scheme
    without eye corners."""
    metrics: int
    """The version of the metrics' definitions."""
    trained_on: str = ""
    """The data of the training, where it is other data; and what was scored of both."""

    @property
    def id(self) -> str:
        """The benchmark without its versions: ``youtube_faces/udacity person frame ioc``."""
        data = f"{self.dataset}/{self.release}" if self.release else self.dataset
        name = f"{data} {self.protocol.partition('/')[0]} {self.region} {self.normaliser}"
        return f"{name} {self._training}".rstrip()

    @property
    def version(self) -> str:
        """Versions of the split rule and the metrics: ``1.1``. Another is another benchmark."""
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
        """The metric that rows are ranked by, and that failure rates stand on."""
        return f"nme_{self.normaliser}"

    @property
    def meaning(self) -> str:
        """What a reader must know of the protocol; empty for one that this zoo does not have."""
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


# A board asks thousands of times for a handful of benchmarks.
_benchmark = lru_cache(maxsize=256)(Benchmark)
