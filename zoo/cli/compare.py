"""`zoo compare`: two models on the same people, and whether their difference is real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.completion import offer
from zoo.cli.completion import runs as run_names
from zoo.cli.options import Json, Split
from zoo.cli.output import facts, print_json, say, titles_by_key

if TYPE_CHECKING:
    from zoo.evaluation.board.comparison import Comparison, Difference, MetricDifference


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Two run folders or record files. A quoted pattern such as 'runs/NAME-s*' names "
            "several seeds.",
            autocompletion=offer(run_names),
        ),
    ],
    split: Split = "val",
    as_json: Json = False,
) -> None:
    """Say whether one run is better than another, by a paired bootstrap over people.

    Both the mean error and the share of faces worse than 8% are weighed, and the verdict says which
    of them it rests on.
    """
    from zoo.api.errors import UsageError, unknown_name
    from zoo.evaluation.board import compare as comparing
    from zoo.evaluation.board.comparison import sentence
    from zoo.evaluation.board.contestants import find_contestant
    from zoo.evaluation.scores.protocols import SPLITS

    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    if len(runs) != 2:
        raise UsageError(
            f"compare takes two runs, not {len(runs)}; put a pattern that names several seeds "
            "into quotes, such as 'runs/NAME-s*'"
        )
    a, b = (find_contestant(run, split) for run in runs)
    result = comparing.compare(a, b, split)
    if as_json:
        print_json(result.to_dict())
        return
    _show(result)
    print()
    print(sentence(result))
    for remark in _remarks(result):
        say(f"note: {remark}")


def _show(result: Comparison) -> None:
    from zoo.evaluation.scores.metric_names import METRICS

    frames = f"{result.faces} faces of {result.people} {result.unit}"
    shown = {
        "A": result.a,
        "B": result.b,
        "benchmark": f"{result.benchmark}, {result.split} split",
        "compared on": f"{frames}, from their {result.source}",
        METRICS[result.metric].title: _figures(result.error),
    }
    if result.median_a is not None and result.median_b is not None:
        a, b = result.median_a, result.median_b
        shown["median error"] = f"A {100 * a:.2f}%, B {100 * b:.2f}%"
    if result.failures is not None:
        shown[METRICS["fr_08"].title] = _figures(result.failures)
    titles = titles_by_key({each.metric.key: each.metric.title for each in result.metrics}, shown)
    facts(shown | {titles[each.metric.key]: _plugin_figures(each) for each in result.metrics})


def _figures(d: Difference) -> str:
    figures = f"A {100 * d.a:.2f}%, B {100 * d.b:.2f}%"
    interval = f"[{100 * d.low:+.2f}, {100 * d.high:+.2f}]"
    return f"{figures}, A - B {100 * d.difference:+.2f} {interval}"


def _plugin_figures(d: MetricDifference) -> str:
    """The figures of a plugin's metric, and which side is better by it."""
    text = f"A {d.metric.written(d.a)}, B {d.metric.written(d.b)}"
    if d.paired is not None:
        difference, low, high = (
            d.metric.written(value, "+")
            for value in (d.paired.difference, d.paired.low, d.paired.high)
        )
        verdict = f"{d.better.upper()} is better" if d.better else "not told apart"
        text += f", A - B {difference} [{low}, {high}]: {verdict}"
    return text


def _remarks(result: Comparison) -> list[str]:
    """Which of the two has not learned, and what the interval does not cover."""
    from zoo.evaluation.board.baseline import reason
    from zoo.evaluation.board.metrics import note_versions

    sides = ((result.a, result.learned_a), (result.b, result.learned_b))
    unlearned = [name for name, learned in sides if learned is False]
    remarks = []
    if len(unlearned) == 1:
        remarks.append(f"{unlearned[0]} has not learned: {reason(result.baseline, result.metric)}")
    if result.a == result.b and result.same_model:
        remarks.append("both are the same run")
    elif result.same_model:
        remarks.append(
            "both are runs of one configuration, so this is what a seed changes; the interval is "
            f"about {result.unit}"
        )
    elif 1 in (result.seeds_a, result.seeds_b):
        remarks.append(
            f"the interval is about {result.unit}, not about seeds: with one seed on a side, "
            "another seed may change the order"
        )
    if result.missed and result.paired:
        remarks.append(
            f"{result.missed} faces that one of them missed are left out of the error; they count "
            "as failures of that one"
        )
    if not result.paired:
        remarks.append(
            "they missed different faces, and each error goes over the faces that were found; with "
            "the predictions of both at hand, only faces that both found would be compared"
        )
    return remarks + note_versions(each.metric for each in result.metrics)
