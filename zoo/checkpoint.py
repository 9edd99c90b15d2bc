"""Files of a run that hold tensors: the best weights, and the state that training resumes from.

Both are safetensors with a JSON header, written whole or not at all, so that a run killed at any
moment leaves whole files. No pickle is ever written or read.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .api import WeightsError
from .files import write_whole
from .files.reading import require_regular

_HEADER = "zoo"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Named tensors and a JSON header in one safetensors file."""
    # copies: safetensors refuses tensors that share memory, as tied weights do
    flat = {
        name: torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
        for name, tensor in tensors.items()
    }
    write_whole(path, save(flat, metadata={_HEADER: json.dumps(header)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What :func:`save_tensors` wrote, on the CPU. Raises :class:`WeightsError` naming the file."""
    with _opened(path) as (stream, header):
        return {name: stream.get_tensor(name) for name in stream.keys()}, header  # noqa: SIM118


def load_header(path: Path) -> dict[str, Any]:
    """Of such a file, without its tensors; raises the same."""
    with _opened(path) as (_, header):
        return header


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    require_regular(path, error=WeightsError)
    try:
        with safe_open(path, "pt") as stream:
            header = (stream.metadata() or {}).get(_HEADER)
            if header is None:
                raise WeightsError(f"{path}: not written by the zoo; --weights takes foreign files")
            yield stream, dict(json.loads(header))
    except (SafetensorError, OSError, ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: not a complete safetensors file: {error}") from error


def pack_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state as named tensors and a JSON-able rest."""
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
    """Put back what :func:`pack_optimizer` took. Raises ValueError, or what torch raises, for what
    is of another optimiser."""
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
    for own, group in zip(optimizer.param_groups, groups, strict=True):
        for key, value in own.items():
            if key not in group or not _alike(value, group[key]):
                raise ValueError(f"{key} of the optimiser is {group.get(key)!r:.40}")
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    for parameter, entry in optimizer.state.items():
        for key, value in entry.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != parameter.shape:
                raise ValueError(f"{key} of the optimiser has shape {tuple(value.shape)}")
            # a fused step walks through both in memory order: strides must agree
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                entry[key] = torch.empty_like(parameter).copy_(value)


def _alike(own: Any, read: Any) -> bool:
    """Whether it can stand in the same place: a number for a number, a list for as long a list."""
    if isinstance(own, list | tuple):
        return isinstance(read, list | tuple) and len(own) == len(read)
    if type(own) in (int, float):
        return type(read) in (int, float)
    return type(own) is type(read)


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {n[len(start) :]: t for n, t in tensors.items() if n.startswith(start)}
