"""tiny_augmentation: black bars over a picture, as hair, hands and microphones hide faces."""

from collections.abc import Callable
from dataclasses import replace

import torch

from zoo.api import Augmentation, AugmentedBatch, UsageError


def build(*, share: float = 0.5, width: float = 0.1) -> Callable[[AugmentedBatch], AugmentedBatch]:
    """A bar ``width`` of the picture wide, over a ``share`` of the pictures."""
    if not (0 <= share <= 1 and 0 < width < 1):
        raise UsageError(f"tiny_augmentation: share = {share}, width = {width}: both lie in 0 to 1")

    def augment(batch: AugmentedBatch) -> AugmentedBatch:
        chosen, place, upright = batch.draws.unbind(1)
        size = batch.images.shape[-1]
        along = (torch.arange(size) + 0.5) / size
        inside = (along - place[:, None]).abs() < width / 2
        inside &= (chosen < share)[:, None]
        across = inside[:, None, None, :].expand(-1, 1, size, -1)
        bars = torch.where((upright < 0.5)[:, None, None, None], across, across.mT)
        # The points stay where they are. An augmentation that moves pixels must move them too.
        return replace(batch, images=batch.images.masked_fill(bars.to(batch.images.device), 0))

    return augment


plugin = Augmentation(
    build=build,
    draws=3,
    reference="Zhong et al., Random Erasing Data Augmentation, AAAI 2020",
    summary="black bars over the picture",
    api_version=2,
)
