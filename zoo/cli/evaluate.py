"""`zoo evaluate`: score a run on a split of the protocol that it was trained under."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.api import DataError, UsageError
from zoo.cli.completion import offer, protocols
from zoo.cli.options import Data, Device, Files, Json, Runs, Split, Strict
from zoo.cli.output import facts, print_json, say, titles_by_key

MOST_SHOWN = 10
"""Disagreements that are named one by one."""


def evaluate(
    runs: Runs,
    split: Split = "val",
    data: Data = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Refuse runs that were trained under another protocol; with --on, the other data "
            "set's protocol.",
            autocompletion=offer(protocols),
        ),
    ] = None,
    device: Device = "",
    strict: Strict = False,
    files: Files = None,
    from_predictions: Annotated[
        bool,
        typer.Option(
            "--from-predictions",
            help="Compute the figures from predictions/SPLIT.npz and compare the record with them; "
            "no model is run.",
        ),
    ] = False,
    on: Annotated[
        str,
        typer.Option(
            metavar="ID=ROOT",
            help="Score on another data set instead, which the runs were not trained on; the board "
            "has a table of its own for it.",
            show_default=False,
        ),
    ] = "",
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="Measure what the model's scores are worth instead: the probability that a face's "
            "points are right. `zoo predict` shows it, and drops what is no face.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Score the best weights of runs; their records and the leaderboard keep the results.

    For a protocol with folds, name the runs of all folds: their test splits are one row.
    """
    from zoo.evaluation.scores.protocols import require_scored

    require_scored(split)
    if on:
        used = {"--data": data, "--from-predictions": from_predictions, "--calibrate": calibrate}
        for option in (name for name, value in used.items() if value):
            raise UsageError(f"{option}: has no use with --on, which names its data itself")
    if calibrate:
        if from_predictions or split != "val" or protocol is not None:
            raise UsageError(
                "--calibrate: looks at the val split of the run's own protocol; leave "
                "--split, --protocol and --from-predictions out"
            )
        _calibrate(runs, data, device, strict, as_json)
        return
    if from_predictions:
        named = {"--data": data, "--protocol": protocol, "--device": device, "--strict": strict}
        for option in (name for name, value in named.items() if value):
            raise UsageError(f"{option}: has no use with --from-predictions, which scores nothing")
        _verify(runs, split, as_json)
        return
    if not on:
        _require_own_protocol(runs, protocol)
    _score(runs, split, data, protocol, on, device, strict, as_json)


def _score(
    runs: list[Path],
    split: str,
    data: Path | None,
    protocol: str | None,
    on: str,
    device: str,
    strict: bool,
    as_json: bool,
) -> None:
    """Score runs on a split of their own data or, if ``on`` names some, of other data."""
    from zoo.cli.progress import reporter
    from zoo.training.elsewhere import evaluate_on
    from zoo.training.run import evaluate as evaluate_run

    title = f"{split} of {on.partition('=')[0]}" if on else split
    scored: dict[str, dict[str, Any]] = {}
    for run in runs:
        with reporter() as watcher:
            if on:
                results = evaluate_on(run, on, split, protocol or "", device, strict, watcher)
            else:
                results = evaluate_run(run, split, data, device, strict, watcher)
        scored[str(run)] = results
        if not as_json:
            _print(run, title, results)
    if as_json:
        print_json(scored[str(runs[0])] if len(runs) == 1 else scored)


def _calibrate(
    runs: list[Path], data: Path | None, device: str, strict: bool, as_json: bool
) -> None:
    """Calibrate runs. Print how well each curve holds on people that it was not fitted to."""
    import msgspec

    from zoo.cli.progress import reporter
    from zoo.export.calibrate import calibrate

    calibrated = {}
    for run in runs:
        with reporter() as watcher:
            calibrated[str(run)] = calibrate(run, data, device, strict, watcher)
    if as_json:
        parts = {run: msgspec.to_builtins(each) for run, each in calibrated.items()}
        print_json(parts[str(runs[0])] if len(runs) == 1 else parts)
        return
    for name, each in calibrated.items():
        curve = each.curve
        facts(
            {
                "run": name,
                "boxes": f"{curve.faces} about faces, {curve.others} beside faces",
                **{
                    f"said {100 * b.low:.0f} to {100 * b.high:.0f}%": f"{100 * b.said:.1f}% on "
                    f"average, {100 * b.right:.1f}% are right ({b.count} boxes)"
                    for b in each.bins
                },
                "off by": f"{100 * (curve.error or 0):.1f}% on average",
                "kept": f"{_percent(each.kept)} of the faces whose points are right",
                "left out": f"{_percent(each.dropped)} of the boxes beside faces",
            }
        )


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f}%"


