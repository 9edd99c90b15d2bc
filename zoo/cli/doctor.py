"""`zoo doctor`: what is installed and found, what is not well, and what to type next."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from zoo.cli import output
from zoo.cli.options import Json

if TYPE_CHECKING:
    from zoo.doctor import Diagnosis

COLOURS = {"ok": "green", "warn": "yellow", "missing": "cyan", "broken": "red"}


def doctor(
    as_json: Json = False,
) -> None:
    """Say what is installed, which accelerator is seen, where data was found, what is broken.

    Each line is ok, warn (it works, but not as it should), missing (optional) or broken (needed).
    What to type next stands below a line that is not ok. The exit status is 1 where something that
    the zoo needs is broken. It takes some ten seconds: the libraries are loaded.
    """
    from zoo.doctor import examine

    found = []
    for finding in examine():
        found.append(finding)
        if not as_json:
            _show(finding)
    broken = [finding for finding in found if finding.status == "broken"]
    if as_json:
        output.print_json({"healthy": not broken, "findings": [asdict(each) for each in found]})
    elif broken:
        print(f"broken: {', '.join(dict.fromkeys(each.name for each in broken))}")
    else:
        print("Nothing that the zoo needs is broken.")
    if broken:
        raise typer.Exit(1)


def _show(finding: Diagnosis) -> None:
    status = typer.style(f"{finding.status:<8}", fg=COLOURS[finding.status])
    typer.echo(f"{status}{finding.name:<13} {output.plain(finding.what)}")
    if finding.next:
        typer.echo(f"{'':<21} > {output.plain(finding.next)}")
