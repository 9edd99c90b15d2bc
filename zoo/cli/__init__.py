"""The command line: one module for each verb; this module has what they share.

An expected failure (:class:`zoo.api.ZooError`) is one or two lines on standard error. Exit status:
0 done, 1 failed, 2 wrong usage, 3 an audit found something, 130 interrupted. Verbs import heavy
libraries inside their function, and :mod:`zoo.cli.menu` imports a verb's module only when that verb
is used, so that `zoo list` and the Tab key stay quick.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import Annotated, Any, NoReturn

import typer

from zoo.cli.menu import Verbs
from zoo.cli.output import open_closed_streams, say, stdout_kept_for_json, warn_in_one_line
from zoo.cli.streams import clean_streams

app = typer.Typer(
    name="zoo",
    cls=Verbs,
    no_args_is_help=True,
    # Help texts hold square brackets and other people's names, which rich would read as markup.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        from zoo.registry.entries import own_version

        print(f"landmark-zoo {own_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole traceback of an error.")
    ] = False,
) -> None:
    """Train, compare and use facial-landmark models.

    Backbones, heads, losses, detectors and data sets are plugins: `zoo list` shows those that are
    installed. A training makes a run folder; runs are ranked, compared and used for prediction.
    """


def main() -> NoReturn:
    """The console command ``zoo``. ``--debug`` may stand anywhere on the line."""
    open_closed_streams()
    as_json = "--json" in sys.argv[1:]
    with clean_streams(), stdout_kept_for_json() if as_json else contextlib.nullcontext():
        _main()


def _explain(error: Exception, debug: bool) -> list[str]:
    """Messages for an error that is no ZooError. It is a bug, apart from missing packages, files
    that the system refuses, and exhausted memory."""
    from zoo.files import disk_refuses
    from zoo.registry import author_of, installed
    from zoo.registry.entries import OURS, absent_requirement, one_line

    if absent := absent_requirement(error):
        return [f"zoo: this needs {absent}, which is not installed; pip install {OURS} brings it"]
    if isinstance(error, OSError) and disk_refuses(error):
        where = f"{error.filename}: " if error.filename else ""
        return [f"zoo: {where}cannot write: {error.strerror}; try again once the disk takes more"]
    if isinstance(error, OSError) and error.filename and author_of(error) is None:
        return [f"zoo: {error.filename!s:.200}: {error.strerror}"]
    if isinstance(error, MemoryError):
        reason = str(error) or "smaller inputs need less"
        return [f"zoo: this needs more memory than there is: {reason}"]
    if type(error).__name__ == "OutOfMemoryError":  # torch's
        reason = one_line(error)
        return [f"zoo: out of memory ({reason}); try a smaller --batch-size or input_size"]
    with contextlib.suppress(Exception):
        installed()  # warns of damaged metadata, which can keep torch from being imported
    plugin = author_of(error)
    where = f" in the {plugin.kind} {plugin.id} of {plugin.origin}" if plugin else ""
    bug = f"zoo: this is a bug{where}: {type(error).__name__}: {error}"
    if debug:
        return [bug]
    whom = " to its author" if plugin else ""
    return [bug, f"The same command with --debug shows where; please report it{whom} with that."]


def _main() -> NoReturn:
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    warn_in_one_line()
    status: Any = 1
    try:
        app(["--debug", *arguments] if debug else arguments, prog_name="zoo")
    except SystemExit as end:
        status = end.code
    except Exception as error:
        if debug:
            traceback.print_exc()
        for line in _explain(error, debug):
            say(line)
    try:
        sys.stdout.flush()
    except OSError:
        # The reader of the pipe is gone (`zoo list | head -1`), or the disk is full. Python would
        # try again to write the buffer when it exits, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
