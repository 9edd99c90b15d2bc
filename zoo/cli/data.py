"""`zoo data`: what a data set holds, whether it can be trusted, and fetching it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.api import DataError, UsageError
from zoo.cli import data_check, frames, output
from zoo.cli.options import Data, DatasetId, DatasetOptions, Json, Mirror, Strict

if TYPE_CHECKING:
    from zoo.api import OpenDataset
    from zoo.data.table import SampleTable

SHOWN_PROBLEMS = 10

data_app = typer.Typer(
    help="Look at a data set, or fetch it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

data_app.command("export", short_help="Write the frames of a split as PNG files.")(frames.export)
data_app.command("check", short_help="Audit splits, labels and pictures.")(data_check.check)


@data_app.command(short_help="Say what a data set holds.")
def info(
    dataset_id: DatasetId,
    data: Data = None,
    strict: Strict = False,
    as_json: Json = False,
    sets: DatasetOptions = None,
) -> None:
    """Say what a data set holds: release, frames, people, splits by protocol, rows left out."""
    from zoo.config.recipes import dataset_options
    from zoo.data.opening import open_dataset
    from zoo.data.table import read_table
    from zoo.registry import registry

    plugin = registry("dataset").resolve(dataset_id, dataset_options(sets or []))
    dataset = open_dataset(plugin, data)
    facts = describe(dataset_id, dataset, read_table(dataset, strict))
    if as_json:
        output.print_json(facts)
    else:
        _print_facts(facts)


@data_app.command(short_help="Remove stores of frames that are no longer used.")
def prune(
    days: Annotated[
        float, typer.Option(min=0, help="Keep what was used in this many days.")
    ] = 30.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
    ] = False,
) -> None:
    """Remove stores of decoded frames that have not been used for a while.

    A store is built anew when a run needs it. Runs, data sets and downloads stay.
    """
    import shutil

    from zoo.data.store import old_stores

    freed = 0
    for store in old_stores(days):
        if not dry_run:
            try:
                shutil.rmtree(store.folder)
            except OSError as error:  # some systems cannot remove a store that is in use
                output.warn(f"{store.folder}: not removed: {error.strerror or error}")
                continue
        freed += store.bytes
        print(f"{store.folder}: {store.bytes / 1e6:,.1f} MB, last used {store.days:.0f} days ago")
    output.say(f"{freed / 1e6:,.1f} MB {'would be' if dry_run else 'are'} free")


@data_app.command(short_help="Download a data set.")
def fetch(
    dataset_id: DatasetId,
    data: Data = None,
    source: Mirror = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Number of files to download at a time.")
    ] = 8,
) -> None:
    """Print the terms of use, download what is missing, verify every file.

    What a broken download leaves is kept: the same command goes on from there.
    """
    from zoo.data.locate import default_root
    from zoo.registry import registry

    plugin = registry("dataset").get(dataset_id)
    if plugin.fetch is None:
        instead = (
            "get it from its authors and name its folder with --data ROOT"
            if plugin.needs_root
            else "it is drawn and needs no files"
        )
        raise UsageError(f"{dataset_id} cannot be fetched: {instead}")
    if plugin.terms:
        print(f"{plugin.terms}\n", flush=True)
    root = Path(os.path.expanduser(data)) if data else default_root(dataset_id.rpartition("/")[2])
    from zoo.cli.progress import reporter

    with reporter() as watcher:

        def show(done: int, total: int, path: str) -> None:
            watcher.progress("fetching files", done, total)

        plugin.fetch(root, source=source, jobs=jobs, progress=show)
    where = f" --data {data}" if data else ""
    print(f"{dataset_id} is complete in {root}")
    print(f"See what it holds: zoo data info {dataset_id}{where}")


def describe(dataset_id: str, dataset: OpenDataset, table: SampleTable) -> dict[str, Any]:
    """What `zoo data info` says, ready for JSON; None for what the data set does not say."""
    return {
        "dataset": dataset_id,
        "release": table.release,
        "released": dataset.released(),
        "frames": len(table),
        "people": _count(table.people),
        "videos": _count(table.videos),
        "points": len(table.scheme),
        "scheme": table.scheme.name,
        "bytes": int(table.bytes.sum()),
        "label_offset": list(table.label_offset),
        "fingerprint": table.fingerprint,
        "protocols": _protocols(table),
        "license": table.license,
        "notes": table.notes,
        "doubts": list(table.doubts),
        "problems": {
            "count": len(table.problems),
            "first": [str(problem) for problem in table.problems[:SHOWN_PROBLEMS]],
        },
    }


def _protocols(table: SampleTable) -> dict[str, dict[str, Any]]:
    """By protocol: its ``label``, and the frames and people of each split, or ``folds``, a list of
    those, or the ``reason`` why it does not apply."""
    from zoo.evaluation.scores.protocols import PROTOCOLS

    result: dict[str, dict[str, Any]] = {}
    for protocol in PROTOCOLS.values():
        entry: dict[str, Any] = {"label": protocol.label}
        try:
            folds = [_splits(protocol.id, table, fold) for fold in range(protocol.folds)]
        except DataError as error:
            entry["reason"] = str(error)
        else:
            entry |= {"folds": folds} if protocol.folds > 1 else folds[0]
        result[protocol.id] = entry
    return result


def _splits(protocol: str, table: SampleTable, fold: int) -> dict[str, dict[str, int | None]]:
    from zoo.evaluation.scores.protocols import SPLITS, assign

    splits = assign(protocol, table.ids, table.people, table.release_splits, fold)
    sizes: dict[str, dict[str, int | None]] = {}
    for name in SPLITS:
        people = [p for p, split in zip(table.people, splits, strict=True) if split == name]
        sizes[name] = {"frames": len(people), "people": _count(people)}
    return sizes


def _count(names: Sequence[str | None]) -> int | None:
    """How many different names; None where a frame has none."""
    return None if None in names else len(set(names))


def _print_facts(facts: dict[str, Any]) -> None:
    released = {True: "yes", False: "no: files differ or are missing", None: "cannot be known"}
    output.facts(
        {
            "dataset": facts["dataset"],
            "release": facts["release"],
            "as released": released[facts["released"]],
            "frames": facts["frames"],
            "people": _or_unknown(facts["people"]),
            "videos": _or_unknown(facts["videos"]),
            "points": f"{facts['points']} ({facts['scheme']})",
            "fingerprint": facts["fingerprint"],
            "licence": facts["license"],
            "notes": facts["notes"] or "-",
        }
    )
    protocols = facts["protocols"].values()
    splits = ("train", "val", "test")
    rows = [
        (f"{entry['label']}{fold}", *(data_check.frames_and_people(sizes[s]) for s in splits))
        for entry in protocols
        if "reason" not in entry
        for fold, sizes in _folds(entry)
    ]
    print()
    output.table("Frames (people) by protocol", ("protocol", *splits), rows, right=splits)
    for reason in (entry["reason"] for entry in protocols if "reason" in entry):
        print(output.plain(reason))
    print()
    count, first = facts["problems"]["count"], facts["problems"]["first"]
    print(f"Rows left out: {count}" + (" (--strict makes the first fatal)" if count else ""))
    for problem in first:
        print(output.plain(f"  {problem}"))
    if count > len(first):
        print(f"  and {count - len(first)} more")
    for doubt in facts["doubts"]:
        print(output.plain(f"Doubtful labels: {doubt}"))


def _folds(entry: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    if "folds" not in entry:
        return [("", entry)]
    return [(f" fold {fold}", sizes) for fold, sizes in enumerate(entry["folds"])]


def _or_unknown(count: int | None) -> str:
    return "not given" if count is None else str(count)
