"""A run whose plugin is no longer installed: which distribution, and which version, to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..api import DataError, PluginError
from ..evaluation.records import load_record
from ..evaluation.records.schema import Plugin
from ..registry.entries import version_of
from ..registry.errors import UnknownPluginError
from .folder import RunFolder


@contextmanager
def explain_missing_plugin(folder: RunFolder, record: Path | None = None) -> Iterator[None]:
    """If a plugin of the run is not installed, raise an error that says, from the run's record,
    what to install. ``record``: a record file that stands for the run without its folder."""
    try:
        yield
    except UnknownPluginError as error:
        distribution, slash, plugin_id = error.plugin_id.rpartition("/")
        if not slash:  # not from a run, whose ids are qualified
            raise
        recorded = _recorded(record or folder.record, error.kind, plugin_id)
        version = recorded.version if recorded else None
        here = version_of(distribution)
        missing = "which is not installed" if here is None else f"and {here} here has none"
        wanted = f"{distribution}=={version}" if version else distribution
        origin = f"{distribution} {version}" if version else distribution
        raise PluginError(
            f"{record or folder.path}: was trained with the {error.kind} {plugin_id} of {origin}, "
            f"{missing}: pip install {wanted}"
        ) from error


def _recorded(path: Path, kind: str, plugin_id: str) -> Plugin | None:
    """What the record says of the run's plugin; a run that is not finished has none."""
    try:
        record = load_record(path)
    except DataError:
        return None
    return record.used.get(kind) or record.used.get(f"{kind}:{plugin_id}")
