"""`zoo check`: the conformance kit, one line for each check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.api import UsageError
from zoo.api.errors import unknown_name
from zoo.api.kinds import KINDS
from zoo.cli import output
from zoo.cli.options import Data, Json, Kind, PluginId

if TYPE_CHECKING:
    from zoo.testing import Check, Outcome


def check(
    plugin_id: PluginId,
    kind: Kind = None,
    data: Data = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set an option of the plugin, such as backbone.drop_rate=0.1. Repeat for more.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="NAME", help="Run only the check of this name. Repeat for more."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that a plugin keeps its contract: a fixed list for its kind, one line a check.

    Failures that the plugin declares (expected_failures) are strict and counted. With --set, an
    option of the plugin is given by its kind: dataset.people=20. Exit status 3 if a check failed,
    or passed against expectation.
    """
    from zoo.registry import canonical_kind, kind_of, registry
    from zoo.testing import checks, run, summary

    kind = canonical_kind(kind) if kind else kind_of(plugin_id)
    entry = registry(kind).locate(plugin_id)
    options = _options(kind, entry.id, sets or [])
    all_checks = checks(entry.qualified, kind, options=options, data=data)
    chosen = _chosen(all_checks, only or [])
    _require_valid_arguments(chosen[0], data)
    if not as_json:
        print(output.plain(f"{kind} {entry.id} of {entry.origin}"), flush=True)
    outcomes: list[Outcome] = []
    for each in chosen:
        outcomes.append(run(each))
        if not as_json:
            failed = {o.check.name for o in outcomes if o.status == "failed"}
            print(_line(outcomes[-1], all_checks, failed), flush=True)
    count = summary(outcomes)
    left_out = len(all_checks) - len(chosen)
    if as_json:
        facts: dict[str, Any] = {"id": entry.id, "kind": kind, "distribution": entry.distribution}
        facts |= {"version": entry.version, "summary": count, "left_out": left_out}
        output.print_json(facts | {"checks": [_facts(outcome) for outcome in outcomes]})
    else:
        print(count + (f" ({left_out} left out by --only)" if left_out else ""))
    if not all(outcome.as_expected for outcome in outcomes):
        raise typer.Exit(3)


def _options(kind: str, plugin_id: str, sets: list[str]) -> dict[str, Any]:
    """Turn ``kind.key=value`` into keyword arguments of the plugin. Where a run may use several
    plugins of a kind, ``kind.id.key=value`` is accepted too, as in a recipe."""
    from zoo.config.recipes import parse_set

    options: dict[str, Any] = {}
    for text in sets:
        key, value = parse_set(text)
        prefix, _, option = key.partition(".")
        if prefix != kind or not option:
            raise UsageError(f"--set {text}: an option of a {kind} reads {kind}.KEY=VALUE")
        if KINDS[kind].several:
            option = option.removeprefix(f"{plugin_id}.")
        options[option] = value
    return options


def _chosen(all_checks: list[Check], only: list[str]) -> list[Check]:
    names = [each.name for each in all_checks]
    for name in only:
        if name not in names:
            raise unknown_name("check", name, names)
    return [each for each in all_checks if not only or each.name in only]


def _require_valid_arguments(check: Check, data: Path | None) -> None:
    """Raise for an unknown member of a family, an unknown option or missing data: they are errors
    of the user, not failures of the plugin."""
    from zoo.registry import registry
    from zoo.registry.call import require_known

    subject = check.subject
    if subject.kind != "dataset" and data is not None:
        raise UsageError(f"--data {data}: {subject.plugin_id} is a {subject.kind}")
    if subject.arrival.failure:
        return  # the checks say why
    plugin = registry(subject.kind).get(subject.plugin_id)
    build = getattr(plugin, KINDS[subject.kind].options_of)
    options = {name: value for name, value in subject.options.items() if name != "input_size"}
    require_known(subject.kind, subject.entry.id, build, options)
    if subject.kind == "detector":
        _require_complete_options(plugin.build, options)
    if subject.kind == "dataset":
        _ = subject.root


def _require_complete_options(build: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raise the UsageError of a detector that needs a file, or another one: it is no failure."""
    try:
        build(**options)
    except UsageError:
        raise
    except Exception:
        return  # the checks say what is wrong


def _line(outcome: Outcome, all_checks: list[Check], failed: set[str]) -> str:
    """``failed``: names of the checks whose failure has been printed in a line of its own."""
    from zoo.testing import CheckNotRun

    width = max(len(each.name) for each in all_checks)
    check, failure = outcome.check, outcome.failure
    message = f": {outcome.message}" if outcome.message else ""
    if isinstance(failure, CheckNotRun) and failure.needed in failed:
        message = f": needs {failure.needed}"
    return output.plain(f"{check.number:>3} {check.name:<{width}}  {outcome.status}{message}")


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "number": outcome.check.number,
        "name": outcome.check.name,
        "summary": outcome.check.summary,
        "status": outcome.status,
        "message": outcome.message,
        "seconds": round(outcome.seconds, 3),
    }
