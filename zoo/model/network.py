"""Backbone and head as one network, which normalises its images itself."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from ..api import Backbone
from ..registry import Entry, blaming

Output = dict[str, Tensor]


class LandmarkModel(nn.Module):
    """RGB images (B, 3, H, W) in [0, 1] to a dict with ``points`` (B, K, 2) in [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        spec: Backbone,
        freeze: bool,
        entries: Mapping[str, Entry] | None = None,
        outputs: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """``entries``: the registry entries of backbone and head, by kind, which errors name.
        ``outputs``: the head's outputs besides points and scores, each with its shape without the
        batch dimension."""
        super().__init__()
        self.entries = dict(entries or {})
        self.outputs = dict(outputs or {})
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)
        self.backbone = backbone
        self.head = head
        self.frozen = freeze
        self.resting = tuple(
            n for n, p in backbone.named_parameters() if freeze and p.requires_grad
        )
        """Parameters of the frozen backbone, by name, that :meth:`unfreeze` would train."""
        if freeze:
            backbone.requires_grad_(False)
            backbone.eval()
        self.layout = torch.contiguous_format if _corrupts(self) else torch.channels_last
        """Memory format of images and weights: where it is safe, channels last, in which
        convolutions run fastest, on CPUs and on tensor cores."""
        self.to(memory_format=self.layout)

    def train(self, mode: bool = True) -> LandmarkModel:
        super().train(mode)
        if self.frozen:  # or every batch would change the statistics of its batch norms
            self.backbone.eval()
        return self

    def unfreeze(self) -> None:
        """Train the backbone from now on. A backbone that is trained already does not change.

        Parameters that the backbone itself keeps frozen stay frozen.
        """
        for name in self.resting:
            self.backbone.get_parameter(name).requires_grad_(True)
        self.frozen, self.resting = False, ()
        self.backbone.train(self.training)

    def leave_out(self, names: Collection[str]) -> None:
        """Never train these parameters, now or once the backbone is unfrozen."""
        for name in names:
            self.get_parameter(name).requires_grad_(False)
        self.resting = tuple(n for n in self.resting if f"backbone.{n}" not in names)

    def forward(self, images: Tensor) -> Output:
        images = (images - self.mean) / self.std
        images = images.contiguous(memory_format=self.layout)
        with self._blaming("backbone"), torch.set_grad_enabled(self._wants_grad()):
            features = self.backbone(images)
        with self._blaming("head"):
            output: Output = self.head(features)
        return output

    def _wants_grad(self) -> bool:
        return torch.is_grad_enabled() and not self.frozen

    def _blaming(self, kind: str) -> AbstractContextManager[None]:
        if kind not in self.entries:
            return nullcontext()
        return blaming(self.entries[kind], "cannot take what it is given")


def _corrupts(network: nn.Module) -> bool:
    """Whether a network has a convolution of one pixel that skips pixels and takes fewer than 16
    channels. With channels last, oneDNN writes its gradient beyond the end of a buffer on a CPU,
    which ends the process or spoils numbers: https://github.com/uxlfoundation/oneDNN/issues/6035.
    """
    return any(
        isinstance(each, nn.Conv2d)
        and each.in_channels < 16
        and math.prod(each.kernel_size) == 1
        and math.prod(each.stride) > 1
        for each in network.modules()
    )
