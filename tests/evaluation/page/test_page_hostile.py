"""Records may be hostile: none of their text becomes markup, script, style or a link."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from page_records import board, record
from playwright.sync_api import expect
from reader import Open

from zoo.evaluation.page import to_html
from zoo.evaluation.page.html import embed

EVIL = "</script><img src=x onerror=window.hit=1><script>window.hit=2</script><!--"


@pytest.fixture(scope="module")
def html() -> str:
    """A page of two records in which every text that the page shows is hostile."""
    config = {
        "recipe": f"recipe{EVIL}",
        "loss": f"loss{EVIL}",
        "head": f"head{EVIL}",
        f"key{EVIL}": f"value{EVIL}",
        "options": {f"kind{EVIL}": {f"option{EVIL}": [f"item{EVIL}"]}},
    }
    hostile = record(f"net{EVIL}", 0, 0.05, config=config, run=f"run{EVIL}")
    hostile["data"] |= {
        "dataset": f"data{EVIL}",
        "release": f"release{EVIL}",
        "region": f"region{EVIL}",
        "protocol": f"protocol{EVIL}",
        "license": f"licence{EVIL}",
    }
    hostile["environment"] |= {"device": f"device{EVIL}", f"env{EVIL}": f"set{EVIL}"}
    hostile["model"]["weights"] = f"weights{EVIL}"
    hostile["plugin"]["version"] = f"1.0{EVIL}"
    hostile["plugins"] = {f"kind{EVIL}": {"id": f"id{EVIL}", "distribution": f"dist{EVIL}"}}
    hostile["cost"]["bench"]["device"] = f"bench{EVIL}"
    results = hostile["results"]["val"]
    results["regions"] = {f"part{EVIL}": 0.05, "jaw": 0.06}
    results["pose"][0]["name"] = f"pose{EVIL}"
    results["predictions"] = f"digest{EVIL}"
    other = json.loads(json.dumps(hostile)) | {"config_hash": "other", "seed": 1, "run": "other"}
    other["results"]["val"]["predictions"] = "another"
    return to_html(board(hostile, other), command=lambda r: f"zoo train {r.plugin.id}")


@pytest.mark.parametrize("at", ["", "#g0r0"], ids=["board", "card"])
def test_hostile_text_is_shown_and_does_nothing(html: str, at: str, open_page: Open) -> None:
    page = open_page(html, at=at)
    page.wait_for_selector("table.main")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.querySelectorAll('script:not([type])').length") == 1
    shown = "dialog" if at else "main"
    expect(page.locator(shown)).to_contain_text(f"net{EVIL}")
    for word in ("licence", "weights", "value", "run", "dist", "env") if at else ("part", "pose"):
        expect(page.locator(shown)).to_contain_text(f"{word}{EVIL}")


def test_no_text_of_a_record_is_markup_in_the_source(html: str) -> None:
    assert "<img" not in html
    assert len(re.findall("<script", html)) == len(re.findall("</script>", html))
    assert "<!--" not in html


def test_embedded_json_reads_back_and_cannot_end_its_element() -> None:
    value = {EVIL: [EVIL, "\u2028\u2029&amp;", "]]>"]}
    text = embed(value)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == value


def test_control_characters_are_replaced_and_long_names_are_cut(open_page: Open) -> None:
    name = "\x1b[31mred\u202e" + "x" * 5000
    page = open_page(to_html(board(record(name), record("b"))))
    shown = page.locator("table.main tbody a").first.inner_text()
    assert shown.startswith("?[31mred?xxx")
    assert len(shown) <= 120


def test_no_address_of_a_record_becomes_a_link(open_page: Open) -> None:
    hostile = record("javascript:window.hit=1")
    hostile["model"]["weights"] = "javascript:window.hit=1"
    page = open_page(to_html(board(hostile)), at="#g0r0")
    links = page.evaluate("[...document.links].map(e => e.getAttribute('href'))")
    assert links
    assert all(link.startswith("#") for link in links)


def test_the_page_allows_itself_nothing_but_its_own_script_and_style(tmp_path: Path) -> None:
    html = to_html(board(record()))
    [policy] = re.findall('Content-Security-Policy" content="([^"]*)"', html)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.replace("&#39;", "'").split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/=]+'", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/=]+'", rules["style-src"])
    assert rules["img-src"] == "data:"
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", html)
