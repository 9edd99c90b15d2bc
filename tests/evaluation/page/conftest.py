"""Pages of few rows and of many, a real Chromium, and a reader who hears all that goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_records import board, record, varied
from playwright.sync_api import Browser, Page
from reader import DESKTOP, OFFICIAL, Heard, Open

from zoo.evaluation.page import to_html


@pytest.fixture(scope="module")
def few() -> str:
    """Three models in one group, and another group. Their order by NME: b, a, c; by GMACs: a, c,
    b; c has no GMACs."""
    records = [
        record("net_a", 0, 0.06, gmacs=0.1),
        record("net_b", 0, 0.05, gmacs=1.0, config={"recipe": "seed"}),
        record("net_c", 0, 0.09, model={"parameters": 5_000_000, "gmacs": None}),
        record("leaky", 0, 0.04, data=OFFICIAL),
    ]
    return to_html(board(*records), command=lambda r: f"zoo train {r.plugin.id}")


@pytest.fixture(scope="module")
def many() -> str:
    return to_html(board(*varied(300)))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path, heard: Heard) -> Iterator[Open]:
    """``open_page(html, size=, dark=, at=, **context)``: the page in a fresh profile.

    When the test is over, no page may have logged an error, thrown one, or asked for anything but
    its own file and the pictures inside it.
    """
    contexts = []

    def start(
        html: str,
        *,
        size: tuple[int, int] = DESKTOP,
        dark: bool = False,
        at: str = "",
        **more: Any,
    ) -> Page:
        file = tmp_path / f"board-{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            **more,
        )
        contexts.append(context)
        context.on("request", lambda request: heard.requests.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: heard.errors.append(str(error)))
        page.on(
            "console",
            lambda line: heard.errors.append(line.text) if line.type != "log" else None,
        )
        page.set_default_timeout(10_000)
        page.goto(f"{file.as_uri()}{at}")
        return page

    yield start
    for context in contexts:
        context.close()
    assert heard.errors == []
    outside = [url for url in heard.requests if not url.startswith(("file:", "data:"))]
    assert outside == []
