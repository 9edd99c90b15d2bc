"""How PyTorch's threads wait, and how many there are: settled before PyTorch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo import threads


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable is set, and PyTorch is not loaded."""
    for name in (*threads.WAITING, *threads.COUNT):
        monkeypatch.setenv(name, "")  # so that what the test leaves there is undone
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(threads, "_affinity", lambda: 4)
    monkeypatch.setattr(threads, "_quota", lambda root, own: float("inf"))


def test_importing_the_zoo_settles_how_threads_wait_before_torch_is_loaded() -> None:
    code = "import zoo, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["PASSIVE", "False"]


def test_threads_that_wait_sleep() -> None:
    assert threads.settle() == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert threads.waiting() == "OMP_WAIT_POLICY=PASSIVE"


@pytest.mark.parametrize("name", threads.WAITING)
def test_what_a_user_says_about_waiting_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "active")
    assert threads.settle() == {}
    assert threads.waiting() == f"{name}=active"


@pytest.mark.parametrize("name", threads.COUNT)
def test_a_containers_share_is_the_number_of_threads_unless_a_user_says_another(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_quota", lambda root, own: 2.0)
    monkeypatch.setenv(name, "3")
    assert "OMP_NUM_THREADS" not in threads.settle()
    monkeypatch.delenv(name)
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert threads.settle()["OMP_NUM_THREADS"] == "2"


def test_nothing_is_settled_after_torch_is_loaded_and_the_advice_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", os)
    assert threads.settle() == {}
    monkeypatch.setattr(threads, "LATE", True)
    assert "Import zoo first" in threads.advice(2)
    assert threads.advice(1) == ""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    assert threads.advice(2) == ""


QUOTAS = {
    "none": ({}, 4),
    "no limit": ({"cpu.max": "max 100000"}, 4),
    "half a processor": ({"cpu.max": "50000 100000"}, 1),
    "two": ({"cpu.max": "200000 100000"}, 2),
    "more than there are": ({"cpu.max": "900000 100000"}, 4),
    "of the group above": ({"box/cpu.max": "300000 100000", "box/own/cpu.max": "max 100000"}, 3),
    "of the older version": (
        {"cpu/box/cpu.cfs_quota_us": "200000", "cpu/box/cpu.cfs_period_us": "100000"},
        2,
    ),
    "no limit of the older version": (
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        4,
    ),
    "no number": ({"cpu.max": "many few"}, 4),
}


@pytest.mark.parametrize("case", QUOTAS)
def test_a_container_has_a_share_of_the_processors(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, cores = QUOTAS[case]
    monkeypatch.undo()
    monkeypatch.setattr(threads, "_affinity", lambda: 4)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    groups = tmp_path / "cgroup"
    groups.write_text("4:cpu,cpuacct:/box\n0::/box/own\n")
    assert threads.usable_cores(str(tmp_path), str(groups)) == cores
