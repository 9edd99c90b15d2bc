"""Builds the page: template, style, scripts and data in one file that loads nothing.

A Content-Security-Policy allows only the page's own script and style, by their hashes, and pictures
inside the file. Everything else, such as the network, is forbidden, whatever a record holds.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date
from importlib import metadata, resources
from typing import Any

import jinja2

from ..board.columns import BASELINE, remarks
from ..board.groups import Group
from ..board.labels import printable
from ..records import without_collector
from .cards import RUN, Command
from .columns import columns_of
from .payload import group_payload

BLOCK = 50
"""Number of rows whose details a browser parses together."""

WITHOUT_SCRIPT = 20
"""Number of rows of a group that are shown where scripts are forbidden, as in a mail."""

SCRIPTS = ("dom", "data", "plot", "charts", "figures", "filters", "table", "card", "faces", "main")
"""Names of the scripts, in the order in which they depend on one another."""


@without_collector()
def to_html(
    groups: Sequence[Group],
    command: Command | None = None,
    galleries: Sequence[Any] | None = None,
    sort: str = "nme_ioc",
    made: date | None = None,
) -> str:
    """The page of groups sorted by ``sort``; ``command`` says how to train a record's run again.

    ``galleries`` has one entry for each group, see :mod:`.gallery`; None for a page without faces.
    ``made`` is the date on the page; None means today.
    """
    day = (made or date.today()).isoformat()
    version = f"landmark-zoo {metadata.version('landmark-zoo')}"
    script = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}\n}})();\n'
    style = _asset("page.css")
    heads, blocks = [], []
    for i, group in enumerate(groups):
        head, details = group_payload(group, command)
        named = (each.key for each in group.metrics if each.answers_to(sort))
        metric = group.headline if sort == "nme_ioc" else next(named, sort)
        extra = {"sorted": metric, "gallery": galleries[i] if galleries else None}
        heads.append(head | extra | {"cite": _citation(group, version, day)})
        blocks += list(_blocks(i, details))
    board = {
        "block": BLOCK,
        "run": RUN,
        "runs": sum(len(row.runs) for group in groups for row in group.rows),
        "version": version,
        "made": day,
        "groups": heads,
    }
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(_asset("page.html")).render(
        policy=_policy(script, style),
        script=script,
        style=style,
        board=embed(board),
        blocks=blocks,
        groups=[_plain(group) for group in groups],
    )


def _citation(group: Group, version: str, day: str) -> str:
    """A BibTeX entry for the group's table: benchmark, data and date."""
    label, data = printable(group.benchmark.label), printable(group.fingerprint[:12])
    return (
        "@misc{landmark_zoo,\n"
        "  author = {{The landmark-zoo authors}},\n"
        "  title  = {landmark-zoo: leaderboard of facial-landmark models},\n"
        f"  year   = {{{day[:4]}}},\n"
        f"  note   = {{{version}, {label}, {group.split} split, data {data}, {day}}}\n"
        "}"
    )


def embed(value: Any) -> str:
    """JSON for a script element: no text in it can end the element or open a comment."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _blocks(group: int, details: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for start in range(0, len(details), BLOCK):
        yield f"rows-{group}-{start // BLOCK}", embed(details[start : start + BLOCK])


def _policy(script: str, style: str) -> str:
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _plain(group: Group) -> dict[str, Any]:
    """The content of the page without scripts."""
    columns = [c for c in columns_of(group) if c.key in (group.headline, "fr_08")]
    rows = group.rows[:WITHOUT_SCRIPT]
    names = [", ".join((row.backbone, *remarks(row))) for row in rows]
    return {
        "heading": printable(group.heading),
        "columns": [column.heading for column in columns],
        "more": len(group.rows) - len(rows),
        "rows": [
            *(
                (printable(name), [column.text(row, 2) for column in columns])
                for name, row in zip(names, rows, strict=True)
            ),
            (BASELINE, [column.baseline(group, 2) for column in columns]),
        ],
    }
