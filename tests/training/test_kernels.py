"""Options for speed change no result, and training goes on without one that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch

from zoo.training import kernels

if TYPE_CHECKING:
    from conftest import Kit


def no_compiler(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
    raise RuntimeError("no compiler here")


@pytest.mark.parametrize(
    ("backend", "words"),
    [("eager", "backbone and head are compiled"), (no_compiler, "goes on without it")],
)
def test_a_compiled_run_ends_in_the_same_bits_and_a_failure_is_reported(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, backend: object, words: str
) -> None:
    """With batch norm and dropout, so a trial of the compiled model must leave no trace in them."""
    plain = kit.train(out="plain")
    monkeypatch.setattr(kernels, "BACKEND", backend)
    compiled = kit.train("compile=true", out="compiled")
    [note] = [each for each in kit.watcher.notes if each.startswith("--compile: ")]
    assert words in note
    assert ("no compiler here" in note) == (backend is no_compiler)
    assert compiled.path.name == plain.path.name, "it is the same configuration"
    assert kit.outcome(compiled.path)[1:] == kit.outcome(plain.path)[1:]


def test_fast_kernels_are_switched_on_for_a_gpu_and_off_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def state() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark

    before = state()
    with kernels.fast_kernels(torch.device("cpu")):
        assert state() == before
    with kernels.fast_kernels(torch.device("cuda")):
        assert state() == ("high", True)
    assert state() == before
