"""`zoo list`: which plugins are installed, read from metadata alone."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.api import PluginError
from zoo.api.kinds import KINDS
from zoo.cli import output
from zoo.cli.completion import offer, plugins
from zoo.cli.options import Json, Kind

if TYPE_CHECKING:
    from zoo.registry import Entry


def list_plugins(
    pattern: Annotated[
        str | None,
        typer.Argument(
            help="Shell pattern of the ids to show: 'r*', or 'timm:convnext*'.",
            autocompletion=offer(plugins(*KINDS)),
        ),
    ] = None,
    kind: Kind = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Load each plugin in a process of its own and say which are broken."
        ),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="SECONDS", help="With --check: longest time that a plugin may take."
        ),
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Show the plugins that are installed, of every kind.

    Reading the list loads none of them. A family answers for many names: 'FAMILY:*' loads it
    and shows them all. With --check the exit status is 3 if one cannot be used. The environment
    variable ZOO_PLUGINS limits every command to the built-in plugins (none), or to them and the
    distributions that it names (NAME,NAME).
    """
    from zoo.registry.entries import UNUSABLE

    _say_what_is_not_listed()
    entries = _find(pattern, kind)
    if check:
        entries = _checked(entries, timeout)
    if as_json:
        output.print_json([asdict(entry) for entry in entries])
    else:
        _show(entries)
    if check and any(entry.status in ("broken", *UNUSABLE) for entry in entries):
        raise typer.Exit(3)


def _say_what_is_not_listed() -> None:
    from zoo.registry.entries import survey

    found = survey()
    distributions = sorted({entry.distribution for entry in found.hidden})
    if distributions:
        count = f"{len(distributions)} distribution{'' if len(distributions) == 1 else 's'}"
        some = ", ".join(distributions[:3]) + (", ..." if len(distributions) > 3 else "")
        output.say(f"ZOO_PLUGINS hides the plugins of {count}: {some}")
    for stray in found.strays:
        output.warn(output.plain(stray))


def _find(pattern: str | None, kind: str | None) -> list[Entry]:
    from zoo import registry

    if pattern is None:
        return registry.registry(kind).entries() if kind else registry.installed()
    if kind is None and ":" in pattern:
        kind = registry.kind_of(pattern)
    kinds = [kind] if kind else list(registry.GROUPS)
    entries = [entry for each in kinds for entry in registry.registry(each).search(pattern)]
    if not entries:
        raise PluginError(f'nothing installed matches "{pattern}"; `zoo list` shows everything')
    return entries


def _checked(entries: list[Entry], timeout: float) -> list[Entry]:
    """The entries with their verdicts, told one by one as they come in."""
    from zoo.registry.trial import check_all

    verdicts = {}
    for done, entry in enumerate(check_all(entries, timeout), start=1):
        verdicts[entry.kind, entry.qualified, entry.target] = entry
        output.say(f"[{done}/{len(entries)}] {entry.kind} {output.plain(entry.id)}: {entry.status}")
    return [verdicts[entry.kind, entry.qualified, entry.target] for entry in entries]


def _show(entries: list[Entry]) -> None:
    """One line a plugin. Its reason, where it has one, ends the line; on a terminal, where columns
    are few, the reasons follow below."""
    columns = ["id", "kind", "from", "status"]
    rows = [[entry.id, entry.kind, entry.origin, entry.status] for entry in entries]
    on_a_terminal = sys.stdout.isatty()
    if not on_a_terminal and any(entry.reason for entry in entries):
        columns.append("reason")
        rows = [[*row, entry.reason] for row, entry in zip(rows, entries, strict=True)]
    output.table(_count(entries), columns, rows)
    if on_a_terminal:
        output.wrapped(
            [
                f"{entry.kind} {entry.id} of {entry.origin}, {entry.status}: {entry.reason}"
                for entry in entries
                if entry.reason
            ]
        )


def _count(entries: list[Entry]) -> str:
    """A heading such as "4 backbones, 1 dataset"."""
    counts = Counter(entry.kind for entry in entries)
    return ", ".join(f"{n} {kind if n == 1 else KINDS[kind].plural}" for kind, n in counts.items())
