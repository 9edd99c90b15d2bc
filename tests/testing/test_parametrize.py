"""The kit in the pytest of a plugin's author: ids, expected failures, messages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from test_kit import GROUP, SOURCE

if TYPE_CHECKING:
    from conftest import Plant

CHECKS = 14
"""The number of checks of a loss."""
TESTS = """
from zoo.testing import parametrize_with_checks


@parametrize_with_checks("healthy", kind="loss")
def test_healthy(check):
    check()


@parametrize_with_checks("known")
def test_known(check):
    check()


@parametrize_with_checks("broken", kind="loss")
def test_broken(check):
    check()


@parametrize_with_checks("mended", kind="loss")
def test_mended(check):
    check()


@parametrize_with_checks("nobody_has_this", kind="loss")
def test_nobody(check):
    check()
"""


def run_pytest(folder: Path, *arguments: str) -> str:
    (folder / "test_conformance.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-rxX", *arguments]
    variables = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=240
    )
    return done.stdout


def test_the_kit_in_pytest(plant: Plant, tmp_path: Path) -> None:
    plant("menagerie", {GROUP: {n: n for n in ("healthy", "known", "broken", "mended")}}, SOURCE)
    output = run_pytest(tmp_path)
    verdicts = dict(
        re.findall(r"^test_conformance\.py::(\S+) (PASSED|FAILED|XFAIL|XPASS)", output, re.M)
    )
    check = "gradient_at_the_target_is_finite"
    assert verdicts["test_healthy[found_through_metadata]"] == "PASSED"
    assert verdicts[f"test_known[{check}]"] == "XFAIL"
    wrong = [name for name, verdict in verdicts.items() if verdict == "FAILED"]
    assert [name for name in wrong if "nobody" not in name] == [
        f"test_broken[{check}]",
        f"test_mended[{check}]",
    ]
    assert f"CheckFailed: broken: {check}: the gradient at the target is not finite" in output
    assert f"CheckFailed: mended: {check}: passes, so take it out" in output
    assert "no point is ever quite right" in output
    assert sum("nobody" in name for name in wrong) == CHECKS
    assert 'no installed loss is called "nobody_has_this"' in output
    assert len(verdicts) == 5 * CHECKS
    # the user's own line is shown, not the kit's
    assert ">       check()" in output
    assert "zoo/testing/parametrize.py" not in output


def test_collecting_loads_no_plugin(plant: Plant, tmp_path: Path) -> None:
    plant("hanging", {GROUP: {"healthy": "x", "known": "x"}}, "import time\ntime.sleep(600)\n")
    output = run_pytest(tmp_path, "--collect-only")
    assert "test_known[gives_a_scalar]" in output
    assert f"{5 * CHECKS} tests collected" in output