def _require_own_protocol(runs: list[Path], protocol: str | None) -> None:
    """Raises UsageError for a protocol that is not the one of a run's training."""
    from zoo.evaluation.scores.protocols import find_protocol
    from zoo.runs.folder import RunFolder

    for run in runs:
        trained_under = RunFolder(run).read_config().protocol
        if protocol is not None and find_protocol(protocol).id != trained_under:
            raise UsageError(
                f"--protocol {protocol}: {run} was trained under {trained_under}; under another "
                "protocol its training frames could be scored. Train it anew with --protocol"
            )


def _verify(runs: list[Path], split: str, as_json: bool) -> None:
    """Print the figures of the predictions. Raises DataError where a record disagrees."""
    from zoo.evaluation.records.verification import verify

    verdicts = {str(run): verify(run, split) for run in runs}
    for run, verdict in verdicts.items():
        if not as_json:
            _print(Path(run), split, verdict.results)
        for remark in verdict.remarks:
            say(f"note: {run}: {remark}")
    if as_json:
        parts = {
            run: verdict.results | {"disagreements": [asdict(d) for d in verdict.disagreements]}
            for run, verdict in verdicts.items()
        }
        print_json(parts[str(runs[0])] if len(runs) == 1 else parts)
    wrong = {run: verdict.disagreements for run, verdict in verdicts.items()}
    wrong = {run: disagreements for run, disagreements in wrong.items() if disagreements}
    for run, disagreements in wrong.items():
        for each in disagreements[:MOST_SHOWN]:
            say(f"{run}: the record's {each}")
        if len(disagreements) > MOST_SHOWN:
            say(f"{run}: and {len(disagreements) - MOST_SHOWN} more figures")
    if wrong:
        raise DataError(
            f"{', '.join(wrong)}: record and predictions disagree: one of the two was changed. "
            "`zoo evaluate RUN` scores a run anew"
        )
    if not as_json and all(verdict.compared for verdict in verdicts.values()):
        print("The record says what its predictions give.")


def _print(run: Path, split: str, results: dict[str, Any]) -> None:
    from zoo.evaluation.scores.metrics import METRICS

    shown = {"run": str(run), "split": f"{split}, {results['n']} frames"}
    for m in METRICS.values():
        if (value := results.get(m.key)) is not None:
            shown[m.title] = f"{100 * value:.2f}%" if m.percent else f"{value:.4f}"
    facts(shown | _plugin_figures(results, shown) | _flipped(results) | _baseline(results))
    _print_subsets(results)


def _print_subsets(results: dict[str, Any]) -> None:
    """Print one row for each subset, with the metrics that papers report."""
    subsets = results.get("subsets") or {}
    if not subsets:
        return
    from zoo.cli import output
    from zoo.evaluation.scores.metrics import METRICS

    headline = "nme_ioc" if results["nme_ioc"] is not None else "nme_box"
    metrics = [METRICS[key] for key in (headline, "fr_10", "auc_10")]
    titles = [metric.title for metric in metrics]
    rows = [
        (name, row["n"], *("" if (v := row[m.key]) is None else f"{100 * v:.2f}%" for m in metrics))
        for name, row in subsets.items()
    ]
    print()
    output.table("Subsets", ("subset", "frames", *titles), rows, right=("frames", *titles))


def _baseline(results: dict[str, Any]) -> dict[str, str]:
    """What the mean shape scores, and whether the model is any better."""
    from zoo.evaluation.board.baseline import baseline_in_words, run_has_learned
    from zoo.evaluation.records.schema import results_from

    if "floor" not in results:  # predictions without the mean shape
        return {}
    typed = results_from(results)
    shown = {"baseline": baseline_in_words(typed.baseline, typed.headline)}
    if run_has_learned(typed) is False:
        shown["not learned"] = "no better than the baseline"
    return shown


def _plugin_figures(results: dict[str, Any], taken: Collection[str]) -> dict[str, str]:
    """The figures of plugins' metrics, each with the plugin and its version."""
    import msgspec

    from zoo.evaluation.board.metrics import written
    from zoo.evaluation.records.schema import MetricFigure

    figures = msgspec.convert(results.get("metrics", {}), dict[str, MetricFigure])
    titles = titles_by_key({key: figure.title for key, figure in figures.items()}, taken)
    return {
        titles[key]: f"{written(figure.value, figure.unit)} ({key} {figure.version})"
        for key, figure in figures.items()
    }


def _flipped(results: dict[str, Any]) -> dict[str, str]:
    value = results.get("flip", {}).get("nme_ioc")
    return {} if value is None else {"NME with test-time flip": f"{100 * value:.2f}%"}
