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
    from zoo.registry.entries import Entry, Survey


def list_plugins(
    pattern: Annotated[
        str | None,
        typer.Argument(
            help="Text that the id or the summary holds, or a shell pattern of ids: "
            "vgg, 'r*', 'timm:convnext*'.",
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
    """Show the plugins that are installed, the recipes and the models that are ready to use.

    Reading the list loads no plugin, and --json lists plugins alone. `zoo info ID` says more. A
    family answers for many names: 'FAMILY:*' loads it and shows them all. With --check the exit
    status is 3 if one cannot be used. The environment variable ZOO_PLUGINS limits every command to
    the built-in plugins (none), or to them and the distributions that it names (NAME,NAME).
    """
    from zoo.registry.entries import UNUSABLE, canonical_kind, survey

    kind = canonical_kind(kind) if kind else None
    found = survey()
    _say_what_is_not_listed(found)
    entries = _find(pattern, kind, found.entries)
    others = [] if check else _others(pattern, kind)
    if not entries and not (others and not as_json):
        raise PluginError(f'nothing installed matches "{pattern}"; `zoo list` shows everything')
    if check:
        entries = _checked(entries, timeout)
    if as_json:
        output.print_json([asdict(entry) | {"summary": _summary(entry)} for entry in entries])
    else:
        _show(entries, others)
    if check and any(entry.status in ("broken", *UNUSABLE) for entry in entries):
        raise typer.Exit(3)


def _say_what_is_not_listed(found: Survey) -> None:
    distributions = sorted({entry.distribution for entry in found.hidden})
    if distributions:
        count = f"{len(distributions)} distribution{'' if len(distributions) == 1 else 's'}"
        some = ", ".join(distributions[:3]) + (", ..." if len(distributions) > 3 else "")
        output.say(f"ZOO_PLUGINS hides the plugins of {count}: {some}")
    for stray in found.strays:
        output.warn(output.plain(stray))


def _find(pattern: str | None, kind: str | None, installed: list[Entry]) -> list[Entry]:
    """The plugins that match: by a shell pattern, or by a text in their id or their summary."""
    if pattern is not None and (":" in pattern or set(pattern) & set("*?[")):
        from zoo import registry

        kinds = list(registry.GROUPS) if ":" not in pattern else [registry.kind_of(pattern)]
        kinds = [kind] if kind else kinds
        return [entry for each in kinds for entry in registry.registry(each).search(pattern)]
    entries = [entry for entry in installed if kind in (None, entry.kind)]
    if pattern is None:
        return entries
    # without a slash, 'zoo' would find all of landmark-zoo
    named = [(e, e.qualified if "/" in pattern else e.id) for e in entries]
    return [entry for entry, name in named if _is_in(pattern, name, _summary(entry))]


def _is_in(text: str, *others: str) -> bool:
    return any(text.lower() in other.lower() for other in others)


def _summary(entry: Entry) -> str:
    from zoo.registry.summaries import summary_of

    return "" if ":" in entry.id else summary_of(entry)


def _others(pattern: str | None, kind: str | None) -> list[tuple[str, str, str]]:
    """Matching recipes and ready models: id, kind and summary of each."""
    from fnmatch import fnmatchcase

    from zoo.runs.listed import models, recipes

    if kind is not None:
        return []
    rows = [(name, "recipe", summary) for name, summary in recipes().items()]
    rows += [(name, "model", summary) for name, summary in models().items()]
    if pattern is None:
        return rows
    if set(pattern) & set("*?["):
        return [row for row in rows if fnmatchcase(row[0], pattern)]
    return [row for row in rows if _is_in(pattern, row[0], row[2])]


def _checked(entries: list[Entry], timeout: float) -> list[Entry]:
    """The entries with their verdicts. Prints each verdict as soon as it is known."""
    from zoo.registry.trial import check_all

    verdicts = {}
    for done, entry in enumerate(check_all(entries, timeout), start=1):
        verdicts[entry.kind, entry.qualified, entry.target] = entry
        output.say(f"[{done}/{len(entries)}] {entry.kind} {output.plain(entry.id)}: {entry.status}")
    return [verdicts[entry.kind, entry.qualified, entry.target] for entry in entries]


def _show(entries: list[Entry], others: list[tuple[str, str, str]]) -> None:
    """Print one line for each plugin. The column "from" is left out if all are the zoo's own, and
    "status" if no plugin was checked and none is faulty. A reason is the last column; on a
    terminal, which has little room, the reasons follow below the table."""
    from zoo.registry.entries import OURS

    has_others = any(entry.distribution != OURS for entry in entries)
    has_status = any(entry.status != "not loaded" for entry in entries)
    on_a_terminal = sys.stdout.isatty()
    columns: dict[str, list[str]] = {
        "id": [entry.id for entry in entries] + [id for id, _, _ in others],
        "kind": [entry.kind for entry in entries] + [kind for _, kind, _ in others],
    }
    if has_others:
        columns["from"] = [entry.origin for entry in entries] + [""] * len(others)
    if has_status:
        columns["status"] = [entry.status for entry in entries] + [""] * len(others)
    columns["what it is"] = [_summary(entry) for entry in entries] + [text for _, _, text in others]
    if not on_a_terminal and any(entry.reason for entry in entries):
        columns["reason"] = [entry.reason for entry in entries] + [""] * len(others)
    rows = list(zip(*columns.values(), strict=True))
    output.table(_count(entries, others), list(columns), rows, cut={"what it is"})
    if on_a_terminal:
        output.wrapped(
            [
                f"{entry.kind} {entry.id} of {entry.origin}, {entry.status}: {entry.reason}"
                for entry in entries
                if entry.reason
            ]
        )


def _count(entries: list[Entry], others: list[tuple[str, str, str]]) -> str:
    """A heading such as "4 backbones, 1 dataset"."""
    counts = Counter([entry.kind for entry in entries] + [kind for _, kind, _ in others])
    plurals = {kind: KINDS[kind].plural if kind in KINDS else f"{kind}s" for kind in counts}
    return ", ".join(f"{n} {kind if n == 1 else plurals[kind]}" for kind, n in counts.items())
