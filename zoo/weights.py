"""Weights from files: safetensors, or a checkpoint that torch reads with ``weights_only``.

No pickle is ever loaded: a checkpoint that needs code to be read is refused.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .api import WeightsError
from .files.reading import digest, require_regular

# Wrappers that published checkpoints add around a network's own names.
_PREFIXES = ("", "backbone.", "module.", "model.", "module.backbone.")
_NESTS = ("state_dict", "model", "model_state_dict", "model_state", "state_dict_ema")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name. Raises :class:`WeightsError` that names the file and what is wrong."""
    require_regular(path, error=WeightsError)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a complete safetensors file: {error}") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: refused: it is damaged, or holds more than tensors, and reading it could "
            "run its code; save the state_dict alone, best as safetensors"
        ) from error
    except Exception as error:  # torch's readers raise many kinds at a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path}: not a readable checkpoint: {reason}") from error
    for nest in _NESTS:
        if isinstance(found, Mapping) and isinstance(found.get(nest), Mapping):
            found = found[nest]
    if not isinstance(found, Mapping):
        raise WeightsError(f"{path}: holds a {type(found).__name__}, not named tensors")
    tensors = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
    if not tensors:
        raise WeightsError(f"{path}: holds no tensors")
    return tensors


def load_backbone(backbone: nn.Module, tensors: Mapping[str, Tensor], where: str) -> list[str]:
    """Fill every tensor of the backbone; returns the file's names that it had no use for.

    Names may carry one of the usual prefixes, on either side. Raises :class:`WeightsError` for a
    tensor that is missing or of another shape: a half-loaded backbone is none.
    """
    own = backbone.state_dict()
    theirs = max(
        (_rename(tensors, outer, inner) for outer in _PREFIXES for inner in ("", "model.")),
        key=lambda names: len(own.keys() & names.keys()),
    )
    # counters of batches seen are not weights; older checkpoints lack them
    missing = [n for n in own if n not in theirs and not n.endswith("num_batches_tracked")]
    if missing:
        raise WeightsError(
            f"{where}: lacks {len(missing)} of the backbone's {len(own)} tensors, "
            f"the first is {missing[0]}; are these weights of another model?"
        )
    found = {name: tensors[theirs[name]] for name in own if name in theirs}
    for name, tensor in found.items():
        if tensor.shape != own[name].shape:
            raise WeightsError(
                f"{where}: {name} has shape {tuple(tensor.shape)}, "
                f"the backbone wants {tuple(own[name].shape)}"
            )
    backbone.load_state_dict(found, strict=False)
    require_finite(backbone, where)
    return sorted(tensors.keys() - {theirs[name] for name in found})


def require_finite(module: nn.Module, where: str) -> None:
    """Raises :class:`WeightsError` for a parameter that is not finite, and for a buffer with a NaN:
    a mask may well be infinite."""
    wrong = [name for name, each in module.named_parameters() if not each.isfinite().all()]
    wrong += [name for name, each in module.named_buffers() if each.isnan().any()]
    if wrong:
        raise WeightsError(
            f"{where}: {wrong[0]} holds numbers that are not finite, so it is of no trained model; "
            "take another copy of the file, or train it again"
        )


def _rename(tensors: Mapping[str, Tensor], outer: str, inner: str) -> dict[str, str]:
    """What the backbone would call the file's tensors, to what the file calls them."""
    return {inner + name[len(outer) :]: name for name in tensors if name.startswith(outer)}


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    return digest(path, WeightsError)
