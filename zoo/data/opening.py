"""Opens the data set of a plugin, so that errors of its adapter name the plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..api import Dataset, OpenDataset, PluginError, Sample
from ..registry import Entry, Resolved, blaming
from ..registry.call import call_with_options
from .locate import find_root


def open_dataset(dataset: Resolved[Dataset], data: Path | None = None) -> OpenDataset:
    """Open it at ``data``, or where data lies by default. Raises what :func:`.locate.find_root` and
    :func:`zoo.registry.call.call_with_options` raise. The data set that it returns, and its
    samples, also raise errors that name the plugin."""
    root = find_root(dataset.id, dataset.plugin, data)
    opened = call_with_options(dataset.entry, dataset.plugin.open, root, **dataset.options)
    return cast(OpenDataset, _Opened(dataset.entry, opened))


class _Opened:
    """Stands for an adapter's data set, and names the adapter where it fails."""

    def __init__(self, entry: Entry, adapter: OpenDataset) -> None:
        self._entry = entry
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        may_lack = name == "unlabelled" or name.startswith("_")
        if may_lack and not hasattr(self._adapter, name):
            raise AttributeError(name)
        with blaming(self._entry, f"has no {name}"):
            value = getattr(self._adapter, name)
        if name in ("samples", "unlabelled"):
            return lambda: self._samples(name, value)
        if not callable(value):
            return value
        return lambda *args, **options: self._call(name, value, *args, **options)

    def _call(self, name: str, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        with blaming(self._entry, f"fails in {name}"):
            return method(*args, **options)

    def _samples(self, name: str, method: Callable[[], Iterable[Sample]]) -> Iterator[Sample]:
        samples = iter(self._call(name, method))
        while True:
            with blaming(self._entry, f"fails in {name}"):
                sample = next(samples, None)
                if sample is None:
                    return
                named = replace(sample, image=_Picture(self._entry, sample))
            yield named


@dataclass(frozen=True)
class _Picture:
    """Decodes a sample's picture and checks its type."""

    entry: Entry
    sample: Sample

    def __call__(self) -> NDArray[np.uint8]:
        with blaming(self.entry, f"cannot decode {self.sample.id}"):
            pixels: Any = self.sample.image()
        if (
            not isinstance(pixels, np.ndarray)
            or pixels.dtype != np.uint8
            or pixels.ndim != 3
            or pixels.shape[2] != 3
        ):
            kind = getattr(pixels, "dtype", type(pixels).__name__)
            raise PluginError(
                f"{self.entry.label}: {self.sample.id} decodes to {kind} "
                f"{getattr(pixels, 'shape', '')}, not to uint8 (H, W, 3)"
            )
        return pixels
