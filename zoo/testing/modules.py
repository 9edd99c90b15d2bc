"""What must be true of every torch module that a plugin builds, a backbone's or a head's.

``run`` gives a module's output tensors for one fixed input in eval mode, without gradients.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from zoo.testing.failures import CheckFailed, must
from zoo.testing.tensors import CLOSE, difference, listed

Run = Callable[[nn.Module], list[Tensor]]


def require_gradients(module: nn.Module) -> None:
    """Fails unless, after a backward pass, every trainable parameter has a finite gradient."""
    trainable = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    if dead := [name for name, p in trainable if p.grad is None]:
        raise CheckFailed(
            f"{len(dead)} of {len(trainable)} trainable parameters get no gradient, so they would "
            f"never learn: {listed(dead)}; do not build what is not used, or freeze it"
        )
    broken = [n for n, p in trainable if p.grad is not None and not p.grad.isfinite().all()]
    if broken:
        raise CheckFailed(f"the gradient is not finite for {listed(broken)}")


def require_round_trip(module: nn.Module, other: nn.Module, run: Run) -> None:
    """Fails unless ``other``, built anew, gives the same output with the state of ``module``."""
    state = module.state_dict()
    if odd := [name for name, value in state.items() if not isinstance(value, Tensor)]:
        raise CheckFailed(f"its state_dict holds what is no tensor, and is not kept: {listed(odd)}")
    with must("loading the state_dict of a module into another"):
        other.load_state_dict(state)
    if difference(run(module), run(other)) > CLOSE:
        raise CheckFailed(
            "a second module gives another output with the first one's state_dict: something it "
            "computes with is neither a parameter nor a buffer"
        )


def require_same_init(build: Callable[[], nn.Module]) -> None:
    """Fails unless ``build`` takes its random numbers from torch's state, and does not seed it."""
    built, states = [], []
    for seed in (3, 3, 4):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            built.append(build())
            states.append(torch.get_rng_state())
    if name := _first_difference(built[0], built[1]):
        raise CheckFailed(f"two modules built after torch.manual_seed(3) differ, first in {name}")
    if torch.equal(states[0], states[2]):
        raise CheckFailed("building it seeds torch, so every run would have the same seed")


def _first_difference(a: nn.Module, b: nn.Module) -> str:
    """The name of a tensor that differs between two states; empty: none does."""
    one, other = a.state_dict(), b.state_dict()
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other or difference([one[name]], [other[name]]) > 0:
            return str(name)
    return ""


def require_deepcopy(module: nn.Module, run: Run) -> None:
    """Fails unless a deep copy gives the same output, with tensors of its own."""
    with must("copy.deepcopy"):
        twin = copy.deepcopy(module)
    _require_twin(module, twin, run, "the copy")


def require_pickling(module: nn.Module, run: Run) -> None:
    """Fails unless the unpickled module gives the same output, with tensors of its own."""
    with must("pickle"):
        file = io.BytesIO()
        pickle.dump(module, file)
        file.seek(0)
        twin = pickle.load(file)
    _require_twin(module, twin, run, "the unpickled module")


def _require_twin(module: nn.Module, twin: Any, run: Run, name: str) -> None:
    if type(twin) is not type(module):
        raise CheckFailed(f"{name} is a {type(twin).__name__}, not a {type(module).__name__}")
    before = run(module)
    with must(f"a forward pass of {name}"):
        found = run(twin)
    if difference(before, found) > CLOSE:
        raise CheckFailed(f"{name} gives another output")
    with torch.no_grad():
        for tensor in (*twin.parameters(), *twin.buffers()):
            tensor.zero_()
    if difference(before, run(module)) > CLOSE:
        raise CheckFailed(f"{name} shares its tensors with the original")


def silence_dropout(module: nn.Module) -> None:
    """Keep every dropout, torch's and timm's DropPath, in eval mode while the rest trains."""
    for part in module.modules():
        if "drop" in type(part).__name__.lower():
            part.eval()
