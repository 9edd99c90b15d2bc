"""What a configuration means on this machine: qualified plugin ids, the protocol, the input size,
and the files that a model starts from, by their digests."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..api import UsageError, WeightsError
from ..config import Config
from ..evaluation.scores.protocols import Protocol, find_protocol
from ..registry import registry
from ..tensors import file_digest
from .transfer import teacher_digest, weights_file


def complete(config: Config) -> Config:
    """With what only the plugins can say: qualified ids, the protocol, the input size.

    Raises :class:`UsageError` where the protocol has folds and the configuration names none: such
    a configuration is several runs (:mod:`zoo.training.folds`).
    """
    backbone = registry("backbone").get(config.backbone)
    protocol = protocol_of(config)
    config = replace(config, weights=weights_file(config.weights))
    input_size = config.input_size or backbone.input_size
    if config.fold < 0 and protocol.folds > 1:
        raise UsageError(
            f"protocol {protocol.id} has {protocol.folds} folds: name one with --set fold=0, or "
            "train them all (zoo.train_folds in Python)"
        )
    return replace(
        config,
        backbone=registry("backbone").locate(config.backbone).qualified,
        head=registry("head").locate(config.head).qualified,
        loss=registry("loss").locate(config.loss).qualified,
        dataset=registry("dataset").locate(config.dataset).qualified,
        protocol=protocol.id,
        fold=max(config.fold, 0),
        input_size=input_size,
        augment=config.augment.for_inputs(input_size),
        weights=_absolute(config.weights),
        freeze=config.freeze and not config.unfreeze_after,  # --freeze --unfreeze-after 5 is one
        weights_sha256=_digest(config),
        pseudo=_absolute(config.pseudo),
        pseudo_sha256=teacher_digest(config.pseudo, config.pseudo_sha256),
        data=_absolute(config.data),
    )


def protocol_of(config: Config) -> Protocol:
    """The one that a configuration names, or the data set's own."""
    return find_protocol(
        config.protocol or registry("dataset").get(config.dataset).default_protocol
    )


def _absolute(path: str) -> str:
    return str(Path(os.path.expanduser(path)).resolve()) if path else ""


def _digest(config: Config) -> str:
    """Of the file that a model starts from. Raises :class:`WeightsError` for another file than the
    configuration wants; one that is missing is said where it is read."""
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
