"""A real Chromium, driven by playwright, for tests and benchmarks of the board's page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str:
    """Its program. Without one the calling test skips, and fails where CI counts on it."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    reason = "no Chromium on the PATH: the page was NOT tested in a browser (apt install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A fresh one with a fresh profile."""
    # Chromium refuses to run its sandbox as root, which containers are
    sandbox = () if os.getuid() else ("--no-sandbox",)
    program = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*ARGUMENTS, *sandbox], headless=True
        )
        yield browser
        browser.close()
