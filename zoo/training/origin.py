"""A record that is run again: its configuration, and what is different here from what it records.

The configuration in a record is complete: plugins by their qualified ids, their options, and every
value that a recipe gave. It cannot say where files are on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..api import DataError, UsageError, WeightsError
from ..config import Config, from_dict
from ..config.files import require_no_files
from ..data.source import DataSource
from ..evaluation.records import Record, config_hash, load_record
from ..reporter import Reporter
from ..runs.folder import RunFolder
from ..runs.missing import explain_missing_plugin
from .plan import Plan, make_plan


@dataclass(frozen=True)
class Origin:
    path: Path
    record: Record
    config: Config
    """As recorded: a weights file by its name alone, no root of the data."""

    @classmethod
    def read(cls, path: Path) -> Origin:
        """The origin in a record.json, or in the folder of a run. Raises :class:`DataError` for
        what is no record, and :class:`UsageError` for one that the zoo cannot run."""
        if path.is_dir():
            path = path / "record.json"
        record = load_record(path)
        if record.external:
            raise UsageError(
                f"{path}: {record.plugin.id} is an external entry: the zoo has its points "
                "and cannot run it"
            )
        try:
            config = from_dict(record.raw["config"])
        except (UsageError, AttributeError, TypeError) as error:
            raise DataError(f"{path}: its configuration cannot be read: {error}") from error
        return cls(path, record, config)

    def on_this_machine(
        self, data: Path | None, weights: Path | None, pseudo: Path | None = None
    ) -> Config:
        """The configuration with files of this machine. Raises :class:`WeightsError` where a model
        started from a file that is not named."""
        config, recorded_digest = self.config, self.config.weights_sha256 or self._recorded_digest()
        if weights is not None and not config.weights:
            raise UsageError(f"--weights {weights}: {self.path} starts from no file; leave it out")
        if config.weights and weights is None:
            digest = f" (sha256 {recorded_digest})" if recorded_digest else ""
            raise WeightsError(
                f"{self.path}: starts from the weights file {config.weights}{digest}; "
                "name it with --weights FILE"
            )
        if pseudo is not None and not config.pseudo:
            raise UsageError(f"--pseudo {pseudo}: {self.path} has no teacher; leave it out")
        if config.pseudo and pseudo is None:
            raise WeightsError(
                f"{self.path}: learned from the teacher {config.pseudo} (sha256 of its best "
                f"weights {config.pseudo_sha256}); name that run with --pseudo RUN"
            )
        require_no_files(config, str(self.path))
        return replace(
            config,
            data="" if data is None else str(data),
            weights="" if weights is None else str(weights),
            weights_sha256=recorded_digest,
            pseudo="" if pseudo is None else str(pseudo),
        )

    def plan(self, config: Config) -> Plan:
        """The plan of a configuration. Raises :class:`PluginError` that says what to install for a
        missing plugin."""
        with explain_missing_plugin(RunFolder(self.path.parent), self.path):
            return make_plan(config)

    def check_data(self, source: DataSource) -> None:
        """Raises :class:`DataError` for other data than the record's, whose result says nothing
        about a run on other data."""
        here, there = source.table.fingerprint, self.record.data.fingerprint
        if here != there:
            raise DataError(
                f"{self.path}: was trained on data with fingerprint {there[:12]}, this has "
                f"{here[:12]}: that would be another experiment. Name the record's data with "
                "--data, or train these with the same keys in a recipe"
            )

    def tell(
        self,
        plan: Plan,
        environment: Mapping[str, Any],
        frames: Mapping[str, int],
        weights: str,
        reporter: Reporter,
    ) -> None:
        """Report what differs from the record: the environment, the number of frames that can be
        read, where the weights started, a configuration that was edited."""
        there, here = dict(self.record.raw["environment"]), dict(environment)
        recorded = self.record.used
        for kind, plugin in plan.plugins.items():
            if kind in recorded:
                there[kind] = f"{recorded[kind].distribution} {recorded[kind].version}"
            here[kind] = plugin.entry.origin
        counted = self.record.data.frames
        there |= {f"{split} frames": counted[split] for split in frames if split in counted}
        here |= {f"{split} frames": count for split, count in frames.items()}
        there["start of the backbone"] = self.record.raw["model"].get("weights", weights)
        here["start of the backbone"] = weights
        differing, unsaid = differences(there, here)
        known_hash = self.config.weights_sha256 or not self.config.weights
        if known_hash and config_hash(plan.config.to_dict()) != self.record.config_hash:
            differing.append("the configuration is not the one of the record's config_hash")
        if unsaid:
            reporter.note(f"the record does not say: {', '.join(unsaid)}")
        if differing:
            reporter.note(f"not as in the record: {'; '.join(differing)}")
        else:
            reporter.note("environment and data are as in the record")

    def compare(self, rerun: Record, reporter: Reporter) -> None:
        """Report how the result of a run with the record's own seed compares."""
        if rerun.seed != self.record.seed or "val" not in self.record.results:
            return
        then, now = self.record.results["val"], rerun.results["val"]
        if now.predictions == then.predictions:
            reporter.note("the same to the bit: the predictions have the record's sha256")
            return
        key = "nme_ioc" if then.nme_ioc is not None else "nme_box"
        figures = (results.figure(key) for results in (then, now))
        values = ["none" if figure is None else f"{100 * figure:.4f}%" for figure in figures]
        reporter.note(f"not the same predictions: {contrast(f'val {key}', *values)}")

    def _recorded_digest(self) -> str:
        """Digest of the weights file, from records whose configuration does not have it."""
        return (self.record.model.weights or "").partition(" sha256: ")[2]


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What differs between two environments, in words, and the keys that the first one lacks."""
    unsaid = [key for key, value in here.items() if key not in there and value is not None]
    differing = [
        contrast(key, there[key], value)
        for key, value in here.items()
        # two checkouts with local changes may have different ones
        if key in there and (there[key] != value or str(value).endswith("-dirty"))
    ]
    return differing, unsaid


def contrast(what: str, there: object, here: object) -> str:
    return f"{what} {there} there, {here} here"
