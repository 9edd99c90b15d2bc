"""`zoo compare` as a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from board_samples import predict, record, save_run
from typer.testing import CliRunner

from zoo.cli import app

PEOPLE = [f"p{i}" for i in range(12)]


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    errors = {person: [0.05 + i / 500] for i, person in enumerate(PEOPLE)}
    worse = {person: [e + 0.04 for e in values] for person, values in errors.items()}
    save_run(tmp_path / "a", predict(errors), "a")
    save_run(tmp_path / "b", predict(worse), "b")
    return tmp_path


def test_the_output_ends_with_a_sentence(runs: Path) -> None:
    result = invoke(runs / "a", runs / "b")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    facts = dict(line.split("  ", 1) for line in lines[:-2])
    assert facts["A"].strip() == "a-s0"
    assert facts["NME inter-ocular"].strip() == "A 6.10%, B 10.10%, A - B -4.00 [-4.00, -4.00]"
    assert facts["worse than 8%"].strip().startswith("A 0.00%, B 100.00%, A - B -100.00")
    assert lines[-1].startswith("a-s0 is better than b-s0 by 4.00 points of NME inter-ocular")
    assert "one seed on a side" in result.stderr


def test_two_seeds_of_one_model_get_a_note(runs: Path) -> None:
    people = {person: [0.05] for person in PEOPLE}
    save_run(runs / "a1", predict(people), "a", 1)
    assert "what a seed changes" in invoke(runs / "a", runs / "a1").stderr
    assert "what a seed changes" not in invoke(runs / "a", runs / "b").stderr


def test_json_has_the_figures_and_the_sentence(runs: Path) -> None:
    result = invoke(runs / "b", runs / "a", "--json")
    assert result.exit_code == 0
    comparison = json.loads(result.stdout)
    assert comparison["error"]["difference"] == pytest.approx(0.04, rel=1e-4)
    assert comparison["error"]["significant"] is True
    assert comparison["failures"]["significant"] is True
    assert (comparison["people"], comparison["faces"], comparison["draws"]) == (12, 12, 2000)
    assert comparison["sentence"].startswith("a-s0 is better than b-s0")


def test_metrics_of_plugins_are_shown_from_the_records(tmp_path: Path) -> None:
    predictions = predict({person: [0.05] for person in PEOPLE})
    sums = record(predictions)["results"]["val"]["by_person"]
    for name, value, version in (("a", 0.3, "1.0"), ("b", 0.25, "1.0"), ("c", 0.25, "2.0")):
        metric = {"unit": "%", "lower_is_better": False, "version": version, "value": value}
        metric["by_person"] = {"key": sums["key"], "n": sums["n"], "sum": [value] * 12}
        figures = {
            "x/within": {"title": "within 5%", **metric},
            "x/loss": {"title": "NME inter-ocular", **metric, "by_person": None},
        }
        save_run(tmp_path / name, predictions, name, results={"metrics": figures})
    lines = invoke(tmp_path / "a", tmp_path / "b").stdout.splitlines()
    facts = {name: value.strip() for name, value in (line.split("  ", 1) for line in lines[:-2])}
    assert facts["within 5%"] == ("A 30.00%, B 25.00%, A - B +5.00% [+5.00%, +5.00%]: A is better")
    assert facts["NME inter-ocular"].startswith("A 5.00%")
    assert facts["NME inter-ocular (x/loss)"] == "A 30.00%, B 25.00%"
    metrics = json.loads(invoke(tmp_path / "b", tmp_path / "a", "--json").stdout)["metrics"]
    assert (metrics["x/within"]["better"], metrics["x/loss"]["paired"]) == ("b", None)
    other = invoke(tmp_path / "a", tmp_path / "c")
    assert "note: within 5%: measured by versions 1.0, 2.0 of x/within, whose " in other.stderr


def test_no_run_and_no_split_are_wrong_usage(runs: Path) -> None:
    result = invoke(runs / "a", runs / "nowhere")
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert "nowhere: no such run" in line
    result = invoke(runs / "a", runs / "b", "--split", "vall")
    assert result.exit_code == 2
    assert "did you mean val" in result.stderr


def test_a_pattern_that_the_shell_expanded_is_refused_with_advice_to_quote_it(runs: Path) -> None:
    result = invoke(*[runs / "a"] * 4)
    assert result.exit_code == 2
    assert "takes two runs, not 4; put a pattern" in result.output
    assert "into quotes, such as 'runs/NAME-s*'" in result.output


def test_runs_of_different_protocols_fail_with_one_line(runs: Path) -> None:
    people = {person: [0.05] for person in PEOPLE}
    save_run(runs / "c", predict(people), "c", data={"protocol": "official/1"})
    result = invoke(runs / "a", runs / "c")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "do not compare: protocol person/1 and official/1" in line


def test_an_unfinished_run_is_refused_with_the_command_to_resume_it(runs: Path) -> None:
    (runs / "c").mkdir()
    (runs / "c" / "config.toml").write_text("")
    result = invoke(runs / "a", runs / "c")
    assert result.exit_code == 2
    assert "zoo train --resume" in result.stderr


def test_a_run_compared_with_itself_gets_a_note(runs: Path) -> None:
    notes = invoke(runs / "a", runs / "a").stderr
    assert "both are the same run" in notes
    assert "what a seed changes" not in notes
