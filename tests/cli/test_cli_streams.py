"""The command line with closed streams, with pipes whose reader ends, and without a home."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ZOO = f"{sys.executable} -m zoo"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_causes_no_error(closed: str) -> None:
    done = shell(f"{ZOO} list {closed}")
    assert done.returncode == 0
    assert done.stderr == ""
    assert ("custom_cnn" in done.stdout) == (">&-" not in closed or closed.startswith("2"))


def test_an_error_keeps_its_exit_status_when_streams_are_closed() -> None:
    assert shell(f"{ZOO} info nosuch >&- 2>&-").returncode == 1
    assert shell(f"{ZOO} list --nosuch 2>&-").returncode == 2


@pytest.mark.parametrize("pipe", ["| head -1", "2>&1 | head -1"])
def test_the_reader_of_a_pipe_may_end_early(pipe: str) -> None:
    done = shell(f"{ZOO} list {pipe}")
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    done = shell(f"{ZOO} list > /dev/full")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "No space left on device" in line


def test_an_unwritable_home_causes_no_warning_of_a_library() -> None:
    program = (
        "import sys; from zoo.cli import main; sys.argv = ['zoo', '--version']\n"
        "try: main()\n"
        "finally: import matplotlib.font_manager"
    )
    home = {"HOME": "/dev/null", "MPLCONFIGDIR": "", "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **home},
        timeout=120,
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_user_without_a_home_is_told_what_to_set() -> None:
    done = shell(f"{ZOO} models", ZOO_HOME="~nobody-of-that-name/zoo")
    assert done.returncode == 2
    assert "set ZOO_HOME" in done.stderr


def test_the_home_of_an_unknown_user_is_reported_as_missing() -> None:
    done = shell(f"{ZOO} data info landmarks_csv --data '~nobody-of-that-name/data'")
    assert done.returncode == 1
    assert "no such file or folder" in done.stderr
