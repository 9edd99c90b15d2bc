"""`zoo data check`: what is wrong with a data set, and whether a protocol on it leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.api import UsageError
from zoo.cli import completion, output
from zoo.cli.completion import offer
from zoo.cli.options import Data, DatasetId, DatasetOptions, Files, Json, Strict

if TYPE_CHECKING:
    from zoo.data.table import SampleTable
    from zoo.evaluation.audit.other_faces import Detected
    from zoo.evaluation.audit.pictures import Pictures
    from zoo.prediction import Finder
    from zoo.reporter import Reporter

LEAKS = 3
"""Exit status where an audited protocol leaks."""


def check(
    dataset_id: DatasetId,
    data: Data = None,
    protocols: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol",
            metavar="P",
            help="Audit this protocol only; repeat for more. Default: all that apply.",
            show_default=False,
            autocompletion=offer(completion.protocols),
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="RUN",
            help="Measure the labels' offset by the model of this run.",
            autocompletion=offer(completion.runs),
        ),
    ] = None,
    detector: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Look for faces beside the labelled one by this face detector, such as yunet.",
            show_default=False,
            autocompletion=offer(completion.plugins("detector")),
        ),
    ] = "",
    anonymous: Annotated[
        bool,
        typer.Option(
            "--anonymous",
            help="Write numbers instead of ids, which may hold people's names.",
        ),
    ] = False,
    files: Files = None,
    strict: Strict = False,
    as_json: Json = False,
    sets: DatasetOptions = None,
) -> None:
    """Audit a data set: people, videos and pictures shared between splits, copies, labels, files.

    Exit status 3 where an error was found: an audited protocol leaks, as two of its splits share a
    person, a video or a picture, or many labels are none.
    """
    from zoo.cli.progress import reporter
    from zoo.config.recipes import dataset_options
    from zoo.data.opening import open_dataset
    from zoo.data.table import read_table
    from zoo.evaluation.audit.report import assignments, audit, choose_protocols
    from zoo.registry import registry

    plugin = registry("dataset").resolve(dataset_id, dataset_options(sets or []))
    dataset = open_dataset(plugin, data)
    table = read_table(dataset, strict)
    # before any picture is decoded, since this raises for a protocol that does not apply
    chosen = [assignments(table, p) for p in choose_protocols(table, protocols or [])]
    mirrored = detected = None
    finder = _finder(detector) if detector else None
    with reporter() as watcher:
        if model is not None:
            from zoo.scoring.audit_view import see_mirrored

            mirrored = see_mirrored(model, dataset_id, table, strict, watcher)
        pictures = _pictures(table, strict, watcher)
        if finder is not None:
            detected = _detected(table, pictures, finder, watcher)
    found = audit(table, chosen, pictures, mirrored, anonymous, detected)
    report = {
        "dataset": dataset_id,
        "release": table.release,
        "fingerprint": table.fingerprint,
        "frames": len(table),
        "people": len(set(table.people) - {None}),
        "videos": len(set(table.videos) - {None}),
        "points": len(table.scheme),
        **found.to_dict(),
    }
    if as_json:
        output.print_json(report)
    else:
        _print_report(report)
    if found.spoiled:
        raise typer.Exit(LEAKS)


def _pictures(table: SampleTable, strict: bool, watcher: Reporter) -> Pictures:
    from zoo.api import DataError
    from zoo.evaluation.audit.pictures import look_at

    pictures = look_at(table, partial(watcher.progress, "reading pictures"))
    if strict and pictures.problems:
        row, reason = pictures.problems[0]
        raise DataError(
            f"{table.ids[row]}: {reason} (--strict: every picture that cannot be read is fatal; "
            f"{len(pictures.problems)} in all)"
        )
    return pictures


def _finder(detector: str) -> Finder:
    from zoo.prediction import Finder

    finder = Finder.of(detector)
    if finder.plugin.by_path or finder.plugin.whole_frame:
        raise UsageError(
            f"--detector {detector}: does not look at pictures; name one that does, such as yunet"
        )
    return finder


def _detected(
    table: SampleTable, pictures: Pictures, finder: Finder, watcher: Reporter
) -> Detected:
    """The boxes in every readable frame. No threads: few detectors can be called from several."""
    import numpy as np

    from zoo.evaluation.audit.other_faces import Detected

    boxes = [np.empty((0, 5), np.float32)] * len(table)
    for row in range(len(table)):
        if pictures.readable[row]:
            boxes[row] = finder.boxes(table.images[row]())
        watcher.progress("finding faces", row + 1, len(table))
    return Detected(finder.name, boxes)


def _print_report(report: Mapping[str, Any]) -> None:
    output.facts(
        {
            "dataset": f"{report['dataset']} {report['release']}",
            "frames": report["frames"],
            "people": report["people"] or "not given",
            "videos": report["videos"] or "not given",
            "points": report["points"],
            "fingerprint": report["fingerprint"],
        }
    )
    print()
    _print_protocols(report)
    print()
    _print_findings(report)
    print()
    _print_measures(report["measures"])
    print()
    print(f"Leaks: {', '.join(report['leaks']) or 'none'}.")


def _print_protocols(report: Mapping[str, Any]) -> None:
    splits = ("train", "val", "test")
    rows = []
    for title, fold, label, sizes in _assignments(report["protocols"]):
        findings = [f for f in report["findings"] if (f["protocol"], f["fold"]) == (label, fold)]
        shared = ", ".join(f"{f['count']:,} {_SHARED[f['id']]}" for f in findings)
        cells = (frames_and_people(sizes[split]) for split in splits)
        rows.append((title, *cells, shared or _nothing(sizes)))
    output.table(
        "Frames (people) by protocol, and what its splits share",
        ("protocol", *splits, "shared"),
        rows,
        right=splits,
    )


_SHARED = {
    "shared_people": "people",
    "shared_videos": "videos",
    "identical_across_splits": "identical pairs",
    "near_across_splits": "near-copies",
}


def _assignments(
    protocols: Mapping[str, Any],
) -> Iterator[tuple[str, int | None, str, dict[str, Any]]]:
    """Title, fold, label and sizes of the splits, for each protocol and each of its folds."""
    for entry in protocols.values():
        if "splits" in entry:
            yield entry["label"], None, entry["label"], entry["splits"]
        for fold, sizes in enumerate(entry.get("folds", ())):
            yield f"{entry['label']} fold {fold}", fold, entry["label"], sizes


def frames_and_people(size: Mapping[str, int | None]) -> str:
    """The cell of a split: ``450 (45)``."""
    people = "" if size["people"] is None else f" ({size['people']})"
    return f"{size['frames']}{people}"


def _nothing(sizes: Mapping[str, Any]) -> str:
    """The cell of splits that share nothing. It names empty splits, since those can share none."""
    empty = [split for split, size in sizes.items() if not size["frames"]]
    return "nothing" + (f"; {' and '.join(empty)} empty here" if empty else "")


def _print_findings(report: Mapping[str, Any]) -> None:
    findings = report["findings"]
    named = " Ids may hold people's names; --anonymous leaves them out."
    has_names = any(f["examples"] for f in findings) and not report["anonymous"]
    print(f"Findings: {len(findings)}." + (named if has_names else ""))
    for finding in findings:
        where = ""
        if finding["protocol"]:
            fold = "" if finding["fold"] is None else f" fold {finding['fold']}"
            where = f", {finding['protocol']}{fold}"
        head = f"{finding['severity']}, {finding['class']}{where}"
        print(output.plain(f"  {head}: {finding['sentence']}"))
        for example in finding["examples"]:
            print(output.plain(f"      {example}"))
        if finding["examples"] and finding["count"] > len(finding["examples"]):
            print(f"      and {finding['count'] - len(finding['examples']):,} more")


def _print_measures(measures: Mapping[str, Any]) -> None:
    from zoo.evaluation.audit.duplicates import KINDS

    copies = measures["copies"]
    kinds = [
        (KINDS[kind], *(n[key] for key in ("identical", "near", "mirrored")))
        for kind, n in copies["pairs"].items()
    ]
    output.table(
        f"Pairs that show the same picture (at most {copies['near_bits']} of {copies['bits']} bits "
        f"apart, correlation {copies['near_correlation']:g} or more)",
        ("pairs", "identical", "near", "mirrored"),
        kinds,
        right=("identical", "near", "mirrored"),
    )
    print()
    output.facts(
        {
            "normaliser": _normaliser(measures["normaliser"]),
            "label grid": _grid(measures["quantisation"]),
            "label offset": _offset(measures["label_offset"]),
            **({"hidden points": _hidden(hidden)} if (hidden := measures["hidden"]) else {}),
            **{f"attribute {name}": _attribute(a) for name, a in measures["attributes"].items()},
        }
    )
    measured = measures["label_offset"]["measured"]
    if measured is not None:
        nme = "" if measured["nme"] is None else f" (NME {100 * measured['nme']:.2f}% so averaged)"
        print(output.plain(f"  by {measured['model']}{nme} on {measured['which']}"))
        for name, side in (
            ("mirror-averaged", measured),
            ("before mirroring", measured["before_mirroring"]),
        ):
            print(f"  {name}: {_interval(side)}")
        print(f"  {_VERDICTS[measured['verdict']]}")
        if measured["trained_on_these_labels"]:
            print("  dy says nothing here: a model repeats what it learned from these labels")


_VERDICTS = {
    "agrees": "the declared dx agrees with it",
    "differs": "the declared dx does not agree with it",
    "unclear": "too uncertain to tell the declared dx from none: a better model narrows it",
}


def _normaliser(facts: Mapping[str, Any]) -> str:
    if facts["median_px"] is None:
        return f"{facts['name']}: no face has it"
    low, high = facts["quartiles_px"]
    what = {"ioc": "outer eye corners", "box": "sqrt(w h) of the points"}[facts["name"]]
    return f"{what}, median {facts['median_px']:.1f} px, quartiles {low:.1f} and {high:.1f}"


def _grid(grid: Mapping[str, Any] | None) -> str:
    if grid is None:
        return "none: labels are as fine as they can be stored"
    least = "" if grid["floor"] is None else f": a perfect model scores {100 * grid['floor']:.2f}%"
    return f"{grid['pitch_px']:g} px ({100 * grid['share']:.1f}% of coordinates){least}"


def _offset(offset: Mapping[str, Any]) -> str:
    dx, dy = offset["declared"]
    hint = "" if offset["measured"] else "; --model RUN measures it"
    return f"declared ({dx:g}, {dy:g}) sqrt(w h){hint}"


def _hidden(hidden: Mapping[str, Any]) -> str:
    return (
        f"{100 * hidden['share']:.1f}% of the labelled ones, in {hidden['with_hidden']:,} of "
        f"{hidden['frames']:,} frames that tell"
    )


def _attribute(facts: Mapping[str, Any]) -> str:
    parts = []
    if "true" in facts:
        parts.append(f"true of {facts['true']:,}")
    if "values" in facts:
        parts.append(", ".join(f"{value} {count:,}" for value, count in facts["values"].items()))
    if "different" in facts:
        parts.append(f"{facts['different']:,} different texts")
    if "low" in facts:
        parts.append(f"{facts['low']:g} to {facts['high']:g}")
    return f"{'; '.join(parts)} of {facts['frames']:,} frames"


def _interval(side: Mapping[str, Any]) -> str:
    if side["offset"] is None:
        return "no face to measure"
    return ", ".join(
        f"{name} {side['offset'][axis]:+.4f} [{side['low'][axis]:+.4f}, {side['high'][axis]:+.4f}]"
        for axis, name in enumerate(("dx", "dy"))
    )
