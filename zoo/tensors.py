"""Files that hold tensors: a run's best weights, its training state, and weights from elsewhere.

The zoo's own files are safetensors with a JSON header. They are written whole or not at all, so
that a run killed at any moment leaves no partial file, and they carry a digest of their content, so
that a flipped bit is noticed. Files from elsewhere are safetensors, or a checkpoint that torch
reads with ``weights_only``. No pickle is ever loaded or written, and a file that is larger than the
networks that the limit allows is not read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from .api import WeightsError
from .files import write_whole
from .files.reading import digest, require_regular
from .limits import GIB, how_to_raise, memory_limit

_HEADER = "zoo"
_DIGEST = "sha256"
_SPARE = 64 << 20
"""Bytes that a file may hold besides its parameters: its header, and buffers."""
PROVENANCE = ("source", "license")
"""Keys in the metadata of a weights file from elsewhere that are read."""
LONGEST_VALUE = 300
STATE = 4
"""Copies of a network in a training state: weights, their average, the optimiser's two moments."""


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Named tensors and a JSON header in one safetensors file."""
    # copies: safetensors refuses tensors that share memory, as tied weights do
    flat = {
        name: torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
        for name, tensor in tensors.items()
    }
    # in the same entry as the header: safetensors does not keep the order of several entries
    signed = {**header, _DIGEST: _digest(flat, header)}
    write_whole(path, save(flat, metadata={_HEADER: json.dumps(signed)}))


def load_tensors(path: Path, copies: int = 1) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, on the CPU, and header that :func:`save_tensors` wrote. The file may be as large as
    ``copies`` networks.

    Raises :class:`WeightsError` naming the file."""
    with _open_checked(path, copies) as (stream, header):
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    stored_digest = header.pop(_DIGEST, None)
    # older versions wrote none
    if stored_digest is not None and stored_digest != _digest(tensors, header):
        raise WeightsError(
            f"{path}: is damaged: it does not hold what was written; take another copy of it"
        )
    return tensors, header


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    """sha256 of a header and of names, types, shapes and bytes of all tensors."""
    sha256 = hashlib.sha256(json.dumps(header).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        sha256.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        sha256.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha256.hexdigest()


def load_header(path: Path) -> dict[str, Any]:
    """The header alone of a file that :func:`save_tensors` wrote. Raises :class:`WeightsError`."""
    with _open_checked(path, STATE) as (_, header):
        return header


@contextlib.contextmanager
def _open_checked(path: Path, copies: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    _require_size(path, copies)
    try:
        with safe_open(path, "pt") as stream:
            header = (stream.metadata() or {}).get(_HEADER)
            if header is None:
                raise WeightsError(f"{path}: not written by the zoo; --weights takes foreign files")
            yield stream, dict(json.loads(header))
    except (SafetensorError, OSError, ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: not a complete safetensors file: {error}") from error


def _require_size(path: Path, copies: int) -> None:
    """Raises :class:`WeightsError` for no regular file, or one larger than ``copies`` networks."""
    require_regular(path, error=WeightsError)
    _refuse_beyond(path, copies, path.stat().st_size)


def _refuse_beyond(path: Path, copies: int, size: int) -> None:
    if size > copies * memory_limit() + _SPARE:
        raise WeightsError(
            f"{path}: holds {size / GIB:,.1f} GiB, more than a network within the limit needs "
            f"there; {how_to_raise()}"
        )


def pack_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state as named tensors, and the rest of it, which JSON can hold."""
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for index, entry in state["state"].items():
        for key, value in entry.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{key}"] = value
            else:
                plain.setdefault(str(index), {})[key] = value
    return tensors, {"groups": state["param_groups"], "plain": plain}


def unpack_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], rest: Mapping[str, Any]
) -> None:
    """Restore a state from :func:`pack_optimizer`. Raises ValueError, or what torch raises, for the
    state of another optimiser."""
    state: dict[int, dict[str, Any]] = {}
    for index, entry in rest["plain"].items():
        state.setdefault(int(index), {}).update(entry)
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    groups = [
        {
            key: tuple(value) if isinstance(value, list) and key == "betas" else value
            for key, value in group.items()
        }
        for group in rest["groups"]
    ]
    for current, group in zip(optimizer.param_groups, groups, strict=True):
        for key, value in current.items():
            if key not in group or not _alike(value, group[key]):
                raise ValueError(f"{key} of the optimiser is {group.get(key)!r:.40}")
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    for parameter, entry in optimizer.state.items():
        for key, value in entry.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != parameter.shape:
                raise ValueError(f"{key} of the optimiser has shape {tuple(value.shape)}")
            # a fused step goes through both in memory order, so their strides must agree
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                entry[key] = torch.empty_like(parameter).copy_(value)


def _alike(current: Any, stored: Any) -> bool:
    """Whether one can replace the other: a number a number, a list another of the same length."""
    if isinstance(current, list | tuple):
        return isinstance(stored, list | tuple) and len(current) == len(stored)
    if type(current) in (int, float):
        return type(stored) in (int, float)
    return type(current) is type(stored)


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {n[len(start) :]: t for n, t in tensors.items() if n.startswith(start)}


# Wrappers that published checkpoints add around a network's own names.
_PREFIXES = ("", "backbone.", "module.", "model.", "module.backbone.")
_NESTS = ("state_dict", "model", "model_state_dict", "model_state", "state_dict_ema")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name. Raises :class:`WeightsError` that names the file and what is wrong."""
    _require_size(path, STATE)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _refuse_beyond(path, STATE, sum(each.file_size for each in archive.infolist()))
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
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
        if isinstance(content, Mapping) and isinstance(content.get(nest), Mapping):
            content = content[nest]
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path}: holds a {type(content).__name__}, not named tensors")
    tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
    if not tensors:
        raise WeightsError(f"{path}: holds no tensors")
    return tensors


def read_provenance(path: Path) -> dict[str, str]:
    """``source`` and ``license`` in the metadata of a safetensors file: where its weights come
    from, in its author's words, and their terms. Empty for a file without them."""
    if path.suffix != ".safetensors":
        return {}
    with safe_open(path, "pt") as stream:
        metadata = stream.metadata() or {}
    return {key: metadata[key][:LONGEST_VALUE] for key in PROVENANCE if metadata.get(key)}


def load_backbone(backbone: nn.Module, tensors: Mapping[str, Tensor], where: str) -> list[str]:
    """Fill every tensor of the backbone; returns names in the file that the backbone does not use.

    Names may carry one of the usual prefixes, in the file or in the backbone. Raises
    :class:`WeightsError` for a tensor that is missing or has another shape.
    """
    state = backbone.state_dict()
    file_names = max(
        (_rename(tensors, outer, inner) for outer in _PREFIXES for inner in ("", "model.")),
        key=lambda names: len(state.keys() & names.keys()),
    )
    # counters of batches seen are not weights; older checkpoints lack them
    missing = [n for n in state if n not in file_names and not n.endswith("num_batches_tracked")]
    if missing:
        raise WeightsError(
            f"{where}: lacks {len(missing)} of the backbone's {len(state)} tensors, "
            f"the first is {missing[0]}; are these weights of another model?"
        )
    loaded = {name: tensors[file_names[name]] for name in state if name in file_names}
    for name, tensor in loaded.items():
        if tensor.shape != state[name].shape:
            raise WeightsError(
                f"{where}: {name} has shape {tuple(tensor.shape)}, "
                f"the backbone wants {tuple(state[name].shape)}"
            )
    backbone.load_state_dict(loaded, strict=False)
    require_finite(backbone, where)
    return sorted(tensors.keys() - {file_names[name] for name in loaded})


def require_finite(module: nn.Module, where: str) -> None:
    """Raises :class:`WeightsError` for a parameter that is not finite, and for a buffer with a NaN.
    A buffer may be infinite, as masks are."""
    wrong = [name for name, each in module.named_parameters() if not each.isfinite().all()]
    wrong += [name for name, each in module.named_buffers() if each.isnan().any()]
    if wrong:
        raise WeightsError(
            f"{where}: {wrong[0]} holds numbers that are not finite, so it is of no trained model; "
            "take another copy of the file, or train it again"
        )


def _rename(tensors: Mapping[str, Tensor], outer: str, inner: str) -> dict[str, str]:
    """The backbone's names of the file's tensors, mapped to the file's own names."""
    return {inner + name[len(outer) :]: name for name in tensors if name.startswith(outer)}


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal. Raises :class:`WeightsError` naming the file."""
    _require_size(path, STATE)
    return digest(path, WeightsError)
