"""The plan of a run: what its configuration means on this machine.

It is made once, before anything is built: plugins are loaded with their entries and options, the
protocol is found, and the files that a model starts from are named by their digests. All code that
trains takes the plan and does not ask the registry again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..api import Augmentation, Backbone, Dataset, Head, Loss, UsageError, WeightsError
from ..config import Config
from ..evaluation.scores.protocols import Protocol, find_protocol
from ..files.by_content import keep_file
from ..model import ModelPlan
from ..registry import Resolved
from ..runs.trained import model_plan
from ..tensors import file_digest
from .transfer import teacher_digest, weights_file


@dataclass(frozen=True)
class Plan:
    config: Config
    protocol: Protocol
    backbone: Resolved[Backbone]
    head: Resolved[Head]
    loss: Resolved[Loss]
    dataset: Resolved[Dataset]
    augmentations: tuple[Resolved[Augmentation], ...] = ()

    @classmethod
    def of(cls, config: Config) -> Plan:
        """The plugins and the protocol of a configuration, which is not changed: that of a resumed
        run is complete already.

        Raises :class:`PluginError` for an id that is unknown or ambiguous, and for a plugin that
        does not load.
        """
        backbone, head, loss = (config.plugin(kind) for kind in ("backbone", "head", "loss"))
        dataset: Resolved[Dataset] = config.plugin("dataset")
        protocol = find_protocol(config.protocol or dataset.plugin.default_protocol)
        augmentations = tuple(config.augmentation_plugins())
        return cls(config, protocol, backbone, head, loss, dataset, augmentations)

    @property
    def plugins(self) -> Mapping[str, Resolved[Any]]:
        """The plugins by kind; augmentations, of which there may be several, by ``kind:id``."""
        return {
            "backbone": self.backbone,
            "head": self.head,
            "loss": self.loss,
            "dataset": self.dataset,
            **{f"augmentation:{each.entry.id}": each for each in self.augmentations},
        }

    @property
    def model(self) -> ModelPlan:
        return model_plan(self.config, self.backbone, self.head)

    def completed(self) -> Plan:
        """The plan with a configuration that leaves nothing open: qualified ids, the protocol, the
        input size, absolute paths and digests of files.

        Raises :class:`UsageError` where the protocol has folds and the configuration names none:
        such a configuration is several runs (:mod:`zoo.training.folds`).
        """
        config = replace(self.config, weights=weights_file(self.config.weights))
        if config.fold < 0 and self.protocol.folds > 1:
            raise UsageError(
                f"protocol {self.protocol.id} has {self.protocol.folds} folds: name one with "
                "--set fold=0, or train them all (zoo.train_folds in Python)"
            )
        if "upright" in config.asked and config.upright and not config.refine:
            raise UsageError(
                "upright = true: turns the crops of further passes, and refine = 0 makes none; "
                "add --set refine=1"
            )
        input_size = config.input_size or self.backbone.plugin.input_size
        config = replace(
            config,
            backbone=self.backbone.id,
            head=self.head.id,
            loss=self.loss.id,
            dataset=self.dataset.id,
            augmentations=tuple(each.id for each in self.augmentations),
            protocol=self.protocol.id,
            fold=max(config.fold, 0),
            input_size=input_size,
            augment=config.augment.for_inputs(input_size),
            upright=config.upright and config.refine > 0,  # one pass has no crop to turn
            weights=_absolute(config.weights),
            freeze=config.freeze and not config.unfreeze_after,  # unfreeze_after implies it
            weights_sha256=_digest(config),
            pseudo=_absolute(config.pseudo),
            pseudo_sha256=teacher_digest(config.pseudo, config.pseudo_sha256),
            data=_absolute(config.data),
            options=self._options(),
        )
        return replace(self, config=config)

    def _options(self) -> dict[str, dict[str, Any]]:
        """The options by kind; for an option that is a file, the digest of the file."""
        options = {kind: dict(values) for kind, values in self.config.options.items()}
        for kind, resolved in self.plugins.items():
            for name, path in resolved.files.items():
                options[kind][name] = keep_file(path)
        return options


def make_plan(config: Config) -> Plan:
    """The plan of a new run. Raises what :meth:`Plan.of` and :meth:`Plan.completed` raise."""
    return Plan.of(config).completed()


def _absolute(path: str) -> str:
    return str(Path(os.path.expanduser(path)).resolve()) if path else ""


def _digest(config: Config) -> str:
    """Digest of the file that a model starts from. Raises :class:`WeightsError` for another file
    than the configuration wants; a missing file is reported where it is read."""
    path = Path(os.path.expanduser(config.weights))
    if not config.weights or not path.is_file():
        return config.weights_sha256
    digest = file_digest(path)
    if config.weights_sha256 not in ("", digest):
        raise WeightsError(
            f"{path}: its sha256 is {digest}, and the configuration starts from another file, "
            f"{config.weights_sha256}: name that one with --weights"
        )
    return digest
