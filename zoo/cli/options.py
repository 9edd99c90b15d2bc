"""The arguments and options that several verbs take: type, help, and what the Tab key offers.

A verb writes ``device: Device = ""``. The options of a single verb are defined in its module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.api.kinds import KINDS, listed
from zoo.cli.completion import keys, offer, plugins, protocols, runs, words

Run = Annotated[
    Path,
    typer.Argument(help="Folder of a finished run.", autocompletion=offer(runs)),
]
Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN", help="Folders of finished runs.", autocompletion=offer(runs)),
]
PluginId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The plugin's id as `zoo list` shows it, or DISTRIBUTION/ID.",
        autocompletion=offer(plugins(*KINDS)),
    ),
]
DatasetId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="Id of a data set; `zoo list --kind dataset` shows them.",
        autocompletion=offer(plugins("dataset")),
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        help=f"Kind of plugin: {listed('or')}.",
        autocompletion=offer(words(*KINDS)),
    ),
]


def _keep_all(files: list[Path] | None) -> list[Path] | None:
    """Keep a copy of each file, whatever the verb then does."""
    from zoo.files.by_content import keep_file

    for file in files or ():
        keep_file(file)
    return files


Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file",
        metavar="FILE",
        callback=_keep_all,
        help="A file that an option of the run's plugins names by its sha256; a copy is kept. "
        "Repeat for more.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="ROOT",
        help="Folder of the data set. Default: where it was found before, or where "
        "`zoo data fetch` puts it.",
        show_default=False,
    ),
]
DatasetOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set an option of the data set, such as dataset.frames_per_video=5. Repeat for more.",
        autocompletion=offer(keys),
    ),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        help="Protocol that splits the frames. Default: the data set's own.",
        show_default=False,
        autocompletion=offer(protocols),
    ),
]
Split = Annotated[
    str,
    typer.Option(
        help="Split that was, or is to be, scored: val or test.",
        autocompletion=offer(words("val", "test")),
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Stop at a row or frame that would otherwise be left out."),
]
Device = Annotated[
    str,
    typer.Option(
        help="Device: cpu, cuda, cuda:1 or mps. Default: the best one found.",
        show_default=False,
        autocompletion=offer(words("cpu", "cuda", "mps")),
    ),
]
NewRuns = Annotated[Path, typer.Option(help="Folder in which new run folders are made.")]
Mirror = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="URL|FOLDER",
        help="Address or folder of a mirror that holds the same files.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]

MOST_SKIPPED = typer.Option(
    help="Largest share of the frames that may be left out as unusable. Default: 0.1.",
    show_default=False,
)
PRECISION = typer.Option(
    help="Number format of the arithmetic: fp32, bf16 or fp16.",
    autocompletion=offer(words("fp32", "bf16", "fp16")),
)
