"""`zoo leaderboard` on a terminal, in a pipe and into a file."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from zoo.api import DataError, UsageError
from zoo.cli import leaderboard as board
from zoo.cli.leaderboard import leaderboard, terminal_table
from zoo.evaluation.board.leaderboard import collect
from zoo.evaluation.records import save_record

app = typer.Typer()
app.command()(leaderboard)
runner = CliRunner()


def save(folder: Path, backbone: str, seed: int = 0, nme: float | None = 0.061) -> None:
    record = {
        "schema": 1,
        "run": f"{backbone}-s{seed}",
        "plugin": {"id": backbone, "distribution": "landmark-zoo", "version": "0.1.0"},
        "config": {"head": "linear", "loss": "smooth_l1", "recipe": "seed", "pretrained": True},
        "config_hash": "abc123",
        "seed": seed,
        "data": {
            "dataset": "synthetic",
            "release": "drawn",
            "protocol": "official/1",
            "region": "frame",
            "fingerprint": "f00dbeef",
            "partial": True,
        },
        "model": {"parameters": 6984840, "gmacs": 0.79},
        "results": {
            "val": {
                "nme_ioc": nme,
                "nme_ioc_low": nme and nme - 0.004,
                "nme_ioc_high": nme and nme + 0.005,
                "nme_box": 0.032,
                "loss": 0.0234,
                "fr_08": 0.25,
                "auc_08": 0.3,
                "n": 428,
                "floor": {"nme_ioc": nme and 0.283, "nme_box": 0.14, "loss": 0.9},
            }
        },
        "cost": {"images_per_second": 812.3},
        "environment": {"device": "some processor"},
    }
    name = "".join(c for c in backbone if c.isalnum())
    save_record(record, folder / f"{name}-{seed}" / "record.json")


@pytest.fixture
def runs(tmp_path):
    save(tmp_path / "runs", "custom_cnn")
    save(tmp_path / "runs", "custom_cnn", seed=1, nme=0.065)
    save(tmp_path / "runs", "timm:convnext_tiny.fb_in22k_ft_in1k_384", nme=0.049)
    return tmp_path / "runs"


def run(*arguments):
    result = runner.invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def drawn(folder, width):
    groups, _ = collect([folder])
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None)
    for group in groups:
        console.print(terminal_table(group, width))
    return out.getvalue()


def test_a_pipe_gets_plain_lines_with_every_column(runs):
    result = run(runs)
    heading, titles, first, second, baseline, *notes = result.stdout.splitlines()
    assert "same people, same videos" in heading
    assert "partial" in heading
    assert titles.split()[:2] == ["model", "NME"]
    assert first.startswith("timm:convnext_tiny")
    assert "4.9 [4.5, 5.4]" in first
    assert "6.3 [5.9, 6.8]" in second
    assert "some processor" in second
    assert baseline.startswith("baseline (mean shape)")
    assert "28.3" in baseline
    assert notes[0] == (
        "note: best (=): no other row is tied with it at 95% (by their own intervals)"
    )
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("width", [50, 80, 120, 240])
def test_a_table_fits_the_terminal_and_keeps_the_main_columns(runs, width):
    text = drawn(runs, width)
    assert max(map(len, text.splitlines())) <= width
    assert "6.3 [5.9, 6.8]" in text
    assert "28.3" in text
    assert ("some processor" in text) == (width == 240)


def test_a_long_table_is_drawn_without_lines(tmp_path, monkeypatch, capsys):
    for i in range(5):
        save(tmp_path, f"model{i}")
    groups, _ = collect([tmp_path])
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any output for a terminal
    monkeypatch.setenv("COLUMNS", "80")
    board._print_tables(groups)
    few = capsys.readouterr().out
    monkeypatch.setattr(board, "MOST_DRAWN", 4)
    board._print_tables(groups)
    many = capsys.readouterr().out
    assert "─" in few
    assert "─" not in many
    for text in (few, many):
        assert all(f"model{i}" in text for i in range(5))
        assert "baseline (mean shape)" in text
        assert "processor" not in text  # it does not fit into 80 characters, and a note says so
        assert re.search(r"more\s+columns\s+have\s+no\s+room: .*device", text, re.DOTALL)
    assert all(len(line) <= 80 for line in many.splitlines() if line.startswith("model"))


def test_rich_markup_in_a_name_is_printed_unchanged(tmp_path):
    save(tmp_path, "[red]evil[/red]\x1b[31m")
    text = drawn(tmp_path, 80)
    assert "[red]evil[/red]" in text
    assert "\x1b" not in text
    assert "\x1b" not in run(tmp_path).stdout


def test_a_scheme_without_eye_corners_shows_the_box_error(tmp_path):
    save(tmp_path, "custom_cnn", nme=None)
    titles, first, baseline = run(tmp_path).stdout.splitlines()[1:]
    assert "NME box %" in titles
    assert "3.2" in first
    assert "14.0" in baseline


def test_standard_output_is_json_only(runs):
    (runs / "broken").mkdir()
    (runs / "broken" / "record.json").write_text("{")
    result = run(runs, "--format", "json")
    [group] = json.loads(result.stdout)
    assert [row["seeds"] for row in group["rows"]] == [[0], [0, 1]]
    assert "left out" in result.stderr
    assert "broken" in result.stderr


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("b.md", "## drawn faces"),
        ("b.tex", "% \\usepackage{booktabs}"),
        ("b.csv", "dataset,protocol"),
        ("b.json", "["),
        ("b.txt", "drawn faces, "),
    ],
)
def test_out_writes_the_format_of_the_file_name(runs, tmp_path, name, start):
    result = run(runs, "--out", tmp_path / "new" / name)
    assert (tmp_path / "new" / name).read_text().startswith(start)
    assert result.stdout == ""


def test_format_overrides_the_name(runs, tmp_path):
    run(runs, "--out", tmp_path / "board.txt", "--format", "csv")
    assert (tmp_path / "board.txt").read_text().startswith("dataset,")


def test_runs_is_the_default_folder(runs, monkeypatch):
    monkeypatch.chdir(runs.parent)
    assert "custom_cnn" in run().stdout


def test_an_out_that_cannot_be_written_is_one_clear_error(runs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--out"):
        run(runs, "--out", tmp_path / "file" / "board.md")


def test_copies_are_named_and_many_are_counted(tmp_path):
    for i in range(30):
        save(tmp_path / "runs" / str(i), "custom_cnn", seed=i)
    shutil.copytree(tmp_path / "runs", tmp_path / "again")
    result = run(tmp_path / "runs", tmp_path / "again", "--format", "json")
    [group] = json.loads(result.stdout)
    assert len(group["rows"][0]["runs"]) == 30
    lines = result.stderr.splitlines()
    assert len(lines) == 21
    assert "a copy of run custom_cnn-s0, counted once" in lines[0]
    assert lines[-1] == "left out: 10 more"


def test_unknown_format_and_empty_folder(runs, tmp_path):
    with pytest.raises(UsageError, match="no format 'markdown'"):
        run(runs, "--format", "markdown")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="zoo train"):
        run(tmp_path / "empty")


def test_columns_are_chosen_by_key_and_a_wrong_key_is_named(runs, tmp_path):
    _, titles, first, *_ = run(runs, "--columns", "parameters,nme").stdout.splitlines()
    assert titles.split() == ["model", "params", "NME", "%"]
    assert first.split()[1:] == ["6.98M", "4.9", "[4.5,", "5.4]"]
    run(runs, "--columns", "nme,mark", "--out", tmp_path / "b.csv")
    titles = (tmp_path / "b.csv").read_text().splitlines()[0].split(",")
    assert titles[6:] == [
        *("backbone", "detail", "nme_ioc", "nme_ioc_low", "nme_ioc_high", "tied", "pareto")
    ]
    with pytest.raises(UsageError, match=r"no column 'nmee': did you mean nme"):
        run(runs, "--columns", "nmee")
    with pytest.raises(UsageError, match="json always has all"):
        run(runs, "--columns", "nme", "--format", "json")


def test_a_file_name_of_no_known_format_is_refused(runs, tmp_path):
    with pytest.raises(UsageError, match=r"b\.text: its name says no format; end it in \.txt"):
        run(runs, "--out", tmp_path / "b.text")


def test_latex_escapes_every_text(tmp_path):
    save(tmp_path, r"a_b & 50% {\evil} $x^2$~#")
    text = run(tmp_path, "--format", "latex").stdout
    [row] = [line for line in text.splitlines() if line.startswith("a")]
    assert row.startswith(
        r"a\_b \& 50\% \{\textbackslash{}evil\} \$x\textasciicircum{}2\$\textasciitilde{}\# & 6.10 "
    )
    assert row.endswith(r"\\")
    columns = text.split(r"\begin{tabular}{")[1].split("}")[0]
    assert row.count(" & ") == len(columns) - 1
    for rule in ("toprule", "midrule", "bottomrule"):
        assert rf"\{rule}" in text


def test_latex_explains_its_marks_below_the_table_and_has_a_label(runs):
    text = run(runs, "--format", "latex").stdout
    table, _, below = text.partition(r"\end{tabular}")
    assert " & =* & " in table
    assert r"\par\footnotesize Best (=): no other row is tied with it at 95\%" in below
    assert r"\par\footnotesize Pareto (*): no other row" in below
    assert r"\label{tab:" in below
    assert below.rstrip().endswith(r"\end{table}")


def test_the_columns_of_a_trained_and_timed_run_at_80_characters(tmp_path):
    save(tmp_path, "timm:mobilenetv4_conv_small")
    [path] = tmp_path.glob("*/record.json")
    record = json.loads(path.read_text())
    record["cost"] |= {
        "train_seconds": 1093.0,
        "bench": {"device": "cpu", "latency_ms": 8.88, "images_per_second": 200.0},
    }
    path.write_text(json.dumps(record))
    titles, _, row, *_ = drawn(tmp_path, 80).splitlines()
    assert titles.split() == ["model", "NME", "%", ">", "8%", "loss", "params", "ms", "train"]
    assert row.split() == [
        *("timm:mobilenetv4_conv_small", "6.1", "[5.7,", "6.6]", "=*", "25.0", "0.0234"),
        *("6.98M", "8.88", "18", "min"),
    ]
