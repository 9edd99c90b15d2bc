"""`zoo new`: a package with a plugin that works, to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.api.kinds import KINDS, listed
from zoo.cli.completion import offer, words


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the package, such as my-backbone.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            help=f"Kind of plugin: {listed('or')}.",
            autocompletion=offer(words(*KINDS)),
        ),
    ] = "backbone",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder to make. Default: NAME in this folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a package with a plugin that works, its test and its entry point; change it from there.

    The plugin's id is the name with _ for every hyphen, and without landmark-zoo- before it.
    Nothing that exists is overwritten.
    """
    from zoo.scaffold import choose_names, write_package

    names = choose_names(name, kind)
    package = write_package(names, out or Path(name))
    print(f"{package.folder}, a package with the {names.kind} {names.id}:")
    for file in package.files:
        print(f"  {file}")
    print("\nGo on with:")
    for command in package.commands:
        print(f"  {command}")
