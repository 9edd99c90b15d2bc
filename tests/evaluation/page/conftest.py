"""Pages with few and with many rows, and a real Chromium whose errors and requests are logged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_records import board, record, varied
from playwright.sync_api import Browser, Page
from reader import DESKTOP, OFFICIAL, Open, PageLog

from zoo.evaluation.page import to_html


@pytest.fixture(scope="module")
def few() -> str:
    """A page with three models in one group, and a second group. The order by NME is b, a, c. The
    order by GMACs is a, b, c, because c has no GMACs.
    """
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
def page_log() -> PageLog:
    return PageLog()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path, page_log: PageLog) -> Iterator[Open]:
    """``open_page(html, size=, dark=, at=, **context)``: the page in a fresh profile.

    After the test, no page may have logged or thrown an error, or requested anything but its own
    file and the embedded pictures.
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
        context.on("request", lambda request: page_log.requests.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: page_log.errors.append(str(error)))
        page.on(
            "console",
            lambda line: page_log.errors.append(line.text) if line.type != "log" else None,
        )
        page.set_default_timeout(10_000)
        page.goto(f"{file.as_uri()}{at}")
        return page

    yield start
    for context in contexts:
        context.close()
    assert page_log.errors == []
    outside = [url for url in page_log.requests if not url.startswith(("file:", "data:"))]
    assert outside == []
