"""The keys that ``zoo.train`` takes, with their types, for editors and type checkers."""

from __future__ import annotations

from typing import TypedDict


class ConfigKeys(TypedDict, total=False):
    """The fields of :class:`zoo.config.Config` that are one value each; it says what they mean.

    Keys with a dot, such as ``augment.flip``, are given as ``sets``.
    """

    head: str
    loss: str
    dataset: str
    data: str
    protocol: str
    most_skipped: float
    fold: int
    region: str
    input_size: int
    refine: int
    upright: bool
    seed: int
    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    weight_decay: float
    scheduler: str
    warmup_epochs: float
    clip_grad: float
    accumulate: int
    ema: float
    early_stop: int
    precision: str
    device: str
    pretrained: bool
    weights: str
    weights_sha256: str
    freeze: bool
    compile: bool
    unfreeze_after: int
    backbone_lr_factor: float
    layer_decay: float
    pseudo: str
    pseudo_sha256: str
    pseudo_weight: float
    pseudo_keep_share: float
    visibility_weight: float
    augmentations: tuple[str, ...]
