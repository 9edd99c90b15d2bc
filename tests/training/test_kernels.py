"""What is asked for to be fast changes no result, and is let go where it cannot be had."""

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
    ("backend", "said"),
    [("eager", "backbone and head are compiled"), (no_compiler, "goes on without it")],
)
def test_a_compiled_run_ends_in_the_same_bits_and_a_failure_is_said(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, backend: object, said: str
) -> None:
    """Batch norm and dropout are on: the trial of what was compiled leaves no trace."""
    plain = kit.train(out="plain")
    monkeypatch.setattr(kernels, "BACKEND", backend)
    compiled = kit.train("compile=true", out="compiled")
    [note] = [each for each in kit.watcher.notes if each.startswith("--compile: ")]
    assert said in note
    assert ("no compiler here" in note) == (backend is no_compiler)
    assert compiled.path.name == plain.path.name, "it is the same configuration"
    assert kit.outcome(compiled.path)[1:] == kit.outcome(plain.path)[1:]


def test_a_gpu_gets_its_fast_kernels_back_and_forth(monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark

    before = state()
    with kernels.fast_kernels(torch.device("cpu")):
        assert state() == before
    with kernels.fast_kernels(torch.device("cuda")):
        assert state() == ("high", True)
    assert state() == before
