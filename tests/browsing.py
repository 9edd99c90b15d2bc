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
    """The path of Chromium. Without it the calling test is skipped; in CI it fails."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    reason = "no Chromium on the PATH: the page was NOT tested in a browser (apt install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A new browser process with a new profile."""
    # Chromium refuses to run its sandbox as root, the user in most containers
    sandbox = () if os.getuid() else ("--no-sandbox",)
    program = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*ARGUMENTS, *sandbox], headless=True
        )
        yield browser
        browser.close()
