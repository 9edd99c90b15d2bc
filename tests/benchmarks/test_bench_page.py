"""The time to make a page of 10,000 records in 5 groups, and its speed in a browser.

Run with `make bench`; nothing is asserted about time, which depends on the machine. Plain `pytest`
takes a board of 50 records, to check that the benchmark works.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from page_records import varied
from playwright.sync_api import Browser, Page
from pytest_benchmark.fixture import BenchmarkFixture

from zoo.evaluation.board.leaderboard import collect
from zoo.evaluation.page import to_html
from zoo.evaluation.records import save_record

GROUPS, RECORDS, FEW = 5, 10_000, 50

Say = Callable[[str], None]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder with the records of runs of 60 epochs."""
    count = RECORDS if request.config.getoption("--benchmark-enable") else FEW
    folder = tmp_path_factory.mktemp("board")
    for group in range(GROUPS):
        for i, entry in enumerate(
            varied(count // GROUPS, data={"fingerprint": f"{group}f00d" * 8}, epochs=60)
        ):
            save_record(entry, folder / f"{group}" / f"{i:05}" / "record.json")
    return folder


@pytest.fixture(scope="module")
def page_file(runs: Path) -> Path:
    groups, _ = collect([runs])
    out = runs / "board.html"
    out.write_text(to_html(groups), encoding="utf-8")
    return out


@pytest.mark.benchmark(group="a board of 10,000 records")
def test_bench_page_command(benchmark: BenchmarkFixture, runs: Path, say: Say) -> None:
    """`zoo leaderboard --out board.html`, from the record files to the HTML file."""
    out = runs / "by_command.html"
    command = [sys.executable, "-P", "-m", "zoo", "leaderboard", str(runs), "--out", str(out)]
    done = benchmark.pedantic(
        subprocess.run, args=(command,), kwargs={"capture_output": True}, rounds=3
    )
    assert done.returncode == 0, done.stderr
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    say(f"the page of {sum(1 for _ in runs.glob('*/*'))} records has {out.stat().st_size:,} bytes")


@pytest.mark.benchmark(group="a board of 10,000 records")
def test_bench_page_rendering(benchmark: BenchmarkFixture, runs: Path) -> None:
    """Only the step that renders a board as HTML."""
    groups, _ = collect([runs])
    html = benchmark.pedantic(to_html, args=(groups,), rounds=3)
    assert html.count('id="rows-') >= GROUPS


@pytest.fixture(scope="module")
def opened(page_file: Path, browser: Browser) -> Iterator[tuple[Page, float]]:
    """The page in a browser, and the seconds until it showed its first table and charts."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        started = time.perf_counter()
        page.goto(page_file.as_uri())
        page.wait_for_selector("figure.chart g.series")
        yield page, time.perf_counter() - started


ACTIONS = {
    "sort": "document.querySelector('[data-sort=loss]').click()",
    "next page": "[...document.querySelectorAll('.pages button')][2].click()",
    "draw another row": "document.querySelector('tbody tr:last-child input').click()",
    "open a card": "location.hash = '#g0r' + Math.floor(performance.now() % 9)",
    "another group": "location.hash = location.hash.startsWith('#g1') ? '#g2' : '#g1'",
}


def test_bench_page_in_a_browser(opened: tuple[Page, float], say: Say) -> None:
    page, seconds = opened
    say(f"Chromium shows it after {seconds:.2f} s; then, to the next frame on the screen:")
    for name, action in ACTIONS.items():
        times = [
            page.evaluate(
                "async action => { const t = performance.now(); (0, eval)(action);"
                " await new Promise(requestAnimationFrame);"
                " await new Promise(done => setTimeout(done)); return performance.now() - t; }",
                action,
            )
            for _ in range(5)
        ]
        page.evaluate("document.querySelector('dialog[open]')?.close()")
        say(f"  {name:18} {statistics.median(times):6.0f} ms (median of 5)")
    assert page.locator("table.main tbody tr").count() > 0
