"""Loading the best weights of a run: how large their network may be."""

from __future__ import annotations

import torch
import torchvision

from zoo.runs.trained import _room_for


def test_a_network_that_is_cut_down_after_it_is_built_has_room() -> None:
    """`vgg19` is built with its classifier, and its maps are stored without."""
    with torch.device("meta"):
        network = torchvision.models.vgg19_bn()
    built = sum(parameter.nbytes for parameter in network.parameters())
    stored = sum(tensor.nbytes for tensor in network.features.state_dict().values())
    assert stored < 100 << 20 < built
    assert _room_for(network.features.state_dict()) > 1.1 * built
